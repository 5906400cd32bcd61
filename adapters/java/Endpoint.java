// SPDX-License-Identifier: Apache-2.0
import java.io.ByteArrayOutputStream;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.BiFunction;
import java.util.function.Function;
import java.util.stream.Stream;

/** What both ends of a control connection have in common: octets in, octets out. */
abstract class Endpoint {
    private static final long LIMIT = 1 << 20; // octets between two HMACs, unless configured

    enum State { SETTING_UP, READY, WAITING, TESTING, CLOSED }

    /** A test session that was accepted; T3 and T4 are empty if its packets are open. */
    record Session(Fields request, byte[] sid, long port, String mode, byte[] t3, byte[] t4) {
        /** What its test packets are sealed and opened with. */
        Fields keys() {
            return Fields.of("mode", mode, "t3", t3, "t4", t4);
        }
    }

    /** What an end sends, before and after encryption. */
    record Sent(byte[] plaintext, byte[] octets) {}

    final Fields config;
    final String protocol;
    State state = State.SETTING_UP;
    Negotiation.Mode mode;
    List<Session> sessions = new ArrayList<>();
    boolean isStopSent;
    boolean isStopReceived;
    private final String sendsIfSet; // the field of requests for sessions in which this end sends
    private final String peerSendsIfSet;
    private final ByteArrayOutputStream plaintext = new ByteArrayOutputStream();
    private final ByteArrayOutputStream outbox = new ByteArrayOutputStream();
    private final ByteArrayOutputStream inbox = new ByteArrayOutputStream();
    private ControlStream out = ControlStream.open();
    private ControlStream in = ControlStream.open();
    private Fields keys; // T1 and T2
    BiFunction<byte[], Fields, Fields> derive = Keys::testKeys; // from a SID and those
    private Want want;
    private final long limit;
    private int held; // octets since the last HMAC
    private String why = "";

    Endpoint(Fields config, String sendsIfSet, String peerSendsIfSet) {
        this.config = config;
        this.protocol = config.text("protocol");
        this.limit = config.containsKey("messageLimit") ? config.number("messageLimit") : LIMIT;
        this.sendsIfSet = sendsIfSet;
        this.peerSendsIfSet = peerSendsIfSet;
    }

    final Sent take() {
        Sent sent = new Sent(plaintext.toByteArray(), outbox.toByteArray());
        plaintext.reset();
        outbox.reset();
        return sent;
    }

    final void put(byte[] text, byte[] octets) {
        plaintext.writeBytes(text);
        outbox.writeBytes(octets);
    }

    final void write(byte[] text) {
        put(text, out.write(text));
    }

    final void send(String name, Fields fields) {
        for (byte[] part : Messages.parts(name, fields)) {
            write(part);
            if (Messages.hasHmac(name)) {
                ControlStream.Tag tag = out.writeHmac();
                put(tag.plaintext(), tag.octets());
            }
        }
    }

    /** Takes octets, in pieces of any size; a broken rule closes the connection. */
    final void receive(byte[] octets) {
        try {
            for (int at = 0; state != State.CLOSED; ) {
                int size = (int) Math.min(want.size() - inbox.size(), octets.length - at);
                inbox.write(octets, at, size);
                at += size;
                if (inbox.size() < want.size()) {
                    return;
                }
                feed(inbox.toByteArray());
            }
        } catch (Refused refusal) {
            close(refusal.getMessage());
        }
    }

    private void feed(byte[] part) {
        inbox.reset();
        byte[] text = part;
        if (want.isHmac()) {
            in.check(part);
            held = 0;
        } else {
            text = in.read(part);
            held += part.length;
        }
        await(want.then().apply(text));
    }

    final void await(Want next) {
        want = next;
        if (want.isOver()) {
            close("");
        }
        boolean fits = want.isHmac() || held + want.size() <= limit;
        Refused.unless(want.isOver() || fits, "message: too long");
    }

    /** What fills a field that the RFCs call unused. */
    final byte[] unused(int size) {
        byte[] octets = new byte[size];
        if (config.containsKey("unused")) {
            Arrays.fill(octets, config.sized("unused", 1)[0]);
        }
        return octets;
    }

    /** The set-up is over. */
    final void begin() {
        state = State.READY;
        held = 0;
    }

    final void close(String reason) {
        if (state != State.CLOSED) {
            state = State.CLOSED;
            why = reason;
        }
    }

    final void checkOpen() {
        Refused.unless(state != State.CLOSED, why);
    }

    final void protect(Fields t1AndT2, byte[] ownIv, byte[] peerIv) {
        keys = t1AndT2;
        byte[] t1 = keys.octets("t1");
        byte[] t2 = keys.octets("t2");
        out = ControlStream.sending(t1, t2, ownIv);
        in = ControlStream.receiving(t1, t2, peerIv);
    }

    final void openSession(Fields request, byte[] sid, long port) {
        String packets = mode.ofPackets();
        Fields own = packets.equals("unauthenticated")
                ? Fields.of("t3", Octets.NONE, "t4", Octets.NONE) : derive.apply(sid, keys);
        sessions.add(new Session(request, sid, port, packets, own.octets("t3"), own.octets("t4")));
    }

    final Session firstSession() {
        Refused.unless(!sessions.isEmpty(), "session: none was accepted");
        return sessions.get(0);
    }

    /** The SIDs of those sessions in which one side sends. */
    private Stream<byte[]> sids(String ifSet) {
        return sessions.stream().filter(session -> session.request().number(ifSet) != 0)
                .map(Session::sid);
    }

    /** Stop-Sessions accounts for its sender's sessions (RFC 4656 §3.8, RFC 5357 §3.8). */
    private void checkStop(Fields stop, String ifSet) {
        if (protocol.equals("TWAMP")) {
            boolean isAll = stop.number("numberOfSessions") == sessions.size();
            Refused.unless(isAll, "Number of Sessions: another");
            return;
        }
        Stream<byte[]> found = stop.records("sessions").stream().map(item -> item.octets("sid"));
        Refused.unless(sorted(found).equals(sorted(sids(ifSet))), "Stop-Sessions: other SIDs");
    }

    private static List<String> sorted(Stream<byte[]> sids) {
        return sids.map(Octets::toHex).sorted().toList();
    }

    /** Stop-Sessions for what runs, where each session has sent so many packets. */
    final Fields stopAfter(long packets) {
        Fields stop = Fields.of("accept", 0);
        return protocol.equals("TWAMP") ? stop
                : stop.with("sessions", sids(sendsIfSet).map(sid -> Fields.of(
                        "sid", sid, "nextSeqno", packets, "skipRanges", List.of())).toList());
    }

    final void sendStop(Fields given) {
        Fields stop = given.with("numberOfSessions", sessions.size());
        Refused.unless(state == State.TESTING && !isStopSent, "Stop-Sessions: not now");
        checkStop(stop, sendsIfSet);
        send("Stop-Sessions (" + protocol + ")", stop);
        isStopSent = true;
        endTest();
    }

    final Want readStop(byte[] first, Function<Fields, Want> then) {
        return Messages.read("Stop-Sessions (" + protocol + ")", first, stop -> {
            Refused.unless(state == State.TESTING && !isStopReceived, "Stop-Sessions: not now");
            checkStop(stop, peerSendsIfSet);
            isStopReceived = true;
            endTest();
            return then.apply(stop);
        });
    }

    private void endTest() {
        if (protocol.equals("TWAMP") || isStopSent && isStopReceived) {
            state = State.READY;
            sessions = new ArrayList<>();
            isStopSent = false;
            isStopReceived = false;
        }
    }
}

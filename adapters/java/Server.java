// SPDX-License-Identifier: Apache-2.0
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;

/**
 * The Server. It is given `protocol`, `modes`, `count`, `challenge`, `salt`, `serverIv` and
 * `startTime`; and maybe `receivers`, the addresses to which its sessions may send.
 */
final class Server extends Endpoint {
    private static final Map<Integer, String> COMMANDS_OF_OWAMP = Map.of(1, "Request-Session",
            2, "Start-Sessions", 3, "Stop-Sessions", 4, "Fetch-Session");
    private static final Map<Integer, String> COMMANDS_OF_TWAMP = Map.of(
            2, "Start-Sessions", 3, "Stop-Sessions", 5, "Request-TW-Session");
    private static final int OK = 0; // values of Accept
    private static final int FAILURE = 1;
    private static final int NOT_SUPPORTED = 3;
    private static final int NO_IKE_SA = 6;
    private static final int SID_TRIES = 8; // then the random source is broken

    /** What is said to a request: with an Accept that is not 0, `port` is not used. */
    record Decision(long accept, long port) {}

    /** What a server is configured with, and asks for. */
    interface Policy {
        /** The shared secret of a KeyID, null if there is none. */
        byte[] findSecret(byte[] keyId, boolean isIkev2);

        byte[] nextSid();

        Decision decide(Fields request);
    }

    private final Policy policy;
    private final List<byte[]> sids = // those given so far; zeros are no SID
            new ArrayList<>(List.of(Primitives.ZEROS));
    private Fields ack; // to a Fetch-Session, with its data; null if nothing is kept
    private Fields data;

    Server(Fields config, Policy policy) {
        super(config, "confSender", "confReceiver");
        this.policy = policy;
        send("Server-Greeting", config);
        await(Messages.read("Set-Up-Response", Octets.NONE, this::setUp));
    }

    /** Keeps results, which answer any Fetch-Session. */
    void keep(Fields fetchAck, Fields results) {
        ack = fetchAck;
        data = results;
    }

    private Want setUp(Fields response) {
        long chosen = response.number("mode");
        if ((chosen & Negotiation.securityBits(protocol)) == 0) {
            return over("the client declines");
        }
        try {
            mode = Negotiation.chooseMode(protocol, config.number("modes"), chosen);
        } catch (Refused refusal) {
            return refuse(NOT_SUPPORTED, refusal.getMessage());
        }
        return mode.isProtected() ? authenticate(response) : start(unused(16));
    }

    private Want authenticate(Fields response) {
        byte[] secret = policy.findSecret(response.octets("keyId"), mode.isIkev2Derived());
        if (secret == null && mode.isIkev2Derived()) {
            return refuse(NO_IKE_SA, "KeyID: no such IKE SA");
        }
        Fields keys;
        try { // an unknown KeyID takes as long as a wrong passphrase
            keys = Keys.open(secret == null ? Octets.NONE : secret, config.with(response));
            Refused.unless(secret != null, "KeyID: not known");
        } catch (Refused refusal) {
            return refuse(FAILURE, refusal.getMessage());
        }
        byte[] serverIv = config.octets("serverIv");
        protect(keys, serverIv, response.octets("clientIv"));
        return start(serverIv);
    }

    private Want refuse(int accept, String reason) {
        send("Server-Start", Fields.of(
                "accept", accept, "serverIv", unused(16), "startTime", new byte[8]));
        return over(reason);
    }

    private Want over(String reason) {
        close(reason);
        return Want.nothing(null);
    }

    /** Sends Server-Start, whose last block is the first of the server's stream. */
    private Want start(byte[] serverIv) {
        byte[] text = Messages.parts("Server-Start", Fields.of("accept", OK, "serverIv", serverIv,
                "startTime", config.get("startTime"))).get(0);
        byte[] clear = Octets.first(32, text);
        put(clear, clear);
        write(Octets.from(32, text));
        begin();
        return next();
    }

    private Want next() {
        return Want.octets(16, this::obey);
    }

    private Want obey(byte[] first) {
        boolean isOwamp = protocol.equals("OWAMP");
        String name = (isOwamp ? COMMANDS_OF_OWAMP : COMMANDS_OF_TWAMP).get(first[0] & 0xff);
        if (name == null) {
            Refused.unless(!isOwamp, "Command Number: not one of OWAMP");
            return Want.hmac(() -> { // nobody knows how long it is: one block, RFC 5357 §3.5
                decline(NOT_SUPPORTED);
                return over("Command Number: not one of TWAMP");
            });
        }
        if (name.equals("Stop-Sessions")) {
            return readStop(first, stop -> next());
        }
        return Messages.read(name, first, fields -> {
            switch (name) {
                case "Start-Sessions" -> startSessions();
                case "Fetch-Session" -> fetch();
                default -> request(fields);
            }
            return next();
        });
    }

    private void answer(long accept, long port, byte[] sid) {
        send("Accept-Session", Fields.of("accept", accept, "port", port, "sid", sid));
    }

    /** With Port 0 in TWAMP (RFC 5357 §3.5). */
    private void decline(long accept) {
        answer(accept, protocol.equals("TWAMP") ? 0 : unusedPort(), unused(16));
    }

    private long unusedPort() {
        return new BigInteger(1, unused(2)).longValue();
    }

    private void startSessions() {
        boolean mayStart = state == State.READY && !sessions.isEmpty();
        send("Start-Ack", Fields.of("accept", mayStart ? OK : FAILURE));
        state = mayStart ? State.TESTING : state;
    }

    private void fetch() {
        boolean isFound = state == State.READY && ack != null;
        send("Fetch-Ack", isFound ? ack : Messages.NO_RESULTS.with("accept", FAILURE));
        if (isFound) {
            send("Session data", data);
        }
    }

    private void request(Fields request) {
        Decision decision = judge(request);
        if (decision.accept() != OK) {
            decline(decision.accept());
            return;
        }
        boolean isNamed = protocol.equals("OWAMP") && Negotiation.namesSid(request);
        byte[] sid = isNamed ? request.octets("sid") : newSid();
        sids.add(sid);
        boolean isBothHere = request.number("confSender") != 0 // so Port is unused
                && request.number("confReceiver") != 0;
        answer(OK, isBothHere ? unusedPort() : decision.port(), isNamed ? unused(16) : sid);
        openSession(request, sid, decision.port());
    }

    private Decision judge(Fields request) {
        boolean isTaken = Negotiation.namesSid(request) && isKnown(request.octets("sid"));
        boolean isFit = Negotiation.problemOf(protocol, request).isEmpty()
                && mayReceive(request) && !isTaken;
        return state == State.TESTING ? new Decision(FAILURE, 0) // RFC 4656 §3.4
                : isFit ? policy.decide(request) : new Decision(NOT_SUPPORTED, 0);
    }

    /** To no third party (RFC 4656 §6.2); in TWAMP, zeros are an end (RFC 5357 §3.5). */
    private boolean mayReceive(Fields request) {
        int size = request.number("ipvn") == 4 ? 4 : 16;
        byte[] address = Octets.first(size, request.octets("receiverAddress"));
        List<byte[]> receivers = config.octetStrings("receivers");
        boolean isEnd = protocol.equals("TWAMP") && Arrays.equals(address, new byte[size]);
        return receivers.isEmpty() || isEnd
                || receivers.stream().anyMatch(receiver -> Arrays.equals(receiver, address));
    }

    private boolean isKnown(byte[] sid) {
        return sids.stream().anyMatch(known -> Arrays.equals(known, sid));
    }

    private byte[] newSid() {
        for (int tries = 0; tries < SID_TRIES; tries++) {
            byte[] sid = policy.nextSid();
            if (!isKnown(sid)) {
                return sid;
            }
        }
        throw new Refused("SID: the same again");
    }
}

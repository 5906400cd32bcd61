// SPDX-License-Identifier: Apache-2.0
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.List;

/** A whole connection, from the greeting to the fetched results, and its test packets. */
final class Conversation {
    private static final long LIMIT = 1 << 19; // octets of packets, as hex 1 MiB
    private static final Fields SENDS = // what each packet says of its sender's clock and its way
            Fields.of("errorEstimate", new byte[] {0, 1}, "ttl", Packets.TTL);

    private final Fields v;
    private final Handshake.Credentials credentials; // null in the unauthenticated mode
    private final String protocol;
    private final long count; // of packets
    private final long padding;
    private final Client client;
    private final Server server;
    private final Handshake.Clock clock;
    private final List<Fields> transcript = new ArrayList<>();

    Conversation(Fields v, Handshake.Credentials credentials) {
        this.v = v;
        this.credentials = credentials;
        protocol = v.text("protocol");
        count = v.number("packets");
        padding = v.number("padding");
        boolean isSmall = count <= LIMIT && padding <= LIMIT && count * (14 + padding) <= LIMIT;
        Refused.unless(isSmall && padding >= 0, "packets: more than an answer has room for");
        client = Handshake.client(v, credentials);
        server = Handshake.server(v, credentials);
        clock = new Handshake.Clock(v.octets("packetTime"), Handshake.Clock.SECOND);
    }

    private void say(Endpoint sender, String message) {
        Endpoint.Sent sent = sender.take();
        transcript.add(Fields.of("sender", sender == client ? "client" : "server",
                "message", message, "plaintext", sent.plaintext(), "octets", sent.octets()));
        Endpoint receiver = sender == client ? server : client;
        receiver.receive(sent.octets());
        receiver.checkOpen();
    }

    private void ask(String name, Fields fields, String reply) {
        client.ask(name, fields);
        say(client, name);
        say(server, reply);
    }

    Fields run() {
        say(server, "Server-Greeting");
        say(client, "Set-Up-Response");
        say(server, "Server-Start");
        String request = Messages.request(protocol);
        for (byte[] octets : v.octetStrings("requests")) {
            ask(request, Messages.parse(request, octets), "Accept-Session");
        }
        ask("Start-Sessions", new Fields(), "Start-Ack");
        List<Endpoint.Session> sessions = server.sessions;
        List<List<byte[]>> packets = sessions.stream().map(this::exchange).toList();
        stop();
        List<Fields> results = new ArrayList<>();
        for (int i = 0; i < sessions.size(); i++) {
            Endpoint.Session session = sessions.get(i);
            if (protocol.equals("OWAMP") && session.request().number("confReceiver") != 0) {
                fetch(session, packets.get(i));
            }
            results.add(Fields.of("sid", session.sid(), "t3", session.t3(), "t4", session.t4(),
                    "packets", packets.get(i)));
        }
        return outputs().with("transcript", transcript, "sessions", results);
    }

    private Fields outputs() {
        if (credentials == null) {
            return Fields.of("keyId", new byte[KeyId.SIZE], "sharedSecret", Octets.NONE,
                    "tokenKey", Octets.NONE);
        }
        byte[] secret = credentials.secret();
        return Fields.of("keyId", credentials.keyId(), "sharedSecret", secret,
                "tokenKey", Keys.tokenKey(secret, v));
    }

    /** The test packets of a session, in the order in which they are sent. */
    private List<byte[]> exchange(Endpoint.Session session) {
        Fields common = session.keys().with(SENDS);
        List<byte[]> packets = new ArrayList<>();
        for (long number = 0; number < count; number++) {
            byte[] packet = Packets.seal("Sender", common.with("sequenceNumber", number,
                    "timestamp", clock.read(), "padding", new byte[(int) padding]))
                    .octets("packet");
            packets.add(packet);
            if (protocol.equals("TWAMP")) {
                Fields own = common.with(
                        "receiveTimestamp", clock.read(), "timestamp", clock.read());
                byte[] answer = Packets.reflect(own, packet, number);
                Packets.open("Reflector", common.with("packet", answer));
                packets.add(answer);
            }
        }
        return packets;
    }

    private void stop() {
        client.sendStop(client.stopAfter(count));
        say(client, "Stop-Sessions");
        if (protocol.equals("OWAMP")) {
            server.sendStop(server.stopAfter(count));
            say(server, "Stop-Sessions");
        }
    }

    private void fetch(Endpoint.Session session, List<byte[]> packets) {
        List<Fields> records = packets.stream().map(packet -> record(session, packet)).toList();
        client.ask("Fetch-Session",
                Fields.of("beginSeq", 0, "endSeq", 0xffffffffL, "sid", session.sid()));
        say(client, "Fetch-Session");
        Fields ack = Fields.of("accept", 0, "finished", 1, "nextSeqno", records.size(),
                "numberOfSkipRanges", 0, "numberOfRecords", records.size());
        Fields request =
                session.request().with("sid", session.sid(), "receiverPort", session.port());
        server.answerFetch(ack,
                Fields.of("request", request, "skipRanges", List.of(), "records", records));
        say(server, "Fetch-Ack and session data");
    }

    /** What is kept of a packet, which came 2^-8 seconds after it was sent. */
    private static Fields record(Endpoint.Session session, byte[] packet) {
        Fields found = Packets.open("Sender", session.keys().with("packet", packet));
        Handshake.Clock came = new Handshake.Clock(found.octets("timestamp"), 1 << 24);
        BigInteger estimate = new BigInteger(1, found.octets("errorEstimate"));
        return Fields.of("seqNumber", found.get("sequenceNumber"), "sendErrorEstimate", estimate,
                "receiveErrorEstimate", estimate, "sendTimestamp", came.read(),
                "receiveTimestamp", came.read(), "ttl", Packets.TTL);
    }
}

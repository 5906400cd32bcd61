// SPDX-License-Identifier: Apache-2.0
import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;

/** A whole connection, from the greeting to the fetched results, and its test packets. */
final class Conversation {
    private static final long ON_THE_WAY = 1 << 24; // 2^-8 s, for a test packet or its answer
    private static final long MAX_PADDING = 65535; // a datagram has no room for more
    private static final Fields SENDS = // what each packet says of its sender's clock and its way
            Fields.of("errorEstimate", new byte[] {0, 1}, "ttl", Packets.TTL);

    private final Fields v;
    private final Handshake.Credentials credentials; // null in the unauthenticated mode
    private final String protocol;
    private final List<byte[]> sendTimes; // of the packets of each session
    private final long padding;
    private final Client client;
    private final Server server;
    private final List<Fields> transcript = new ArrayList<>();

    Conversation(Fields v, Handshake.Credentials credentials) {
        this.v = v;
        this.credentials = credentials;
        protocol = v.text("protocol");
        sendTimes = v.octetStrings("sendTimes");
        padding = v.number("padding");
        Refused.unless(padding >= 0 && padding <= MAX_PADDING, "padding: out of range");
        client = Handshake.client(v, credentials);
        server = Handshake.server(v, credentials == null ? List.of() : List.of(credentials));
    }

    /** A time after another, modulo an NTP era. */
    private static byte[] later(byte[] time, long delay) {
        long start = ByteBuffer.wrap(Octets.sized("time", time, 8)).getLong();
        return ByteBuffer.allocate(8).putLong(start + delay).array();
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
            return Fields.of("keyId", client.unused(KeyId.SIZE), "sharedSecret", Octets.NONE,
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
        for (int number = 0; number < sendTimes.size(); number++) {
            byte[] time = sendTimes.get(number);
            Fields numbered = common.with("sequenceNumber", number);
            byte[] packet = Packets.seal("Sender", numbered.with(
                    "timestamp", time, "padding", new byte[(int) padding])).octets("packet");
            packets.add(packet);
            if (protocol.equals("TWAMP")) {
                Fields own = numbered.with("receiveTimestamp", later(time, ON_THE_WAY),
                        "timestamp", later(time, 2 * ON_THE_WAY));
                byte[] answer = Packets.reflect(own, packet);
                Packets.open("Reflector", common.with("packet", answer));
                packets.add(answer);
            }
        }
        return packets;
    }

    private void stop() {
        client.sendStop(client.stopAfter(sendTimes.size()));
        say(client, "Stop-Sessions");
        if (protocol.equals("OWAMP")) {
            server.sendStop(server.stopAfter(sendTimes.size()));
            say(server, "Stop-Sessions");
        }
    }

    private void fetch(Endpoint.Session session, List<byte[]> packets) {
        List<Fields> records = packets.stream().map(packet -> record(session, packet)).toList();
        Fields ack = Fields.of("accept", 0, "finished", 1, "nextSeqno", records.size(),
                "numberOfSkipRanges", 0, "numberOfRecords", records.size());
        Fields request =
                session.request().with("sid", session.sid(), "receiverPort", session.port());
        server.keep(ack,
                Fields.of("request", request, "skipRanges", List.of(), "records", records));
        Fields all = Fields.of("beginSeq", 0, "endSeq", 0xffffffffL, "sid", session.sid());
        ask("Fetch-Session", all, "Fetch-Ack and session data");
    }

    /** What is kept of a packet. */
    private static Fields record(Endpoint.Session session, byte[] packet) {
        Fields found = Packets.open("Sender", session.keys().with("packet", packet));
        byte[] sent = found.octets("timestamp");
        BigInteger estimate = new BigInteger(1, found.octets("errorEstimate"));
        return Fields.of("seqNumber", found.get("sequenceNumber"), "sendErrorEstimate", estimate,
                "receiveErrorEstimate", estimate, "sendTimestamp", sent,
                "receiveTimestamp", later(sent, ON_THE_WAY), "ttl", Packets.TTL);
    }
}

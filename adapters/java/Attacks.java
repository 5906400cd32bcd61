// SPDX-License-Identifier: Apache-2.0
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.function.UnaryOperator;

/** What the models find, played against these endpoints. */
final class Attacks {
    static final Map<String, UnaryOperator<Fields>> TYPES = Map.of(
            "SessionRun", Attacks::sessionRun,
            "TokenForged", Attacks::tokenForged,
            "ForgedTokenAccepted", Attacks::forgedTokenAccepted,
            "ModeChanged", Attacks::modeChanged,
            "ControlKeysFromLostTestKeys", Attacks::controlKeysFromLostTestKeys,
            "PacketOfSession", Attacks::packetOfSession,
            "PacketTaken", Attacks::packetTaken);
    static final Fields SENDS = // a synchronized clock
            Fields.of("errorEstimate", new byte[] {(byte) 0x80, 1}, "ttl", Packets.TTL);
    static final String REQUEST = "Request-TW-Session";
    private static final long OFFERED = 7; // Modes of the server

    private static final Fields ANY = // what a Token does not depend on
            Fields.of("mode", 4, "keyName", "any", "clientIv", Primitives.ZEROS);

    private Attacks() {}

    /** A server that knows one shared secret, and grants each request. */
    record Granting(byte[] keyId, byte[] secret, byte[] sid, long port) implements Server.Policy {
        static Granting of(byte[] keyId, Fields v) {
            return new Granting(
                    keyId, v.octets("sharedSecret"), v.octets("sid"), v.number("port"));
        }

        @Override
        public byte[] findSecret(byte[] other, boolean isIkev2) {
            return Arrays.equals(keyId, other) ? secret : null;
        }

        @Override
        public byte[] nextSid() {
            return Octets.sized("sid", sid, 16);
        }

        @Override
        public Server.Decision decide(Fields request) {
            return new Server.Decision(0, port);
        }
    }

    private static Client client(Fields v) {
        return new Client(v.with("protocol", "TWAMP", "isIkev2", false,
                "security", Negotiation.nameOf(v.number("mode")),
                "keyId", KeyId.encode(v.text("keyName")), "secret", v.get("sharedSecret")));
    }

    private static Server server(Fields v) {
        return new Server(Fields.of("modes", OFFERED).with(v).with("protocol", "TWAMP"),
                Granting.of(KeyId.encode(v.text("keyName")), v));
    }

    /** What an end answers; refused if it closes the connection. */
    static byte[] give(Endpoint end, byte[] octets) {
        end.receive(octets);
        end.checkOpen();
        return end.take().octets();
    }

    /** A request in plaintext, of what is between its command number and its HMAC. */
    static byte[] request(byte[] parameters) {
        return Octets.join(new byte[] {5}, parameters);
    }

    static byte[] ask(Client client, byte[] parameters) {
        byte[] text = Octets.join(request(parameters), Primitives.ZEROS);
        client.ask(REQUEST, Messages.parse(REQUEST, text));
        return client.take().octets();
    }

    /** A connection with one session, and its messages. A case may have Mode changed on the way. */
    private record Connection(Fields sent, Client client, Server server) {
        static Connection of(Fields v) {
            Client client = Attacks.client(v);
            Server server = Attacks.server(v);
            Fields changed = new Fields();
            byte[] serverGreeting = server.take().octets();
            byte[] setUpResponse = give(client, serverGreeting);
            byte[] received = setUpResponse;
            if (v.containsKey("changedMode")) {
                byte[] mode = Layout.of("mode:4").pack(Fields.of("mode", v.get("changedMode")));
                received = Octets.join(mode, Octets.from(mode.length, setUpResponse));
                changed.put("changedSetUpResponse", received);
            }
            byte[] serverStart = give(server, received);
            give(client, serverStart);
            byte[] requestSession = ask(client, v.octets("parameters"));
            byte[] acceptSession = give(server, requestSession);
            give(client, acceptSession);
            Endpoint.Session session = client.firstSession();
            return new Connection(changed.with("serverGreeting", serverGreeting,
                    "setUpResponse", setUpResponse, "serverStart", serverStart,
                    "requestSession", requestSession, "acceptSession", acceptSession,
                    "t3", session.t3(), "t4", session.t4()), client, server);
        }

        Fields keys() {
            return client.firstSession().keys();
        }
    }

    private static byte[] senderPacket(Fields keys, Fields v) {
        return Packets.seal("Sender", keys.with(SENDS).with("sequenceNumber",
                v.get("sequenceNumber"), "timestamp", v.get("timestamp"), "padding", Octets.NONE))
                .octets("packet");
    }

    private static byte[] reflectorPacket(Fields keys, Fields v, byte[] packet) {
        Fields own = keys.with(SENDS).with("receiveTimestamp", v.get("receiveTimestamp"),
                "timestamp", v.get("reflectorTimestamp"), "sequenceNumber", 0);
        return Packets.reflect(own, packet);
    }

    private static Fields sessionRun(Fields v) {
        Connection connection = Connection.of(v);
        Fields keys = connection.keys();
        byte[] packet = senderPacket(keys, v);
        byte[] answer = reflectorPacket(keys, v, packet);
        Fields returned = Packets.open("Reflector", keys.with("packet", answer));
        return connection.sent().with("senderPacket", packet, "reflectorPacket", answer,
                "returnedSequenceNumber", returned.get("senderSequenceNumber"));
    }

    /** In Mode 8 the reflector gets a packet in clear, which anybody can make. */
    private static Fields modeChanged(Fields v) {
        Connection connection = Connection.of(v);
        Client client = connection.client();
        Server server = connection.server();
        client.ask("Start-Sessions", new Fields());
        byte[] startSessions = client.take().octets();
        byte[] startAck = give(server, startSessions);
        give(client, startAck);
        Fields atServer = server.firstSession().keys();
        boolean isFromAnybody = atServer.text("mode").equals("unauthenticated");
        byte[] packet = senderPacket(isFromAnybody ? atServer : connection.keys(), v);
        return connection.sent().with("startSessions", startSessions, "startAck", startAck,
                "senderPacket", packet, "reflectorPacket", reflectorPacket(atServer, v, packet));
    }

    private static Fields tokenForged(Fields v) {
        byte[] t2 = v.octets("wantedT2");
        List<byte[]> wanted =
                List.of(v.octets("wantedT1"), Octets.first(16, t2), Octets.from(16, t2));
        List<byte[]> chosen = new ArrayList<>(List.of(v.octets("challenge")));
        List<byte[]> tokens = new ArrayList<>();
        List<byte[]> blocks = new ArrayList<>();
        List<byte[]> t1s = v.octetStrings("clientT1");
        List<byte[]> t2s = v.octetStrings("clientT2");
        boolean isToken = t1s.size() == 4 && t2s.size() == 4; // one client for each block
        Refused.unless(isToken, "clientT1, clientT2: expected 4 of each");
        for (int i = 0; i < t1s.size(); i++) {
            Client client = client(v.with(ANY).with("t1", t1s.get(i), "t2", t2s.get(i)));
            Fields lure = v.with("modes", OFFERED, "challenge", chosen.get(i));
            byte[] response = give(client, Messages.parts("Server-Greeting", lure).get(0));
            byte[] token = Messages.parse("Set-Up-Response", response).octets("token");
            tokens.add(token);
            blocks.add(Octets.first(16, token));
            if (i < wanted.size()) {
                chosen.add(Octets.xor(blocks.get(i), wanted.get(i)));
            }
        }
        byte[] token = Octets.join(blocks);
        Fields opened = Keys.open(v.octets("sharedSecret"), v.with("token", token));
        return Fields.of("tokenKey", opened.get("tokenKey"), "chosenChallenges", chosen,
                "clientTokens", tokens, "token", token,
                "serverT1", opened.get("t1"), "serverT2", opened.get("t2"));
    }

    private static Fields forgedTokenAccepted(Fields v) {
        Server server = server(v);
        byte[] serverGreeting = server.take().octets();
        byte[] keyId = KeyId.encode(v.text("keyName"));
        byte[] setUpResponse = Messages.parts("Set-Up-Response", v.with("keyId", keyId)).get(0);
        byte[] serverStart = give(server, setUpResponse);
        ControlStream adversary = ControlStream.sending(
                v.octets("t1"), v.octets("t2"), v.octets("clientIv"));
        byte[] request = adversary.write(request(v.octets("parameters")));
        byte[] requestSession = Octets.join(request, adversary.writeHmac().octets());
        byte[] acceptSession = give(server, requestSession);
        Endpoint.Session session = server.firstSession();
        return Fields.of("serverGreeting", serverGreeting, "setUpResponse", setUpResponse,
                "serverStart", serverStart, "accept", serverStart[15],
                "requestSession", requestSession, "acceptSession", acceptSession,
                "t3", session.t3(), "t4", session.t4());
    }

    private static Fields controlKeysFromLostTestKeys(Fields v) {
        Fields keys = Keys.controlKeys(v.octets("sid"), v);
        byte[] text = Primitives.decrypt(
                keys.octets("t1"), v.octets("clientIv"), v.octets("requestSession"));
        return Fields.of("recoveredT1", keys.get("t1"), "recoveredT2", keys.get("t2"),
                "decryptedRequest", text);
    }

    /** As RFC 4656 §4.1.2 makes them, or those of the connection, as in no RFC. */
    private static Fields sessionKeys(Fields v) {
        Fields keys = v.text("keys").equals("shared") ? Fields.of("t3", v.get("t1"),
                "t4", v.get("t2")) : Keys.testKeys(v.octets("sid"), v);
        return keys.with("mode", v.get("testMode"));
    }

    private static Fields packetOfSession(Fields v) {
        Fields keys = sessionKeys(v);
        return Fields.of("t3", keys.get("t3"), "t4", keys.get("t4"),
                "senderPacket", senderPacket(keys, v));
    }

    private static Fields packetTaken(Fields v) {
        boolean isSender = v.text("role").equals("Session-Sender");
        Fields found = Packets.open(isSender ? "Reflector" : "Sender",
                sessionKeys(v).with("packet", v.get("receivedPacket")));
        boolean isOfOwn =
                !isSender || found.number("senderSequenceNumber") < v.number("sent");
        Refused.unless(isOfOwn, "Sender Sequence Number: never sent");
        return Fields.of("acceptedSequenceNumber", found.get("sequenceNumber"));
    }
}

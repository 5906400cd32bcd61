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
            "ControlKeysFromLostTestKeys", Attacks::controlKeysFromLostTestKeys,
            "TokenForged", Attacks::tokenForged,
            "OwnPacketToSender", Attacks::ownPacketToSender,
            "PacketToOtherSession", Attacks::packetToOtherSession);
    static final Fields SENDS = // a synchronized clock
            Fields.of("errorEstimate", new byte[] {(byte) 0x80, 1}, "ttl", Packets.TTL);
    static final String REQUEST = "Request-TW-Session";
    private static final long OFFERED = 7; // Modes of the server

    private Attacks() {}

    private static Client client(Fields v) {
        return new Client(v.with("protocol", "TWAMP", "isIkev2", false,
                "security", Negotiation.nameOf(v.number("mode")),
                "keyId", KeyId.encode(v.text("keyName")), "secret", v.get("sharedSecret")));
    }

    private static Server server(Fields v) {
        byte[] known = KeyId.encode(v.text("keyName"));
        byte[] sid = v.sized("sid", 16);
        return new Server(v.with("protocol", "TWAMP", "modes", OFFERED),
                (keyId, isIkev2) -> Arrays.equals(keyId, known) ? v.octets("sharedSecret") : null,
                () -> sid);
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

    /** A connection with one session, and its messages. */
    private record Connection(Fields sent, Endpoint.Session session) {
        static Connection of(Fields v) {
            Client client = client(v);
            Server server = server(v);
            byte[] serverGreeting = server.take().octets();
            byte[] setUpResponse = give(client, serverGreeting);
            byte[] serverStart = give(server, setUpResponse);
            give(client, serverStart);
            byte[] requestSession = ask(client, v.octets("parameters"));
            byte[] acceptSession = give(server, requestSession);
            give(client, acceptSession);
            Endpoint.Session session = client.firstSession();
            return new Connection(Fields.of("serverGreeting", serverGreeting,
                    "setUpResponse", setUpResponse, "serverStart", serverStart,
                    "requestSession", requestSession, "acceptSession", acceptSession,
                    "t3", session.t3(), "t4", session.t4()), session);
        }
    }

    private static byte[] senderPacket(Fields keys, Fields v) {
        return Packets.seal("Sender", keys.with(SENDS).with("sequenceNumber",
                v.get("sequenceNumber"), "timestamp", v.get("timestamp"), "padding", Octets.NONE))
                .octets("packet");
    }

    private static Fields sessionRun(Fields v) {
        Connection connection = Connection.of(v);
        Fields keys = connection.session().keys();
        byte[] packet = senderPacket(keys, v);
        Fields own = keys.with(SENDS).with("receiveTimestamp", v.get("receiveTimestamp"),
                "timestamp", v.get("reflectorTimestamp"));
        byte[] answer = Packets.reflect(own, packet, 0);
        Fields returned = Packets.open("Reflector", keys.with("packet", answer));
        return connection.sent().with("senderPacket", packet, "reflectorPacket", answer,
                "returnedSequenceNumber", returned.get("senderSequenceNumber"));
    }

    private static Fields controlKeysFromLostTestKeys(Fields v) {
        Fields sent = Connection.of(v).sent();
        Fields keys = Keys.controlKeys(v.octets("sid"), sent);
        byte[] text = Primitives.decrypt(
                keys.octets("t1"), v.octets("clientIv"), sent.octets("requestSession"));
        return sent.with("recoveredT1", keys.get("t1"), "recoveredT2", keys.get("t2"),
                "decryptedRequest", text);
    }

    private static Fields tokenForged(Fields v) {
        Server server = server(v);
        byte[] serverGreeting = server.take().octets();
        List<byte[]> chosen = new ArrayList<>(List.of(v.octets("challenge")));
        List<byte[]> tokens = new ArrayList<>();
        List<byte[]> t1s = v.octetStrings("clientT1");
        List<byte[]> t2s = v.octetStrings("clientT2");
        for (int i = 0; i < t1s.size(); i++) {
            Client client = client(v.with("t1", t1s.get(i), "t2", t2s.get(i)));
            Fields lure = v.with("modes", OFFERED, "challenge", chosen.get(i));
            byte[] response = give(client, Messages.parts("Server-Greeting", lure).get(0));
            byte[] token = Messages.parse("Set-Up-Response", response).octets("token");
            tokens.add(token);
            chosen.add(Octets.first(16, token));
        }
        byte[] token = Octets.join(chosen.subList(1, chosen.size()));
        Fields keys = Keys.open(v.octets("sharedSecret"), v.with("token", token));
        byte[] setUpResponse = Messages.parts("Set-Up-Response", v.with(
                "keyId", KeyId.encode(v.text("keyName")), "token", token)).get(0);
        byte[] serverStart = give(server, setUpResponse);
        ControlStream adversary = ControlStream.sending(
                keys.octets("t1"), keys.octets("t2"), v.octets("clientIv"));
        byte[] request = adversary.write(request(v.octets("parameters")));
        byte[] requestSession = Octets.join(request, adversary.writeHmac().octets());
        byte[] acceptSession = give(server, requestSession);
        Endpoint.Session session = server.firstSession();
        return keys.with("serverGreeting", serverGreeting,
                "chosenChallenges", chosen.subList(0, t1s.size()), "clientTokens", tokens,
                "token", token, "setUpResponse", setUpResponse, "serverStart", serverStart,
                "accept", serverStart[15], "requestSession", requestSession,
                "acceptSession", acceptSession, "t3", session.t3(), "t4", session.t4());
    }

    private static Fields ownPacketToSender(Fields v) {
        Fields keys = Keys.testKeys(v.octets("sid"), v).with("mode", v.get("testMode"));
        byte[] packet = senderPacket(keys, v);
        byte[] claimed = Packets.seal("Reflector", keys.with(SENDS).with("mode", "authenticated",
                "sequenceNumber", 0, "timestamp", v.get("reflectorTimestamp"),
                "receiveTimestamp", v.get("receiveTimestamp"),
                "senderSequenceNumber", v.get("senderSequenceNumber"),
                "senderTimestamp", v.get("senderTimestamp"),
                "senderErrorEstimate", SENDS.get("errorEstimate"), "senderTtl", Packets.TTL,
                "padding", Octets.NONE)).octets("packet");
        int size = keys.text("mode").equals("authenticated") ? 16 : 32; // of it is encrypted
        byte[] reflected = Octets.join(Octets.first(size, packet), Octets.part(claimed, size, 96),
                Octets.from(packet.length - 16, packet));
        Fields found = Packets.open("Reflector", keys.with("packet", reflected));
        boolean wasSent = found.number("senderSequenceNumber") <= v.number("sequenceNumber");
        Refused.unless(wasSent, "Sender Sequence Number: never sent");
        return keys.with("senderPacket", packet, "reflectedPacket", reflected,
                "acceptedSequenceNumber", found.get("sequenceNumber"));
    }

    private static Fields packetToOtherSession(Fields v) {
        Fields sender = sessionKeys(v, "senderSid");
        Fields receiver = sessionKeys(v, "receiverSid");
        byte[] packet = senderPacket(sender, v);
        byte[] received = packet;
        if (v.text("testMode").equals("authenticated")) { // whose timestamp is in clear
            received = Octets.join(Octets.first(16, packet), v.sized("receivedTimestamp", 8),
                    Octets.from(24, packet));
        }
        Fields found = Packets.open("Sender", receiver.with("packet", received));
        return Fields.of("senderT3", sender.get("t3"), "senderT4", sender.get("t4"),
                "receiverT3", receiver.get("t3"), "receiverT4", receiver.get("t4"),
                "senderPacket", packet, "receivedPacket", received,
                "acceptedSequenceNumber", found.get("sequenceNumber"));
    }

    private static Fields sessionKeys(Fields v, String sid) {
        Fields keys = v.text("keys").equals("shared") ? Fields.of("t3", v.get("t1"),
                "t4", v.get("t2")) : Keys.testKeys(v.octets(sid), v);
        return keys.with("mode", v.get("testMode"));
    }
}

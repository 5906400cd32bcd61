// SPDX-License-Identifier: Apache-2.0
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;

/** Both ends of a connection as the cases want them, and how one of them behaves. */
final class Handshake {
    static final Map<String, UnaryOperator<Fields>> TYPES = Map.of(
            "OpenHandshake", v -> new Conversation(v, null).run(),
            "PassphraseHandshake", v -> new Conversation(v, byPassphrase(v, v)).run(),
            "Ikev2Handshake", v -> new Conversation(v, byIkeSa(v)).run(),
            "ServerBehaviour", Handshake::serverBehaviour,
            "ClientBehaviour", Handshake::clientBehaviour);
    private Handshake() {}

    /** What a client authenticates itself with. */
    record Credentials(byte[] secret, byte[] keyId, boolean isIkev2) {
        boolean isNamedBy(byte[] other, boolean byIkev2) {
            int size = isIkev2 ? 16 : KeyId.SIZE; // RFC 7717 §5.3
            return isIkev2 == byIkev2 && Arrays.equals(keyId, 0, size, other, 0, size);
        }
    }

    private static Credentials byPassphrase(Fields v, Fields record) {
        byte[] secret = Keys.passphrase(v.text("protocol"), record);
        return new Credentials(secret, KeyId.encode(record.text("name")), false);
    }

    private static Credentials byIkeSa(Fields v) {
        byte[] secret = Ikev2.sharedSecret(v).octets("sharedSecretKey");
        return new Credentials(secret, Ikev2.keyId(v), true);
    }

    private static Credentials ofIkeSa(Fields sa) {
        return new Credentials(sa.octets("sharedSecretKey"), Ikev2.keyId(sa), true);
    }

    /** What the server of a case knows, and is configured to say to each request in turn. */
    private record Configured(List<Credentials> known, Iterator<byte[]> sids,
            Iterator<Fields> decisions) implements Server.Policy {
        @Override
        public byte[] findSecret(byte[] keyId, boolean isIkev2) {
            return known.stream().filter(one -> one.isNamedBy(keyId, isIkev2))
                    .map(Credentials::secret).findFirst().orElse(null);
        }

        @Override
        public byte[] nextSid() {
            Refused.unless(sids.hasNext(), "SID: no more");
            return sids.next();
        }

        @Override
        public Server.Decision decide(Fields request) {
            if (!decisions.hasNext()) {
                return new Server.Decision(4, 0);
            }
            Fields decision = decisions.next();
            return new Server.Decision(decision.number("accept"), decision.number("port"));
        }
    }

    /** A server that knows these credentials. */
    static Server server(Fields v, List<Credentials> known) {
        return new Server(v.with("modes", v.get("offeredModes")), new Configured(
                known, v.octetStrings("sids").iterator(), v.records("policy").iterator()));
    }

    static Client client(Fields v, Credentials own) {
        return new Client(own == null ? v.with("isIkev2", false) : v.with(
                "secret", own.secret(), "keyId", own.keyId(), "isIkev2", own.isIkev2()));
    }

    /** What an end sends at first and after each step; `say` has it say something by itself. */
    private static Fields behaviour(Endpoint end, Fields v, Consumer<byte[]> say) {
        List<byte[]> sent = new ArrayList<>();
        sent.add(end.take().octets());
        for (Fields step : v.records("steps")) {
            byte[] octets = step.octets("octets");
            if (step.text("do").equals("receive")) {
                end.receive(octets);
            } else {
                sayIfItMay(say, octets);
            }
            sent.add(end.take().octets());
        }
        boolean isClosed = end.state == Endpoint.State.CLOSED;
        return Fields.of("sent", sent, "ending", isClosed ? "closed" : "open");
    }

    /** An end that is not in the state for a message says nothing. */
    private static void sayIfItMay(Consumer<byte[]> say, byte[] octets) {
        try {
            say.accept(octets);
        } catch (Refused notNow) {
            return;
        }
    }

    private static Fields stop(Endpoint end, byte[] octets) {
        return Messages.parse("Stop-Sessions (" + end.protocol + ")", octets);
    }

    private static Fields serverBehaviour(Fields v) {
        List<Credentials> known = Stream.concat(
                v.records("secrets").stream().map(secret -> byPassphrase(v, secret)),
                v.records("ikeSas").stream().map(Handshake::ofIkeSa)).toList();
        Server server = server(v, known);
        return behaviour(server, v, octets -> server.sendStop(stop(server, octets)));
    }

    private static Fields clientBehaviour(Fields v) {
        Credentials own = v.records("ikeSas").stream().map(Handshake::ofIkeSa).findFirst()
                .orElseGet(() -> byPassphrase(v, v));
        Client client = client(v, own);
        return behaviour(client, v, octets -> {
            int command = Octets.first(1, octets)[0];
            String name = switch (command) {
                case 2 -> "Start-Sessions";
                case 4 -> "Fetch-Session";
                default -> Messages.request(client.protocol);
            };
            if (command == 3) {
                client.sendStop(stop(client, octets));
            } else {
                client.ask(name, Messages.parse(name, octets));
            }
        });
    }
}

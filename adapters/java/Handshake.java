// SPDX-License-Identifier: Apache-2.0
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import java.util.function.Supplier;
import java.util.function.UnaryOperator;

/** Both ends of a connection as the cases want them, and how one of them behaves. */
final class Handshake {
    static final Map<String, UnaryOperator<Fields>> TYPES = Map.of(
            "OpenHandshake", v -> new Conversation(v, null).run(),
            "PassphraseHandshake", v -> new Conversation(v, byPassphrase(v)).run(),
            "Ikev2Handshake", v -> new Conversation(v, byIkeSa(v)).run(),
            "ServerBehaviour", Handshake::serverBehaviour,
            "ClientBehaviour", Handshake::clientBehaviour);
    private static final byte[] SID_ADDRESS = {(byte) 192, 0, 2, 1};
    private static final Fields FETCH_REFUSED = Fields.of("accept", 1, "finished", 0,
            "nextSeqno", 0, "numberOfSkipRanges", 0, "numberOfRecords", 0);

    private Handshake() {}

    /** What a client authenticates itself with. */
    record Credentials(byte[] secret, byte[] keyId, boolean isIkev2) {}

    private static byte[] secretOf(Fields v) {
        return v.text("passphrase").getBytes(StandardCharsets.UTF_8);
    }

    private static Credentials byPassphrase(Fields v) {
        return new Credentials(secretOf(v), KeyId.encode(v.text("name")), false);
    }

    private static Credentials byIkeSa(Fields v) {
        byte[] secret = Ikev2.sharedSecret(v).octets("sharedSecretKey");
        return new Credentials(secret, Ikev2.keyId(v), true);
    }

    /** A clock that shows a time, and so many 2^-32 seconds more at each reading. */
    static final class Clock {
        static final long SECOND = 1L << 32;
        private final long tick;
        private long next;

        Clock(byte[] start, long tick) {
            this.tick = tick;
            this.next = ByteBuffer.wrap(Octets.sized("time", start, 8)).getLong();
        }

        byte[] read() {
            byte[] now = ByteBuffer.allocate(8).putLong(next).array();
            next += tick;
            return now;
        }
    }

    /** A server that knows a client's credentials, if there are any. */
    static Server server(Fields v, Credentials known) {
        Clock clock = new Clock(v.octets("sidTime"), Clock.SECOND);
        Iterator<byte[]> random = v.octetStrings("sidRandom").iterator();
        Supplier<byte[]> sids = () -> {
            Refused.unless(random.hasNext(), "sidRandom: no more");
            return Octets.join(SID_ADDRESS, clock.read(), random.next());
        };
        Server.Secrets secrets = (keyId, isIkev2) -> known != null && isIkev2 == known.isIkev2()
                && Arrays.equals(keyId, known.keyId()) ? known.secret() : null;
        return new Server(v.with("modes", v.get("offeredModes")), secrets, sids);
    }

    static Client client(Fields v, Credentials own) {
        return new Client(own == null ? v.with("isIkev2", false) : v.with(
                "secret", own.secret(), "keyId", own.keyId(), "isIkev2", own.isIkev2()));
    }

    /** What an end sends for each message that it receives; `user` makes it do more. */
    private static <E extends Endpoint> Fields behaviour(E end, Fields v, Consumer<E> user) {
        List<byte[]> sent = new ArrayList<>();
        sent.add(end.take().octets());
        for (byte[] octets : v.octetStrings("received")) {
            end.receive(octets);
            user.accept(end);
            sent.add(end.take().octets());
        }
        boolean isClosed = end.state == Endpoint.State.CLOSED;
        return Fields.of("sent", sent, "ending", isClosed ? "closed" : "open");
    }

    private static Fields serverBehaviour(Fields v) {
        Credentials known = v.flag("ikev2")
                ? new Credentials(secretOf(v), Octets.first(KeyId.SIZE, v.octets("name")), true)
                : byPassphrase(v);
        return behaviour(server(v, known), v, server -> {
            if (server.owesStop()) {
                server.sendStop(server.stopAfter(0));
            }
            if (server.owesFetch()) {
                server.answerFetch(FETCH_REFUSED, null);
            }
        });
    }

    private static Fields clientBehaviour(Fields v) {
        Iterator<byte[]> commands = v.octetStrings("commands").iterator();
        return behaviour(client(v, byPassphrase(v)), v, client -> {
            boolean mayAsk = client.state == Endpoint.State.READY
                    || client.state == Endpoint.State.TESTING;
            if (mayAsk && commands.hasNext()) {
                command(client, commands.next());
            }
        });
    }

    private static void command(Client client, byte[] octets) {
        int command = Octets.first(1, octets)[0];
        String name = switch (command) {
            case 2 -> "Start-Sessions";
            case 3 -> "Stop-Sessions (" + client.protocol + ")";
            case 4 -> "Fetch-Session";
            default -> Messages.request(client.protocol);
        };
        Fields fields = Messages.parse(name, octets);
        if (command == 3) {
            client.sendStop(fields);
        } else {
            client.ask(name, fields);
        }
    }
}

// SPDX-License-Identifier: Apache-2.0

/**
 * The Control-Client. It is given `protocol`, `security`, `isIkev2`; and, unless the mode is
 * unauthenticated, `secret`, `keyId`, `t1`, `t2` and `clientIv`.
 */
final class Client extends Endpoint {
    private static final long MAX_COUNT = 32768; // RFC 5357 §6
    private static final Fields OPEN = Fields.of(
            "keyId", new byte[KeyId.SIZE], "token", new byte[64], "clientIv", Primitives.ZEROS);

    private String asked;
    private Fields request;

    Client(Fields config) {
        super(config, "confReceiver", "confSender");
        await(Messages.read("Server-Greeting", Octets.NONE, this::answer));
    }

    void ask(String name, Fields fields) {
        Refused.unless(state == State.READY, "not ready");
        send(name, fields);
        asked = name;
        request = fields;
        state = State.WAITING;
    }

    private Want answer(Fields greeting) {
        Refused.unless(greeting.number("modes") != 0, "Modes: no service");
        long ikev2 = config.flag("isIkev2") ? Negotiation.ikev2Bit(protocol) : 0;
        long chosen = Negotiation.bitOf(config.text("security")) | ikev2;
        mode = Negotiation.chooseMode(protocol, greeting.number("modes"), chosen);
        Fields response = OPEN;
        if (mode.isProtected()) {
            Fields given = config.with(greeting).with("maxCount", MAX_COUNT);
            response = config.with(Keys.checkedSeal(config.octets("secret"), given));
        }
        send("Set-Up-Response", response.with("mode", chosen));
        return Want.octets(32, this::start);
    }

    /** Reads Server-Start, of which the last block is encrypted if Accept is 0. */
    private Want start(byte[] clear) {
        int accept = clear[15];
        if (mode.isProtected() && accept == 0) {
            protect(config, config.octets("clientIv"), Octets.from(16, clear));
        }
        return Want.octets(16, startTime -> {
            Refused.unless(accept == 0, "Accept: not 0");
            state = State.READY;
            return next();
        });
    }

    private Want next() {
        return Want.octets(16, first -> {
            if (state == State.TESTING && protocol.equals("OWAMP")) {
                return readStop(first, stop -> next());
            }
            Refused.unless(state == State.WAITING, "a message that nobody asked for");
            return readReply(first);
        });
    }

    private Want readReply(byte[] first) {
        return switch (asked) {
            case "Start-Sessions" -> Messages.read("Start-Ack", first,
                    ack -> goOn(ack.number("accept") == 0 ? State.TESTING : State.READY));
            case "Fetch-Session" -> Messages.read("Fetch-Ack", first,
                    ack -> ack.number("accept") != 0 ? goOn(State.READY)
                            : Messages.readFetched(ack, data -> goOn(State.READY)));
            default -> Messages.read("Accept-Session", first, this::accepted);
        };
    }

    private Want accepted(Fields reply) {
        boolean isReceiver = request.number("confSender") != 0 // and so has made the SID
                && request.number("confReceiver") == 0;
        if (reply.number("accept") == 0) {
            byte[] sid = (isReceiver ? request : reply).octets("sid");
            openSession(request, sid, reply.number("port"));
        }
        return goOn(State.READY);
    }

    private Want goOn(State now) {
        state = now;
        return next();
    }
}

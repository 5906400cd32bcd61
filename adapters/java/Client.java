// SPDX-License-Identifier: Apache-2.0

/**
 * The Control-Client. It is given `protocol`, `security`, `isIkev2`; unless the mode is
 * unauthenticated, `secret`, `keyId`, `t1`, `t2` and `clientIv`; and maybe `maxCount`.
 */
final class Client extends Endpoint {
    private static final long MAX_COUNT = 32768; // unless it is configured (RFC 5357 §6)

    private String asked;
    private Fields request;

    Client(Fields config) {
        super(config, "confReceiver", "confSender");
        await(Messages.read("Server-Greeting", Octets.NONE, this::answer));
    }

    void ask(String name, Fields fields) {
        Refused.unless(state == State.READY, "not ready");
        boolean isRequest = name.equals(Messages.request(protocol));
        boolean mayBe = !isRequest || Negotiation.mayBeSent(protocol, fields);
        Refused.unless(mayBe, "a request that its client must not send");
        send(name, fields);
        asked = name;
        request = fields;
        state = State.WAITING;
    }

    private Want answer(Fields greeting) {
        long ikev2 = config.flag("isIkev2") ? Negotiation.ikev2Bit(protocol) : 0;
        long chosen = Negotiation.bitOf(config.text("security")) | ikev2;
        mode = new Negotiation.Mode(config.text("security"), ikev2 != 0);
        Refused.unless(greeting.number("modes") != 0, "Modes: no service");
        Refused.unless((chosen & ~greeting.number("modes")) == 0, "Mode: not offered");
        long maxCount = config.containsKey("maxCount") ? config.number("maxCount") : MAX_COUNT;
        Fields response = Fields.of("keyId", unused(KeyId.SIZE), "token", unused(64),
                "clientIv", unused(16));
        if (mode.isProtected()) {
            Fields given = config.with(greeting).with("maxCount", maxCount);
            response = config.with(Keys.checkedSeal(config.octets("secret"), given));
        } else if (protocol.equals("TWAMP")) { // in OWAMP nothing is made with it
            Refused.unless(greeting.number("count") <= maxCount, "Count: too large");
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
            begin();
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
            case "Start-Sessions" -> Messages.read("Start-Ack", first, ack -> {
                boolean isOk = ack.number("accept") == 0; // else it is over (RFC 4656 §3.7)
                Refused.unless(isOk, "Accept of Start-Ack: not 0");
                return goOn(State.TESTING);
            });
            case "Fetch-Session" -> Messages.read("Fetch-Ack", first,
                    ack -> ack.number("accept") != 0 ? goOn(State.READY)
                            : Messages.readFetched(ack, data -> goOn(State.READY)));
            default -> Messages.read("Accept-Session", first, this::accepted);
        };
    }

    private Want accepted(Fields reply) {
        if (reply.number("accept") == 0) {
            byte[] sid = (Negotiation.namesSid(request) ? request : reply).octets("sid");
            openSession(request, sid, reply.number("port"));
        }
        return goOn(State.READY);
    }

    private Want goOn(State now) {
        state = now;
        return next();
    }
}

// SPDX-License-Identifier: Apache-2.0
import java.util.Map;
import java.util.function.Supplier;

/**
 * The Server. It is given `protocol`, `modes`, `count`, `challenge`, `salt`, `serverIv` and
 * `startTime`; and `port`, or it takes the one that is asked for.
 */
final class Server extends Endpoint {
    private static final Map<Integer, String> COMMANDS_OF_OWAMP = Map.of(1, "Request-Session",
            2, "Start-Sessions", 3, "Stop-Sessions", 4, "Fetch-Session");
    private static final Map<Integer, String> COMMANDS_OF_TWAMP = Map.of(
            2, "Start-Sessions", 3, "Stop-Sessions", 5, "Request-TW-Session");
    private static final Fields NOT_SUPPORTED =
            Fields.of("accept", 3, "port", 0, "sid", Primitives.ZEROS);

    /** Finds the shared secret of a KeyID, null if there is none. */
    interface Secrets {
        byte[] find(byte[] keyId, boolean isIkev2);
    }

    private final Secrets secrets;
    private final Supplier<byte[]> sids;
    private boolean isFetching;

    Server(Fields config, Secrets secrets, Supplier<byte[]> sids) {
        super(config, "confSender", "confReceiver");
        this.secrets = secrets;
        this.sids = sids;
        send("Server-Greeting", config);
        await(Messages.read("Set-Up-Response", Octets.NONE, this::setUp));
    }

    /** Whether the client has stopped, and waits for this end to stop as well. */
    boolean owesStop() {
        return state == State.TESTING && isStopReceived && !isStopSent;
    }

    boolean owesFetch() {
        return state != State.CLOSED && isFetching;
    }

    void answerFetch(Fields ack, Fields data) {
        isFetching = false;
        send("Fetch-Ack", ack);
        if (ack.number("accept") == 0) {
            send("Session data", data);
        }
    }

    private Want setUp(Fields response) {
        long chosen = response.number("mode");
        if ((chosen & Negotiation.securityBits(protocol)) == 0) {
            return over("the client declines");
        }
        try {
            mode = Negotiation.chooseMode(protocol, config.number("modes"), chosen);
        } catch (Refused refusal) {
            return refuse(3, refusal.getMessage());
        }
        return mode.isProtected() ? authenticate(response) : start(Primitives.ZEROS);
    }

    private Want authenticate(Fields response) {
        byte[] secret = secrets.find(response.octets("keyId"), mode.isIkev2Derived());
        if (secret == null && mode.isIkev2Derived()) {
            return refuse(6, "KeyID: no such IKE SA");
        }
        Fields keys;
        try { // an unknown KeyID takes as long as a wrong passphrase
            keys = Keys.open(secret == null ? Octets.NONE : secret, config.with(response));
            Refused.unless(secret != null, "KeyID: not known");
        } catch (Refused refusal) {
            return refuse(1, refusal.getMessage());
        }
        byte[] serverIv = config.octets("serverIv");
        protect(keys, serverIv, response.octets("clientIv"));
        return start(serverIv);
    }

    private Want refuse(int accept, String reason) {
        send("Server-Start", Fields.of(
                "accept", accept, "serverIv", Primitives.ZEROS, "startTime", new byte[8]));
        return over(reason);
    }

    private Want over(String reason) {
        close(reason);
        return Want.nothing(null);
    }

    /** Sends Server-Start, whose last block is the first of the server's stream. */
    private Want start(byte[] serverIv) {
        byte[] text = Messages.parts("Server-Start", Fields.of("accept", 0, "serverIv", serverIv,
                "startTime", config.get("startTime"))).get(0);
        byte[] clear = Octets.first(32, text);
        put(clear, clear);
        write(Octets.from(32, text));
        state = State.READY;
        return next();
    }

    private Want next() {
        return Want.octets(16, this::obey);
    }

    private Want obey(byte[] first) {
        boolean isOwamp = protocol.equals("OWAMP");
        String name = (isOwamp ? COMMANDS_OF_OWAMP : COMMANDS_OF_TWAMP).get(first[0] & 0xff);
        boolean isStop = "Stop-Sessions".equals(name);
        Refused.unless(state != State.TESTING || isStop, "expected Stop-Sessions");
        Refused.unless(!isFetching, "a command before the answer to the last");
        if (isStop) {
            return readStop(first, stop -> next());
        }
        if (name == null) {
            Refused.unless(!isOwamp, "Command Number: not one of OWAMP");
            send("Accept-Session", NOT_SUPPORTED);
            return over("Command Number: not one of TWAMP"); // nobody knows how long it is
        }
        return Messages.read(name, first, fields -> {
            switch (name) {
                case "Start-Sessions" -> startSessions();
                case "Fetch-Session" -> isFetching = true;
                default -> grant(fields);
            }
            return next();
        });
    }

    private void startSessions() {
        send("Start-Ack", Fields.of("accept", sessions.isEmpty() ? 1 : 0));
        state = sessions.isEmpty() ? state : State.TESTING;
    }

    private void grant(Fields request) {
        if (!Negotiation.problemOf(protocol, request).isEmpty()) {
            send("Accept-Session", NOT_SUPPORTED);
            return;
        }
        boolean isSender = request.number("confSender") != 0;
        boolean isReceiver = !isSender || request.number("confReceiver") != 0; // and makes the SID
        byte[] sid = isReceiver ? sids.get() : request.octets("sid");
        long asked = request.number(isSender ? "senderPort" : "receiverPort");
        long port = config.containsKey("port") ? config.number("port") : asked;
        byte[] told = isReceiver ? sid : Primitives.ZEROS;
        send("Accept-Session", Fields.of("accept", 0, "port", port, "sid", told));
        openSession(request, sid, port);
    }
}

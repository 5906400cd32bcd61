// SPDX-License-Identifier: Apache-2.0
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.BiFunction;
import java.util.function.UnaryOperator;

/** The participants of a recorded trace of the models, played by these endpoints. */
final class Traces {
    static final Map<String, UnaryOperator<Fields>> TYPES =
            Map.of("TraceRun", v -> new Traces(v, Keys::testKeys).run(),
                    "OneWayTraceRun", v -> new Traces(v,
                            (sid, keys) -> Keys.oneWay(keys.with("sid", sid))).run());
    private static final Fields NOTHING = Fields.of("sent", Octets.NONE, "sid", Octets.NONE,
            "t3", Octets.NONE, "t4", Octets.NONE, "taken", 0, "takenOfSender", 0,
            "skeyseed", Octets.NONE, "skD", Octets.NONE, "keymat", Octets.NONE,
            "sharedSecret", Octets.NONE);

    private final Fields v;
    private final BiFunction<byte[], Fields, Fields> derive;
    private final Map<String, UnaryOperator<Fields>> playing = new HashMap<>();
    private final Map<String, Endpoint> ends = new HashMap<>();

    private Traces(Fields v, BiFunction<byte[], Fields, Fields> derive) {
        this.v = v;
        this.derive = derive;
    }

    private Fields run() {
        List<Fields> results = new ArrayList<>();
        for (Fields step : v.records("steps")) {
            String name = step.text("participant");
            if (!playing.containsKey(name)) {
                playing.put(name, participant(name));
            }
            Fields result = NOTHING.with(playing.get(name).apply(step));
            result.keySet().retainAll(NOTHING.keySet());
            results.add(result.with("participant", name, "rule", step.get("rule")));
        }
        return Fields.of("results", results);
    }

    /** A participant, begun at its first step: from what a step is given to its result. */
    private UnaryOperator<Fields> participant(String name) {
        for (String kind : List.of("servers", "clients", "sessions", "ikeSas")) {
            for (Fields given : v.records(kind)) {
                if (given.text("name").equals(name)) {
                    return switch (kind) {
                        case "servers" -> controlEnd(name, server(given));
                        case "clients" -> controlEnd(name, client(given));
                        case "sessions" -> sessionEnd(given);
                        default -> ikeEnd(given);
                    };
                }
            }
        }
        throw new Refused(name + ": no such participant");
    }

    private static Server server(Fields given) {
        return new Server(given.with("protocol", "TWAMP"),
                Attacks.Granting.of(given.octets("keyId"), given));
    }

    private static Client client(Fields given) {
        long ikev2 = Negotiation.ikev2Bit("TWAMP");
        long mode = given.number("mode");
        return new Client(given.with("protocol", "TWAMP", "isIkev2", (mode & ikev2) != 0,
                "security", Negotiation.nameOf(mode & ~ikev2),
                "secret", given.get("sharedSecret")));
    }

    private UnaryOperator<Fields> controlEnd(String name, Endpoint end) {
        ends.put(name, end);
        end.derive = derive;
        return step -> {
            int opened = end.sessions.size();
            byte[] sent = Attacks.give(end, step.octets("received"));
            if (end instanceof Client client && !step.text("request").isEmpty()) {
                sent = Attacks.ask(client, step.octets("request"));
            }
            if (end.sessions.size() == opened) {
                return Fields.of("sent", sent);
            }
            Endpoint.Session session = end.sessions.get(opened);
            return session.keys().with("sent", sent, "sid", session.sid());
        };
    }

    private UnaryOperator<Fields> sessionEnd(Fields given) {
        Endpoint end = ends.get(given.text("session"));
        Fields keys = (end == null ? given : end.firstSession().keys())
                .with(Attacks.SENDS).with("mode", given.get("testMode"));
        long[] next = {given.number("firstSequenceNumber")};
        return step -> switch (given.text("role")) {
            case "Session-Receiver" -> {
                Fields found = Packets.open("Sender", keys.with("packet", step.get("received")));
                yield Fields.of("taken", found.get("sequenceNumber"));
            }
            case "Session-Reflector" -> Fields.of("sent", Packets.reflect(
                    keys.with(step).with("sequenceNumber", next[0]++), step.octets("received")));
            default -> step.text("received").isEmpty()
                    ? sendPacket(keys.with(step).with("sequenceNumber", next[0]++))
                    : takeAnswer(keys.with("packet", step.get("received")), next[0]);
        };
    }

    private static Fields sendPacket(Fields given) {
        Fields sealed = Packets.seal("Sender", given.with("padding", Octets.NONE));
        return Fields.of("sent", sealed.get("packet"));
    }

    private static Fields takeAnswer(Fields given, long next) {
        Fields found = Packets.open("Reflector", given);
        boolean wasSent = found.number("senderSequenceNumber") < next;
        Refused.unless(wasSent, "Sender Sequence Number: never sent");
        return Fields.of("taken", found.get("sequenceNumber"),
                "takenOfSender", found.get("senderSequenceNumber"));
    }

    private static UnaryOperator<Fields> ikeEnd(Fields record) {
        Fields given = record.with("prf", "PRF_HMAC_SHA2_256", "sharedSecret", record.get("gIr"),
                "integritySize", 20, "encryptionSize", 16, "length", 72);
        boolean isFirst = given.text("oldSkD").isEmpty();
        Fields seed = isFirst ? Ikev2.skeyseed(given) : Ikev2.rekeyedSkeyseed(given);
        byte[] skD = Ikev2.ikeSaKeys(seed.octets("skeyseed"), given).octets("skD");
        Fields known = given.with("skD", skD);
        return step -> switch (step.text("derive")) {
            case "" -> seed.with("skD", skD);
            case "prf(SK_d, \"IPPM\")" -> secret(Ikev2.sharedSecret(known));
            default -> {
                Fields keymat = Ikev2.keymat(Octets.NONE, known);
                Fields withSid = known.with("sid", step.get("received"));
                yield keymat.with(secret(
                        Ikev2.sharedSecretFromKeymat(keymat.octets("keymat"), withSid)));
            }
        };
    }

    private static Fields secret(Fields derived) {
        return Fields.of("sharedSecret", derived.get("sharedSecretKey"));
    }
}

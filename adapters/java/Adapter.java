// O/TWAMP over the JCA, for `owamp-vectors conform -- java -cp DIR Adapter`.
// An example and a cross-check, not for production. SPDX-License-Identifier: Apache-2.0
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.UnaryOperator;

/** The line protocol: from the inputs of a case to its outputs, by its type. */
final class Adapter {
    private static final Map<String, UnaryOperator<Fields>> TYPES = new HashMap<>();

    static {
        List.of(Keys.TYPES, KeyId.TYPES, Ikev2.TYPES, ControlStream.TYPES, Packets.TYPES,
                Messages.TYPES, Negotiation.TYPES, Handshake.TYPES, Attacks.TYPES, Traces.TYPES)
                .forEach(TYPES::putAll);
    }

    private Adapter() {}

    private static Fields answer(Fields question) {
        Fields answer = Fields.of("id", question.get("id"));
        UnaryOperator<Fields> type = TYPES.get(question.text("type"));
        if (type == null) {
            return answer.with("unsupported", true);
        }
        Fields parameters = (Fields) question.get("parameters");
        try {
            return answer.with("outputs",
                    type.apply(parameters.with((Fields) question.get("inputs"))));
        } catch (Refused refusal) {
            Fields refused = answer.with("refused", refusal.getMessage());
            return refusal.stage == null ? refused : refused.with("stage", refusal.stage);
        }
    }

    public static void main(String[] arguments) throws IOException {
        PrintStream out = new PrintStream(System.out, true, StandardCharsets.UTF_8);
        BufferedReader in =
                new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            out.println(Json.write(answer((Fields) Json.read(line))));
        }
    }
}

// SPDX-License-Identifier: Apache-2.0
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/** The JSON that the protocol needs: integers alone, octet strings written as hex. */
final class Json {
    private final String text;
    private int at;

    private Json(String text) {
        this.text = text;
    }

    static Object read(String text) {
        return new Json(text).value();
    }

    private char peek() {
        while (" \t\r\n".indexOf(text.charAt(at)) >= 0) {
            at++;
        }
        return text.charAt(at);
    }

    private Object value() {
        char first = peek();
        if (first == '"') {
            return string();
        }
        if (first == '{') {
            Fields object = new Fields();
            for (at++; peek() != '}'; ) {
                String name = string();
                peek();
                at++;
                object.put(name, value());
                at += peek() == ',' ? 1 : 0;
            }
            at++;
            return object;
        }
        if (first == '[') {
            List<Object> list = new ArrayList<>();
            for (at++; peek() != ']'; ) {
                list.add(value());
                at += peek() == ',' ? 1 : 0;
            }
            at++;
            return list;
        }
        int start = at;
        while (at < text.length() && ",]} ".indexOf(text.charAt(at)) < 0) {
            at++;
        }
        String word = text.substring(start, at);
        return switch (word) {
            case "true" -> true;
            case "false" -> false;
            case "null" -> null;
            default -> new BigInteger(word);
        };
    }

    private String string() {
        StringBuilder found = new StringBuilder();
        peek();
        for (at++; text.charAt(at) != '"'; at++) {
            if (text.charAt(at) != '\\') {
                found.append(text.charAt(at));
                continue;
            }
            char escaped = text.charAt(++at);
            int control = "bfnrt".indexOf(escaped);
            if (escaped == 'u') {
                found.append((char) Integer.parseInt(text.substring(at + 1, at + 5), 16));
                at += 4;
            } else {
                found.append(control < 0 ? escaped : "\b\f\n\r\t".charAt(control));
            }
        }
        at++;
        return found.toString();
    }

    static String write(Object value) {
        if (value instanceof Map<?, ?> object) {
            return object.entrySet().stream()
                    .map(entry -> write(entry.getKey()) + ": " + write(entry.getValue()))
                    .collect(Collectors.joining(", ", "{", "}"));
        }
        if (value instanceof List<?> list) {
            return list.stream().map(Json::write).collect(Collectors.joining(", ", "[", "]"));
        }
        if (value instanceof byte[] octets) {
            return '"' + Octets.toHex(octets) + '"';
        }
        return value instanceof String text ? quoted(text) : String.valueOf(value);
    }

    private static String quoted(String text) {
        return text.chars()
                .mapToObj(c -> c < ' ' || c == '"' || c == '\\'
                        ? String.format("\\u%04x", c) : String.valueOf((char) c))
                .collect(Collectors.joining("", "\"", "\""));
    }
}

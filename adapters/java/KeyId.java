// SPDX-License-Identifier: Apache-2.0
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Map;
import java.util.function.UnaryOperator;

/** KeyID of the name of a shared secret: UTF-8, padded with zeros (RFC 4656 §3.1). */
final class KeyId {
    static final int SIZE = 80;
    static final Map<String, UnaryOperator<Fields>> TYPES = Map.of(
            "KeyIdEncode", v -> Fields.of("keyId", encode(v.text("name"))),
            "KeyIdDecode", v -> Fields.of("name", decode(v.sized("keyId", SIZE))));

    private KeyId() {}

    static byte[] encode(String name) {
        byte[] octets = name.getBytes(StandardCharsets.UTF_8);
        boolean isWhole = new String(octets, StandardCharsets.UTF_8).equals(name);
        Refused.unless(isWhole, "KeyID: expected Unicode, found half a character");
        Refused.unless(octets.length <= SIZE, "KeyID: expected at most 80 octets");
        Refused.unless(name.indexOf(0) < 0, "KeyID: a zero octet");
        return Octets.first(SIZE, octets);
    }

    private static String decode(byte[] keyId) {
        int end = keyId.length;
        while (end > 0 && keyId[end - 1] == 0) {
            end--;
        }
        byte[] octets = Octets.first(end, keyId);
        String name = new String(octets, StandardCharsets.UTF_8);
        boolean isUtf8 = Arrays.equals(name.getBytes(StandardCharsets.UTF_8), octets);
        Refused.unless(isUtf8, "KeyID: not UTF-8");
        Refused.unless(name.indexOf(0) < 0, "KeyID: a zero octet before the padding");
        return name;
    }
}

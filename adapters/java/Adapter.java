// The cryptography of O/TWAMP over the JCA, for `owamp-vectors conform -- java -cp DIR Adapter`.
// An example and a cross-check, not for production. SPDX-License-Identifier: Apache-2.0
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** The line protocol, and each type of group. */
final class Adapter extends Case {
    private static final byte[] IPPM = "IPPM".getBytes(StandardCharsets.US_ASCII);

    private Primitives.Prf prf() {
        return Primitives.Prf.of(text("prf"));
    }

    private byte[] prf(byte[] key, byte[]... data) throws GeneralSecurityException {
        need(key.length > 0, "prf key: expected at least 1 octet");
        return prf().call(key, data);
    }

    private byte[] prfPlus(byte[] key, byte[] seed, long size) throws GeneralSecurityException {
        need(size <= 255 * prf().size(), "prf+ is not defined for more than 255 blocks");
        byte[] out = new byte[0];
        byte[] block = out;
        for (int n = 1; out.length < size; n++) { // RFC 7296 §2.13
            block = prf(key, block, seed, new byte[] {(byte) n});
            out = Primitives.join(out, block);
        }
        return Arrays.copyOf(out, (int) size);
    }

    private byte[] nonce(String name) {
        byte[] nonce = octets(name);
        int low = Math.max(16, prf().size() / 2);
        need(nonce.length >= low && nonce.length <= 256, name + ": expected " + low + " to 256");
        return nonce;
    }

    private byte[] nonces() {
        return Primitives.join(nonce("ni"), nonce("nr"));
    }

    private byte[] skeyseed() throws GeneralSecurityException {
        byte[] key = nonces();
        if (prf().isAes()) {
            key = Primitives.join(Arrays.copyOf(nonce("ni"), 8), Arrays.copyOf(nonce("nr"), 8));
        }
        return put("skeyseed", prf(put("prfKey", key), octets("sharedSecret")));
    }

    private byte[] ikeSaKeys(byte[] skeyseed) throws GeneralSecurityException {
        byte[] spis = Primitives.join(sized("spiI", 8), sized("spiR", 8));
        byte[] seed = put("seed", Primitives.join(nonces(), spis));
        int p = prf().size();
        int a = (int) number("integritySize");
        int e = (int) number("encryptionSize");
        byte[] stream = prfPlus(skeyseed, seed, 3 * p + 2 * a + 2 * e);
        String[] names = {"skD", "skAi", "skAr", "skEi", "skEr", "skPi", "skPr"};
        int[] sizes = {p, a, a, e, e, p, p};
        for (int i = 0, at = 0; i < names.length; at += sizes[i++]) {
            put(names[i], Primitives.part(stream, at, at + sizes[i]));
        }
        return Arrays.copyOf(stream, p);
    }

    private byte[] keymat(byte[] secret) throws GeneralSecurityException {
        byte[] seed = put("seed", Primitives.join(secret, nonces()));
        return put("keymat", prfPlus(octets("skD"), seed, number("length")));
    }

    private void seal(byte[] secret) throws GeneralSecurityException {
        byte[] plaintext =
                Primitives.join(sized("challenge", 16), sized("t1", 16), sized("t2", 32));
        byte[] key = Primitives.pbkdf2(secret, sized("salt", 16), number("count"));
        put("tokenKey", key);
        put("plaintext", plaintext);
        put("token", Primitives.encrypt(key, Primitives.NO_IV, plaintext));
    }

    private void checkedSeal(byte[] secret) throws GeneralSecurityException {
        long count = number("count");
        need(count >= 1024 && Long.bitCount(count) == 1, "Count: expected a power of 2");
        need(count <= number("maxCount"), "Count: too large");
        seal(put("sharedSecret", secret));
    }

    private byte[] keyId() {
        return put("keyId", Primitives.join(sized("spiI", 8), sized("spiR", 8), new byte[64]));
    }

    private static byte[] encodeKeyId(String name) { // RFC 4656 §3.1
        byte[] octets = name.getBytes(StandardCharsets.UTF_8);
        need(octets.length <= 80, "KeyID: expected at most 80 octets");
        need(name.indexOf(0) < 0, "KeyID: a zero octet");
        return Arrays.copyOf(octets, 80);
    }

    private static String decodeKeyId(byte[] keyId) {
        int end = keyId.length;
        while (end > 0 && keyId[end - 1] == 0) {
            end--;
        }
        byte[] octets = Arrays.copyOf(keyId, end);
        String name = new String(octets, StandardCharsets.UTF_8);
        need(Arrays.equals(name.getBytes(StandardCharsets.UTF_8), octets), "KeyID: not UTF-8");
        need(name.indexOf(0) < 0, "KeyID: a zero octet before the padding");
        return name;
    }

    /** Looks for the IKE SA that a KeyID names by both SPIs (RFC 7717 §5.3). */
    private void secretForKeyId() throws GeneralSecurityException {
        byte[] spis = Arrays.copyOf(sized("keyId", 80), 16);
        for (Object each : (List<?>) values.get("ikeSas")) {
            Map<?, ?> sa = (Map<?, ?>) each;
            byte[] found = HexFormat.of().parseHex("" + sa.get("spiI") + sa.get("spiR"));
            if (Arrays.equals(spis, found)) {
                byte[] skD = HexFormat.of().parseHex((String) sa.get("skD"));
                outputs.put("accept", 0L);
                put("sharedSecretKey", Primitives.Prf.of((String) sa.get("prf")).call(skD, IPPM));
                return;
            }
        }
        outputs.put("accept", 6L);
        put("sharedSecretKey", new byte[0]);
    }

    /** Computes the outputs; false if the type of group is not supported. */
    private boolean compute(String type) throws GeneralSecurityException {
        switch (type) {
            case "TokenFromPassphrase" -> {
                String secret = text("passphrase");
                need(!secret.contains("\n") && !secret.contains("\r"), "passphrase: a newline");
                checkedSeal(secret.getBytes(StandardCharsets.UTF_8));
            }
            case "TokenFromSharedSecret" -> checkedSeal(octets("sharedSecret"));
            case "TokenOpen" -> {
                byte[] salt = sized("salt", 16);
                byte[] key = Primitives.pbkdf2(octets("sharedSecret"), salt, number("count"));
                byte[] token = sized("token", 64);
                byte[] text = Primitives.decrypt(put("tokenKey", key), Primitives.NO_IV, token);
                need(equal(Arrays.copyOf(text, 16), sized("challenge", 16)), "Token: another");
                put("t1", Primitives.part(text, 16, 32));
                put("t2", Primitives.part(text, 32, 64));
            }
            case "TestSessionKeys" -> {
                byte[] sid = sized("sid", 16);
                byte[] t2 = sized("t2", 32);
                byte[] t4 = put("t4", Primitives.encrypt(sid, Primitives.NO_IV, t2));
                put("t3", Primitives.encrypt(sid, Primitives.NO_IV, sized("t1", 16)));
                byte[] first = put("t4FirstBlock", Arrays.copyOf(t4, 16));
                put("t4SecondBlockInput", Primitives.xor(first, Primitives.part(t2, 16, 32)));
            }
            case "ControlKeysFromTestKeys" -> {
                byte[] sid = sized("sid", 16);
                put("t1", Primitives.decrypt(sid, Primitives.NO_IV, sized("t3", 16)));
                put("t2", Primitives.decrypt(sid, Primitives.NO_IV, sized("t4", 32)));
            }
            case "SidLayout" -> put("sid", Primitives.join(
                    sized("address", 4), sized("timestamp", 8), sized("random", 4)));
            case "KeyIdEncode" -> put("keyId", encodeKeyId(text("name")));
            case "KeyIdDecode" -> outputs.put("name", decodeKeyId(sized("keyId", 80)));
            case "OneWayTestSessionKeys" -> {
                byte[] sid = sized("sid", 16);
                byte[] t3 = Primitives.hmac("HmacSHA256", sized("t1", 16), sid);
                put("t3", Arrays.copyOf(t3, 16));
                put("t4", Primitives.hmac("HmacSHA256", sized("t2", 32), sid));
            }
            case "Prf" -> put("output", prf(octets("key"), octets("data")));
            case "PrfPlus" -> {
                int size = prf().size();
                outputs.put("blocks", (number("length") + size - 1) / size);
                put("output", prfPlus(octets("key"), octets("seed"), number("length")));
            }
            case "Skeyseed" -> skeyseed();
            case "IkeSaKeys" -> ikeSaKeys(octets("skeyseed"));
            case "Keymat" -> keymat(octets("sharedSecret"));
            case "RekeyedSkeyseed" ->
                put("skeyseed", prf(octets("oldSkD"), octets("sharedSecret"), nonces()));
            case "SharedSecretFromSkD" -> put("sharedSecretKey", prf(octets("skD"), IPPM));
            case "SharedSecretFromKeymat" ->
                put("sharedSecretKey", prf(octets("keymat"), sized("sid", 16)));
            case "KeyIdFromSpis" -> keyId();
            case "SpisFromKeyId" -> {
                put("spiI", Arrays.copyOf(sized("keyId", 80), 8));
                put("spiR", Primitives.part(octets("keyId"), 8, 16));
            }
            case "SharedSecretForKeyId" -> secretForKeyId();
            case "BindingChain" -> {
                keyId();
                seal(put("sharedSecretKey", prf(ikeSaKeys(skeyseed()), IPPM)));
            }
            case "KeymatChain" ->
                seal(put("sharedSecretKey", prf(keymat(new byte[0]), sized("sid", 16))));
            case "ControlSend" -> controlSend();
            case "ControlReceive" -> controlReceive();
            case "SenderPacketSeal", "ReflectorPacketSeal" -> packetSeal(layout(type));
            case "SenderPacketOpen", "ReflectorPacketOpen" -> packetOpen(layout(type));
            case "Reflect" -> reflect();
            default -> {
                return false;
            }
        }
        return true;
    }

    static Map<String, Object> answer(Map<?, ?> question) throws GeneralSecurityException {
        Adapter adapter = new Adapter();
        for (String part : List.of("parameters", "inputs")) {
            ((Map<?, ?>) question.get(part)).forEach((k, v) -> adapter.values.put((String) k, v));
        }
        Map<String, Object> answer = new LinkedHashMap<>();
        answer.put("id", question.get("id"));
        try {
            boolean supported = adapter.compute((String) question.get("type"));
            answer.put(supported ? "outputs" : "unsupported", supported ? adapter.outputs : true);
        } catch (Refused refusal) {
            answer.put("refused", refusal.getMessage());
        }
        return answer;
    }

    public static void main(String[] arguments) throws Exception {
        PrintStream out = new PrintStream(System.out, true, StandardCharsets.UTF_8);
        BufferedReader in =
                new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            out.println(Json.write(answer((Map<?, ?>) Json.read(line))));
        }
    }
}

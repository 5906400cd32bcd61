// SPDX-License-Identifier: Apache-2.0
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Map;
import java.util.function.UnaryOperator;
import static java.util.Map.entry;

/** Keys of IKEv2 (RFC 7296 §2.14, §2.17, §2.18), and shared secrets from them (RFC 7717 §5). */
final class Ikev2 {
    static final Map<String, UnaryOperator<Fields>> TYPES = Map.ofEntries(
            entry("Prf", v -> Fields.of("output", prf(v).call(v.octets("key"), v.octets("data")))),
            entry("PrfPlus", Ikev2::prfPlus),
            entry("Skeyseed", Ikev2::skeyseed),
            entry("IkeSaKeys", v -> ikeSaKeys(v.octets("skeyseed"), v)),
            entry("Keymat", v -> keymat(v.octets("sharedSecret"), v)),
            entry("RekeyedSkeyseed", Ikev2::rekeyedSkeyseed),
            entry("SharedSecretFromSkD", Ikev2::sharedSecret),
            entry("SharedSecretFromKeymat", v -> sharedSecretFromKeymat(v.octets("keymat"), v)),
            entry("KeyIdFromSpis", v -> Fields.of("keyId", keyId(v))),
            entry("SpisFromKeyId", Ikev2::spisFromKeyId),
            entry("SharedSecretForKeyId", Ikev2::sharedSecretForKeyId),
            entry("BindingChain", Ikev2::bindingChain),
            entry("KeymatChain", Ikev2::keymatChain));
    private static final byte[] IPPM = "IPPM".getBytes(StandardCharsets.US_ASCII);

    private Ikev2() {}

    private static Prf prf(Fields v) {
        return Prf.of(v.text("prf"));
    }

    private static Fields prfPlus(Fields v) {
        int size = prf(v).size();
        long length = v.number("length");
        byte[] output = prf(v).plus(v.octets("key"), v.octets("seed"), length);
        return Fields.of("blocks", (length + size - 1) / size, "output", output);
    }

    private static byte[] nonce(Fields v, String name) {
        byte[] nonce = v.octets(name);
        int low = Math.max(16, prf(v).size() / 2);
        Refused.unless(nonce.length >= low && nonce.length <= 256,
                name + ": expected " + low + " to 256 octets");
        return nonce;
    }

    private static byte[] nonces(Fields v) {
        return Octets.join(nonce(v, "ni"), nonce(v, "nr"));
    }

    private static byte[] spis(Fields v) {
        return Octets.join(v.sized("spiI", 8), v.sized("spiR", 8));
    }

    static Fields skeyseed(Fields v) {
        byte[] key = nonces(v);
        if (prf(v).isAes()) {
            key = Octets.join(Octets.first(8, nonce(v, "ni")), Octets.first(8, nonce(v, "nr")));
        }
        return Fields.of("prfKey", key, "skeyseed", prf(v).call(key, v.octets("sharedSecret")));
    }

    static Fields rekeyedSkeyseed(Fields v) {
        byte[] seed = Octets.join(v.octets("sharedSecret"), nonces(v));
        return Fields.of("skeyseed", prf(v).call(v.octets("oldSkD"), seed));
    }

    static Fields ikeSaKeys(byte[] skeyseed, Fields v) {
        byte[] seed = Octets.join(nonces(v), spis(v));
        long p = prf(v).size();
        long a = v.number("integritySize");
        long e = v.number("encryptionSize");
        boolean areSizes = Math.min(a, e) >= 0 && Math.max(a, e) <= 255 * p;
        Refused.unless(areSizes, "integritySize, encryptionSize: out of range");
        String[] names = {"skD", "skAi", "skAr", "skEi", "skEr", "skPi", "skPr"};
        long[] sizes = {p, a, a, e, e, p, p};
        byte[] stream = prf(v).plus(skeyseed, seed, Arrays.stream(sizes).sum());
        Fields keys = Fields.of("seed", seed);
        for (int i = 0, at = 0; i < names.length; i++) {
            keys.put(names[i], Octets.part(stream, at, at += sizes[i]));
        }
        return keys;
    }

    static Fields keymat(byte[] secret, Fields v) {
        byte[] seed = Octets.join(secret, nonces(v));
        byte[] keymat = prf(v).plus(v.octets("skD"), seed, v.number("length"));
        return Fields.of("seed", seed, "keymat", keymat);
    }

    static Fields sharedSecret(Fields v) {
        return Fields.of("sharedSecretKey", prf(v).call(v.octets("skD"), IPPM));
    }

    static Fields sharedSecretFromKeymat(byte[] keymat, Fields v) {
        return Fields.of("sharedSecretKey", prf(v).call(keymat, v.sized("sid", 16)));
    }

    static byte[] keyId(Fields v) {
        return Octets.first(KeyId.SIZE, spis(v));
    }

    private static Fields spisFromKeyId(Fields v) {
        byte[] keyId = v.sized("keyId", KeyId.SIZE);
        return Fields.of("spiI", Octets.first(8, keyId), "spiR", Octets.part(keyId, 8, 16));
    }

    /** Looks for the IKE SA that a KeyID names by both SPIs (RFC 7717 §5.3). */
    private static Fields sharedSecretForKeyId(Fields v) {
        byte[] spis = Octets.first(16, v.sized("keyId", KeyId.SIZE));
        return v.records("ikeSas").stream().filter(sa -> Arrays.equals(spis, spis(sa))).findFirst()
                .map(sa -> sharedSecret(sa).with("accept", 0))
                .orElse(Fields.of("accept", 6, "sharedSecretKey", Octets.NONE));
    }

    private static Fields bindingChain(Fields v) {
        Fields seed = skeyseed(v);
        Fields keys = ikeSaKeys(seed.octets("skeyseed"), v);
        Fields secret = sharedSecret(v.with("skD", keys.get("skD")));
        Fields named = seed.with(keys).with(secret).with("keyId", keyId(v));
        return named.with(Keys.seal(secret.octets("sharedSecretKey"), v));
    }

    private static Fields keymatChain(Fields v) {
        Fields keymat = keymat(Octets.NONE, v);
        Fields secret = sharedSecretFromKeymat(keymat.octets("keymat"), v);
        Fields token = Keys.seal(secret.octets("sharedSecretKey"), v);
        return keymat.with(secret).with(token);
    }
}

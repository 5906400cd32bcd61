// SPDX-License-Identifier: Apache-2.0
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
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
            entry("KeymatChain", Ikev2::keymatChain),
            entry("PpkSkD", Ikev2::ppkSkD),
            entry("PpkRekeyChain", Ikev2::ppkRekeyChain),
            entry("AdditionalKeyExchange", Ikev2::additionalKeyExchange),
            entry("RekeyChain", Ikev2::rekeyChain));
    private static final int SHORTEST_NONCE = 16;
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

    private static byte[] nonce(Fields v, String name, int low) {
        byte[] nonce = v.octets(name);
        Refused.unless(nonce.length >= low && nonce.length <= 256,
                name + ": expected " + low + " to 256 octets");
        return nonce;
    }

    /** At least half as long as the key of the prf that is negotiated (RFC 7296 §2.10). */
    private static byte[] nonces(Fields v) {
        return nonces(v, Math.max(SHORTEST_NONCE, prf(v).size() / 2));
    }

    private static byte[] nonces(Fields v, int low) {
        return Octets.join(nonce(v, "ni", low), nonce(v, "nr", low));
    }

    private static byte[] spis(Fields v) {
        return Octets.join(v.sized("spiI", 8), v.sized("spiR", 8));
    }

    static Fields skeyseed(Fields v) {
        byte[] key = nonces(v);
        if (prf(v).isAes()) {
            key = Octets.join(Octets.first(8, v.octets("ni")), Octets.first(8, v.octets("nr")));
        }
        return Fields.of("prfKey", key, "skeyseed", prf(v).call(key, v.octets("sharedSecret")));
    }

    static Fields rekeyedSkeyseed(Fields v) {
        return Fields.of("skeyseed", rekeyed(prf(v), v.octets("oldSkD"), v));
    }

    /** With the prf of the old SA; whoever knows that of the new one checks the nonces by it. */
    private static byte[] rekeyed(Prf old, byte[] oldSkD, Fields v) {
        byte[] secret = v.octets("sharedSecret");
        Refused.unless(secret.length > 0, "g^ir: expected at least 1 octet");
        byte[] more = Octets.join(v.octetStrings("additionalSecrets"));
        return old.call(oldSkD, secret, nonces(v, SHORTEST_NONCE), more);
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

    /** SK_d with a postquantum preshared key (RFC 8784 §3). */
    private static byte[] withPpk(Fields v) {
        return prf(v).plus(v.octets("ppk"), v.octets("primedSkD"), prf(v).size());
    }

    private static Fields withSecret(Fields v, Fields keys) {
        return keys.with(sharedSecret(v.with("skD", keys.get("skD"))));
    }

    private static Fields ppkSkD(Fields v) {
        return withSecret(v, Fields.of("skD", withPpk(v)));
    }

    /** The PPK is not used again when the IKE SA is rekeyed (RFC 8784 §3). */
    private static Fields ppkRekeyChain(Fields v) {
        byte[] oldSkD = withPpk(v);
        byte[] skeyseed = rekeyed(prf(v), oldSkD, v);
        Fields keys = ikeSaKeys(skeyseed, v.with("integritySize", 0, "encryptionSize", 0));
        return withSecret(v, keys).with("oldSkD", oldSkD, "skeyseed", skeyseed);
    }

    /** Additional key exchanges, each from the SK_d of the last (RFC 9370 §2.2.2). */
    private static Fields additionalKeyExchange(Fields v) {
        List<byte[]> skeyseeds = new ArrayList<>();
        Fields keys = v;
        for (byte[] secret : v.octetStrings("additionalSecrets")) {
            byte[] skeyseed = prf(v).call(keys.octets("skD"), secret, nonces(v));
            skeyseeds.add(skeyseed);
            keys = ikeSaKeys(skeyseed, v);
        }
        Fields last = withSecret(v, Fields.of("skD", keys.get("skD"))).with(keys);
        return last.with("skeyseeds", skeyseeds, "lastSkD", keys.get("skD"));
    }

    private static Fields rekeyChain(Fields given) {
        Fields v = given.with("prf", given.get("newPrf"));
        byte[] skeyseed = rekeyed(Prf.of(v.text("oldPrf")), v.octets("oldSkD"), v);
        Fields keys = withSecret(v, ikeSaKeys(skeyseed, v));
        return keys.with("skeyseed", skeyseed, "keyId", keyId(v));
    }
}

// SPDX-License-Identifier: Apache-2.0
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.function.UnaryOperator;

/** The Token, and the keys of test sessions (RFC 4656 §3.1, §4.1.2). */
final class Keys {
    static final Map<String, UnaryOperator<Fields>> TYPES = Map.of(
            "TokenFromPassphrase", Keys::tokenFromPassphrase,
            "TokenFromSharedSecret", v -> checkedSeal(v.octets("sharedSecret"), v),
            "TokenOpen", v -> open(v.octets("sharedSecret"), v),
            "TestSessionKeys", Keys::testSessionKeys,
            "ControlKeysFromTestKeys", v -> controlKeys(v.octets("sid"), v),
            "OneWayTestSessionKeys", Keys::oneWay,
            "RepairedSetUp", Keys::repaired,
            "SidLayout", v -> Fields.of("sid", Octets.join(
                    v.sized("address", 4), v.sized("timestamp", 8), v.sized("random", 4))));

    private Keys() {}

    static byte[] tokenKey(byte[] secret, Fields v) {
        return Primitives.pbkdf2(secret, v.sized("salt", 16), v.number("count"));
    }

    static Fields seal(byte[] secret, Fields v) {
        byte[] plaintext =
                Octets.join(v.sized("challenge", 16), v.sized("t1", 16), v.sized("t2", 32));
        byte[] key = tokenKey(secret, v);
        byte[] token = Primitives.encrypt(key, plaintext);
        return Fields.of("tokenKey", key, "plaintext", plaintext, "token", token);
    }

    static boolean isCount(long count) {
        return count >= 1024 && Long.bitCount(count) == 1;
    }

    /** A Token for a server whose Count is neither weak nor a denial of service. */
    static Fields checkedSeal(byte[] secret, Fields v) {
        long count = v.number("count");
        Refused.unless(isCount(count), "Count: expected a power of 2 from 1024", "Count");
        Refused.unless(count <= v.number("maxCount"), "Count: too large", "Count");
        return seal(secret, v);
    }

    static Fields open(byte[] secret, Fields v) {
        byte[] key = tokenKey(secret, v);
        byte[] text = Primitives.decrypt(key, v.sized("token", 64));
        byte[] challenge = v.sized("challenge", 16);
        boolean isOurs = Octets.equal(Octets.first(16, text), challenge);
        Refused.unless(isOurs, "Token: another Challenge", "Challenge");
        byte[] t1 = Octets.part(text, 16, 32);
        return Fields.of("tokenKey", key, "t1", t1, "t2", Octets.from(32, text));
    }

    /** The octets of a passphrase, refused if the protocol does not allow it. */
    static byte[] passphrase(String protocol, Fields record) {
        String text = record.text("passphrase");
        boolean isAscii = text.chars().allMatch(c -> c < 128); // RFC 5357 §3.1
        Refused.unless(isAscii || protocol.equals("OWAMP"), "passphrase: expected ASCII", "text");
        boolean isOneLine = !text.contains("\n") && !text.contains("\r");
        Refused.unless(isOneLine, "passphrase: a newline", "text");
        return text.getBytes(StandardCharsets.UTF_8);
    }

    private static Fields tokenFromPassphrase(Fields v) {
        byte[] secret = passphrase(v.text("protocol"), v);
        return checkedSeal(secret, v).with("sharedSecret", secret);
    }

    /** T3 and T4: the SID is the key. */
    static Fields testKeys(byte[] sid, Fields v) {
        byte[] t3 = Primitives.encrypt(sid, v.sized("t1", 16));
        return Fields.of("t3", t3, "t4", Primitives.encrypt(sid, v.sized("t2", 32)));
    }

    /** T1 and T2 from T3 and T4, as anyone can who knows the SID. */
    static Fields controlKeys(byte[] sid, Fields v) {
        byte[] t1 = Primitives.decrypt(sid, v.sized("t3", 16));
        return Fields.of("t1", t1, "t2", Primitives.decrypt(sid, v.sized("t4", 32)));
    }

    private static Fields testSessionKeys(Fields v) {
        Fields keys = testKeys(v.octets("sid"), v);
        byte[] first = Octets.first(16, keys.octets("t4"));
        byte[] second = Octets.xor(first, Octets.from(16, v.octets("t2")));
        return keys.with("t4FirstBlock", first, "t4SecondBlockInput", second);
    }

    static Fields oneWay(Fields v) {
        byte[] sid = v.sized("sid", 16);
        byte[] t3 = Primitives.hmac("HmacSHA256", v.sized("t1", 16), sid);
        byte[] t4 = Primitives.hmac("HmacSHA256", v.sized("t2", 32), sid);
        return Fields.of("t3", Octets.first(16, t3), "t4", t4);
    }

    private static byte[] labelled(byte[] key, String label, byte[] context) {
        byte[] text = (label + "\0").getBytes(StandardCharsets.US_ASCII);
        return Primitives.hmac("HmacSHA256", key, Octets.join(text, context));
    }

    private static byte[] named(byte[] name) {
        return Octets.join(new byte[] {(byte) name.length}, name);
    }

    /** Of no RFC: the MAC over the whole set-up, and the keys after it. */
    private static Fields repaired(Fields v) {
        byte[] greeting = v.sized("serverGreeting", 64);
        byte[] response = v.sized("setUpResponse", 164);
        byte[] t2 = v.sized("t2", 32);
        byte[] sid = v.sized("sid", 16);
        byte[] key = labelled(v.octets("sharedSecret"), "set-up", Octets.part(greeting, 32, 52));
        byte[] names =
                Octets.join(named(v.octets("clientName")), named(v.octets("serverName")));
        byte[] client = "client".getBytes(StandardCharsets.US_ASCII);
        byte[] server = "server".getBytes(StandardCharsets.US_ASCII);
        return Fields.of("macKey", key,
                "mac", Primitives.hmac16(key, Octets.join(names, greeting, response)),
                "clientControlKey", labelled(t2, "control", client),
                "serverControlKey", labelled(t2, "control", server),
                "senderTestKey", labelled(t2, "sender", sid),
                "reflectorTestKey", labelled(t2, "reflector", sid));
    }
}

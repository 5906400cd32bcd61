// SPDX-License-Identifier: Apache-2.0
import java.security.GeneralSecurityException;
import javax.crypto.Cipher;
import javax.crypto.Mac;
import javax.crypto.spec.IvParameterSpec;
import javax.crypto.spec.SecretKeySpec;

/** AES-128-CBC, HMAC and PBKDF2 over the JCA. */
final class Primitives {
    static final byte[] ZEROS = new byte[16];

    private Primitives() {}

    /** AES-128-CBC without padding; `mode` is one of Cipher's. */
    static Cipher cipher(int mode, byte[] key, byte[] iv) {
        SecretKeySpec aes = new SecretKeySpec(Octets.sized("AES key", key, 16), "AES");
        try {
            Cipher cipher = Cipher.getInstance("AES/CBC/NoPadding");
            cipher.init(mode, aes, new IvParameterSpec(Octets.sized("IV", iv, 16)));
            return cipher;
        } catch (GeneralSecurityException missing) {
            throw new IllegalStateException(missing);
        }
    }

    /** What a cipher makes of whole blocks, as the next of its stream. */
    static byte[] update(Cipher cipher, byte[] data) {
        Refused.unless(data.length % 16 == 0, "AES: expected whole blocks");
        return data.length == 0 ? data : cipher.update(data);
    }

    static byte[] encrypt(byte[] key, byte[] iv, byte[] data) {
        return update(cipher(Cipher.ENCRYPT_MODE, key, iv), data);
    }

    static byte[] decrypt(byte[] key, byte[] iv, byte[] data) {
        return update(cipher(Cipher.DECRYPT_MODE, key, iv), data);
    }

    /** With IV 0; of one block it is ECB. */
    static byte[] encrypt(byte[] key, byte[] data) {
        return encrypt(key, ZEROS, data);
    }

    static byte[] decrypt(byte[] key, byte[] data) {
        return decrypt(key, ZEROS, data);
    }

    /** An HMAC; the JCA takes no empty key, and one zero is the same to HMAC. */
    static Mac mac(String name, byte[] key) {
        try {
            Mac mac = Mac.getInstance(name);
            mac.init(new SecretKeySpec(key.length == 0 ? new byte[1] : key, name));
            return mac;
        } catch (GeneralSecurityException missing) {
            throw new IllegalStateException(missing);
        }
    }

    static byte[] hmac(String name, byte[] key, byte[] data) {
        return mac(name, key).doFinal(data);
    }

    static byte[] hmac16(byte[] key, byte[] text) {
        return Octets.first(16, hmac("HmacSHA1", key, text));
    }

    /** The first 16 octets of PBKDF2-HMAC-SHA1; the JCA's own takes characters, not octets. */
    static byte[] pbkdf2(byte[] secret, byte[] salt, long count) {
        Mac mac = mac("HmacSHA1", secret);
        byte[] last = mac.doFinal(Octets.join(salt, new byte[] {0, 0, 0, 1}));
        byte[] out = last;
        for (long i = 1; i < count; i++) {
            last = mac.doFinal(last);
            out = Octets.xor(out, last);
        }
        return Octets.first(16, out);
    }
}

// SPDX-License-Identifier: Apache-2.0
import java.security.GeneralSecurityException;
import java.util.Arrays;
import javax.crypto.Cipher;
import javax.crypto.Mac;
import javax.crypto.spec.IvParameterSpec;
import javax.crypto.spec.SecretKeySpec;

/** AES-128-CBC, HMAC, PBKDF2 and the prfs of IKEv2 over the JCA. */
final class Primitives {
    static final byte[] NO_IV = new byte[16];

    private Primitives() {}

    /** A prf: its HMAC, or "XCBC" or "CMAC", and the octets of its output. */
    record Prf(String name, int size) {
        static Prf of(String name) {
            return switch (name) {
                case "PRF_HMAC_SHA1" -> new Prf("HmacSHA1", 20);
                case "PRF_HMAC_SHA2_256" -> new Prf("HmacSHA256", 32);
                case "PRF_HMAC_SHA2_384" -> new Prf("HmacSHA384", 48);
                case "PRF_HMAC_SHA2_512" -> new Prf("HmacSHA512", 64);
                case "PRF_AES128_XCBC" -> new Prf("XCBC", 16);
                case "PRF_AES128_CMAC" -> new Prf("CMAC", 16);
                default -> throw new IllegalArgumentException(name);
            };
        }

        boolean isAes() {
            return size == 16;
        }

        byte[] call(byte[] key, byte[]... parts) throws GeneralSecurityException {
            byte[] data = join(parts);
            switch (name) {
                case "XCBC": // RFC 4434 §2
                    byte[] fit = key.length > 16 ? xcbc(NO_IV, key) : Arrays.copyOf(key, 16);
                    return xcbc(fit, data);
                case "CMAC": // RFC 4615 §3
                    return cmac(key.length == 16 ? key : cmac(NO_IV, key), data);
                default:
                    return hmac(name, key, data);
            }
        }
    }

    static byte[] join(byte[]... parts) {
        int size = 0;
        for (byte[] part : parts) {
            size += part.length;
        }
        byte[] all = new byte[size];
        int at = 0;
        for (byte[] part : parts) {
            System.arraycopy(part, 0, all, at, part.length);
            at += part.length;
        }
        return all;
    }

    static byte[] part(byte[] octets, int from, int to) {
        return Arrays.copyOfRange(octets, from, to);
    }

    static byte[] xor(byte[] a, byte[] b) {
        byte[] out = a.clone();
        for (int i = 0; i < out.length; i++) {
            out[i] ^= b[i];
        }
        return out;
    }

    /** AES-128-CBC of whole blocks; of one block with IV 0 it is ECB. */
    static byte[] cbc(int mode, byte[] key, byte[] iv, byte[] data)
            throws GeneralSecurityException {
        Cipher cipher = Cipher.getInstance("AES/CBC/NoPadding");
        cipher.init(mode, new SecretKeySpec(key, "AES"), new IvParameterSpec(iv));
        return cipher.doFinal(data);
    }

    static byte[] encrypt(byte[] key, byte[] iv, byte[] data) throws GeneralSecurityException {
        return cbc(Cipher.ENCRYPT_MODE, key, iv, data);
    }

    static byte[] decrypt(byte[] key, byte[] iv, byte[] data) throws GeneralSecurityException {
        return cbc(Cipher.DECRYPT_MODE, key, iv, data);
    }

    /** An HMAC; the JCA takes no empty key, and one zero is the same to HMAC. */
    private static Mac mac(String name, byte[] key) throws GeneralSecurityException {
        Mac mac = Mac.getInstance(name);
        mac.init(new SecretKeySpec(key.length == 0 ? new byte[1] : key, name));
        return mac;
    }

    static byte[] hmac(String name, byte[] key, byte[] data) throws GeneralSecurityException {
        return mac(name, key).doFinal(data);
    }

    static byte[] hmac16(byte[] key, byte[] text) throws GeneralSecurityException {
        return Arrays.copyOf(hmac("HmacSHA1", key, text), 16);
    }

    /** The first 16 octets of PBKDF2-HMAC-SHA1; the JCA's own takes characters, not octets. */
    static byte[] pbkdf2(byte[] secret, byte[] salt, long count) throws GeneralSecurityException {
        Mac mac = mac("HmacSHA1", secret);
        byte[] last = mac.doFinal(join(salt, new byte[] {0, 0, 0, 1}));
        byte[] out = last;
        for (long i = 1; i < count; i++) {
            last = mac.doFinal(last);
            out = xor(out, last);
        }
        return Arrays.copyOf(out, 16);
    }

    /** CBC with its last block masked: what XCBC and CMAC have in common. */
    private static byte[] cbcMac(byte[] key, byte[] data, byte[] whole, byte[] padded)
            throws GeneralSecurityException {
        int start = Math.max(0, data.length - 1) / 16 * 16;
        byte[] last = Arrays.copyOf(part(data, start, data.length), 16);
        boolean isWhole = data.length - start == 16;
        if (!isWhole) {
            last[data.length - start] = (byte) 0x80;
        }
        byte[] text = join(part(data, 0, start), xor(last, isWhole ? whole : padded));
        return part(encrypt(key, NO_IV, text), start, start + 16);
    }

    private static byte[] xcbc(byte[] key, byte[] data) throws GeneralSecurityException {
        byte[][] keys = new byte[4][16]; // RFC 3566 §4
        for (byte n = 1; n < 4; n++) {
            Arrays.fill(keys[n], n);
            keys[n] = encrypt(key, NO_IV, keys[n]);
        }
        return cbcMac(keys[1], data, keys[2], keys[3]);
    }

    private static byte[] twice(byte[] block) {
        byte[] out = new byte[16];
        for (int i = 0; i < 16; i++) {
            out[i] = (byte) (block[i] << 1 | (i < 15 ? (block[i + 1] & 0xff) >> 7 : 0));
        }
        out[15] ^= (byte) (block[0] < 0 ? 0x87 : 0);
        return out;
    }

    private static byte[] cmac(byte[] key, byte[] data) throws GeneralSecurityException {
        byte[] k1 = twice(encrypt(key, NO_IV, NO_IV)); // RFC 4493 §2.4
        return cbcMac(key, data, k1, twice(k1));
    }
}

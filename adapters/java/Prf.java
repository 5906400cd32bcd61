// SPDX-License-Identifier: Apache-2.0
import java.util.Arrays;

/** A prf of IKEv2: its HMAC, or "XCBC" or "CMAC", and the octets of its output. */
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

    byte[] call(byte[] key, byte[]... parts) {
        Refused.unless(key.length > 0, "prf key: expected at least 1 octet");
        byte[] data = Octets.join(parts);
        return switch (name) {
            case "XCBC" -> // RFC 4434 §2
                xcbc(key.length > 16 ? xcbc(Primitives.ZEROS, key) : Octets.first(16, key), data);
            case "CMAC" -> // RFC 4615 §3
                cmac(key.length == 16 ? key : cmac(Primitives.ZEROS, key), data);
            default -> Primitives.hmac(name, key, data);
        };
    }

    /** prf+ (RFC 7296 §2.13). */
    byte[] plus(byte[] key, byte[] seed, long length) {
        Refused.unless(length >= 0 && length <= 255 * size, "prf+: expected at most 255 blocks");
        byte[] out = Octets.NONE;
        byte[] block = out;
        for (int n = 1; out.length < length; n++) {
            block = call(key, block, seed, new byte[] {(byte) n});
            out = Octets.join(out, block);
        }
        return Octets.first((int) length, out);
    }

    /** CBC with its last block masked: what XCBC and CMAC have in common. */
    private static byte[] cbcMac(byte[] key, byte[] data, byte[] whole, byte[] padded) {
        int start = Math.max(0, data.length - 1) / 16 * 16;
        byte[] last = Octets.first(16, Octets.from(start, data));
        boolean isWhole = data.length - start == 16;
        if (!isWhole) {
            last[data.length - start] = (byte) 0x80;
        }
        byte[] masked = Octets.xor(last, isWhole ? whole : padded);
        byte[] text = Octets.join(Octets.first(start, data), masked);
        return Octets.from(start, Primitives.encrypt(key, text));
    }

    private static byte[] xcbc(byte[] key, byte[] data) {
        byte[][] keys = new byte[4][16]; // RFC 3566 §4
        for (byte n = 1; n < 4; n++) {
            Arrays.fill(keys[n], n);
            keys[n] = Primitives.encrypt(key, keys[n]);
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

    private static byte[] cmac(byte[] key, byte[] data) {
        byte[] k1 = twice(Primitives.encrypt(key, Primitives.ZEROS)); // RFC 4493 §2.4
        return cbcMac(key, data, k1, twice(k1));
    }
}

// SPDX-License-Identifier: Apache-2.0
import java.security.MessageDigest;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;

/** Octet strings, which are never changed once made. */
final class Octets {
    static final byte[] NONE = {};

    private Octets() {}

    static byte[] ofHex(String text) {
        try {
            return HexFormat.of().parseHex(text);
        } catch (IllegalArgumentException other) {
            throw new Refused("expected hex: " + other.getMessage());
        }
    }

    static String toHex(byte[] octets) {
        return HexFormat.of().formatHex(octets);
    }

    static byte[] sized(String name, byte[] octets, int size) {
        Refused.unless(octets.length == size,
                name + ": expected " + size + " octets, found " + octets.length);
        return octets;
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

    static byte[] join(List<byte[]> parts) {
        return join(parts.toArray(byte[][]::new));
    }

    static byte[] part(byte[] octets, int from, int to) {
        return Arrays.copyOfRange(octets, from, to);
    }

    static byte[] first(int size, byte[] octets) {
        return Arrays.copyOf(octets, size);
    }

    static byte[] from(int start, byte[] octets) {
        return part(octets, start, octets.length);
    }

    static byte[] xor(byte[] a, byte[] b) {
        byte[] out = a.clone();
        for (int i = 0; i < out.length; i++) {
            out[i] ^= b[i];
        }
        return out;
    }

    /** Whether both are the same, in a time that does not tell where they differ. */
    static boolean equal(byte[] a, byte[] b) {
        return MessageDigest.isEqual(a, b);
    }

    /** The size in whole blocks. */
    static long padded(long size) {
        return (size + 15) / 16 * 16;
    }

    static byte[] padded(byte[] octets) {
        return first((int) padded(octets.length), octets);
    }
}

// SPDX-License-Identifier: Apache-2.0
import java.math.BigInteger;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** One case: its parameters and inputs, its outputs, and the protection of what is sent. */
class Case {
    /** The inputs are refused. */
    @SuppressWarnings("serial")
    static final class Refused extends RuntimeException {
        Refused(String reason) {
            super(reason);
        }
    }

    private static final String SENDER_OPEN = "sequenceNumber 4 timestamp 8 errorEstimate 2";
    private static final String SENDER = "sequenceNumber 4 - 12 timestamp 8 errorEstimate 2 - 6";
    private static final String REFLECTOR_OPEN = SENDER_OPEN
            + " - 2 receiveTimestamp 8 senderSequenceNumber 4 senderTimestamp 8"
            + " senderErrorEstimate 2 - 2 senderTtl 1";
    private static final String REFLECTOR = SENDER
            + " receiveTimestamp 8 - 8 senderSequenceNumber 4 - 12 senderTimestamp 8"
            + " senderErrorEstimate 2 - 6 senderTtl 1 - 15";

    final Map<String, Object> values = new LinkedHashMap<>();
    final Map<String, Object> outputs = new LinkedHashMap<>();

    static void need(boolean condition, String reason) {
        if (!condition) {
            throw new Refused(reason);
        }
    }

    String text(String name) {
        return (String) values.get(name);
    }

    long number(String name) {
        return (Long) values.get(name);
    }

    byte[] octets(String name) {
        return HexFormat.of().parseHex(text(name));
    }

    byte[] sized(String name, int size) {
        byte[] found = octets(name);
        need(found.length == size, name + ": expected " + size + " octets, found " + found.length);
        return found;
    }

    byte[] put(String name, byte[] value) {
        outputs.put(name, value);
        return value;
    }

    void controlSend() throws GeneralSecurityException {
        byte[] t1 = sized("t1", 16);
        byte[] iv = sized("iv", 16);
        byte[] plaintext = new byte[0];
        byte[] covered = plaintext;
        List<Object> hmacs = new ArrayList<>();
        for (Object each : (List<?>) values.get("segments")) {
            Map<?, ?> segment = (Map<?, ?>) each;
            byte[] text = HexFormat.of().parseHex((String) segment.get("text"));
            need(text.length % 16 == 0, "control stream: expected whole blocks");
            plaintext = Primitives.join(plaintext, text);
            covered = Primitives.join(covered, text);
            if ((Boolean) segment.get("hmacAfter")) {
                byte[] tag = Primitives.hmac16(sized("t2", 32), covered);
                hmacs.add(tag);
                plaintext = Primitives.join(plaintext, tag);
                covered = new byte[0];
            }
        }
        sized("t2", 32);
        outputs.put("hmacs", hmacs);
        put("wire", Primitives.encrypt(t1, iv, put("plaintext", plaintext)));
    }

    void controlReceive() throws GeneralSecurityException {
        byte[] wire = octets("wire");
        byte[] t2 = sized("t2", 32);
        need(wire.length % 16 == 0, "control stream: expected whole blocks");
        byte[] plain = Primitives.decrypt(sized("t1", 16), sized("iv", 16), wire);
        List<Object> texts = new ArrayList<>();
        int at = 0;
        int from = 0;
        for (Object each : (List<?>) values.get("layout")) {
            Map<?, ?> part = (Map<?, ?>) each;
            int end = at + ((Long) part.get("size")).intValue();
            boolean hmacAfter = (Boolean) part.get("hmacAfter");
            boolean fits = end % 16 == 0 && end + (hmacAfter ? 16 : 0) <= plain.length;
            need(fits, "control stream: another size");
            texts.add(Primitives.part(plain, at, end));
            at = end;
            if (hmacAfter) {
                byte[] tag = Primitives.hmac16(t2, Primitives.part(plain, from, end));
                at = from = end + 16;
                need(equal(tag, Primitives.part(plain, end, at)), "HMAC: another");
            }
        }
        need(at == plain.length, "control stream: another size");
        outputs.put("texts", texts);
    }

    static boolean equal(byte[] a, byte[] b) {
        return MessageDigest.isEqual(a, b);
    }

    private static boolean isInteger(String name) {
        return name.endsWith("Number") || name.equals("senderTtl");
    }

    /** The octets of a packet that are protected. */
    private int covered(int total) {
        sized("t3", 16);
        sized("t4", 32);
        return switch (text("mode")) {
            case "authenticated" -> 16;
            case "encrypted" -> total;
            default -> 0;
        };
    }

    void packetSeal(String[] layout) throws GeneralSecurityException {
        byte[] text = new byte[0];
        for (int i = 0; i < layout.length; i += 2) {
            int size = Integer.parseInt(layout[i + 1]);
            byte[] field = new byte[size];
            if (isInteger(layout[i])) {
                long number = number(layout[i]);
                need(number >= 0 && number < 1L << 8 * size, layout[i] + ": out of range");
                for (int j = 0; j < size; j++) {
                    field[j] = (byte) (number >> 8 * (size - 1 - j));
                }
            } else if (!layout[i].equals("-")) {
                field = sized(layout[i], size);
            }
            text = Primitives.join(text, field);
        }
        int size = covered(text.length);
        byte[] covered = put("coveredText", Arrays.copyOf(text, size));
        byte[] tag = size == 0 ? covered : Primitives.hmac16(octets("t4"), covered);
        byte[] sealed = Primitives.encrypt(octets("t3"), Primitives.NO_IV, covered);
        byte[] rest = Primitives.part(text, size, text.length);
        put("packet", Primitives.join(sealed, rest, put("hmac", tag), octets("padding")));
    }

    void packetOpen(String[] layout) throws GeneralSecurityException {
        int total = 0;
        for (int i = 1; i < layout.length; i += 2) {
            total += Integer.parseInt(layout[i]);
        }
        int size = covered(total);
        int end = total + (size == 0 ? 0 : 16);
        byte[] packet = octets("packet");
        need(packet.length >= end, "test packet: expected at least " + end + " octets");
        byte[] sealed = Arrays.copyOf(packet, size);
        byte[] covered = Primitives.decrypt(octets("t3"), Primitives.NO_IV, sealed);
        byte[] tag = size == 0 ? covered : Primitives.hmac16(octets("t4"), covered);
        need(equal(tag, Primitives.part(packet, total, end)), "HMAC: another");
        byte[] text = Primitives.join(covered, Primitives.part(packet, size, total));
        for (int i = 0, at = 0; i < layout.length; i += 2) {
            byte[] field = Primitives.part(text, at, at += Integer.parseInt(layout[i + 1]));
            boolean integer = isInteger(layout[i]);
            outputs.put(layout[i], integer ? new BigInteger(1, field) : field);
        }
        need(((byte[]) outputs.get("errorEstimate"))[1] != 0, "Multiplier: found 0");
        put("padding", Primitives.part(packet, end, packet.length));
    }

    /** The answer to a packet, of the same size if its padding allows (RFC 5357 §4.2). */
    void reflect() throws GeneralSecurityException {
        int size = octets("packet").length;
        packetOpen(layout("Sender"));
        byte[] padding = (byte[]) outputs.get("padding");
        values.put("sequenceNumber", 0L);
        BigInteger number = (BigInteger) outputs.get("sequenceNumber");
        values.put("senderSequenceNumber", number.longValue());
        values.put("senderTtl", number("ttl"));
        for (String name : List.of("timestamp", "errorEstimate")) {
            String own = "sender" + name.substring(0, 1).toUpperCase() + name.substring(1);
            values.put(own, HexFormat.of().formatHex((byte[]) outputs.get(name)));
        }
        values.put("padding", "");
        packetSeal(layout("Reflector"));
        byte[] header = (byte[]) outputs.get("packet");
        int room = Math.min(padding.length, Math.max(0, size - header.length));
        outputs.clear();
        put("answer", Primitives.join(header, Arrays.copyOf(padding, room)));
    }

    String[] layout(String type) {
        boolean open = text("mode").equals("unauthenticated");
        if (type.startsWith("Sender")) {
            return (open ? SENDER_OPEN : SENDER).split(" ");
        }
        return (open ? REFLECTOR_OPEN : REFLECTOR).split(" ");
    }
}

// SPDX-License-Identifier: Apache-2.0
import java.util.Map;
import java.util.function.UnaryOperator;

/** Test packets of OWAMP and TWAMP, sealed, opened and reflected (RFC 4656 §4.1, RFC 5357 §4). */
final class Packets {
    static final Map<String, UnaryOperator<Fields>> TYPES = Map.of(
            "SenderPacketSeal", v -> seal("Sender", sized(v)),
            "SenderPacketOpen", v -> open("Sender", sized(v)),
            "ReflectorPacketSeal", v -> seal("Reflector", sized(v)),
            "ReflectorPacketOpen", v -> open("Reflector", sized(v)),
            "Reflect", v -> Fields.of("answer", reflect(sized(v), v.octets("packet"), 0)),
            "ErrorEstimate", Packets::errorEstimate);
    static final long TTL = 255;

    private static final String PLAIN = "sequenceNumber:4 timestamp*8 errorEstimate*2";
    private static final String PADDED = "sequenceNumber:4 *12 timestamp*8 errorEstimate*2 *6";
    private static final Map<String, Layout> OPEN = Map.of(
            "Sender", Layout.of(PLAIN),
            "Reflector", Layout.of(PLAIN
                    + " *2 receiveTimestamp*8 senderSequenceNumber:4 senderTimestamp*8"
                    + " senderErrorEstimate*2 *2 senderTtl:1"));
    private static final Map<String, Layout> CLOSED = Map.of(
            "Sender", Layout.of(PADDED),
            "Reflector", Layout.of(PADDED
                    + " receiveTimestamp*8 *8 senderSequenceNumber:4 *12 senderTimestamp*8"
                    + " senderErrorEstimate*2 *6 senderTtl:1 *15"));

    private Packets() {}

    /** The cases want keys of the right size even where the mode has no use for them. */
    private static Fields sized(Fields v) {
        return v.with("t3", v.sized("t3", 16), "t4", v.sized("t4", 32));
    }

    private static Layout layout(String kind, Fields v) {
        return (v.text("mode").equals("unauthenticated") ? OPEN : CLOSED).get(kind);
    }

    /** How many octets the mode encrypts and authenticates. */
    private static int covered(Layout layout, Fields v) {
        return switch (v.text("mode")) {
            case "authenticated" -> 16;
            case "encrypted" -> layout.size();
            default -> 0;
        };
    }

    private static byte[] hmac(byte[] text, Fields v) {
        return text.length == 0 ? text : Primitives.hmac16(v.octets("t4"), text);
    }

    static Fields seal(String kind, Fields v) {
        Layout layout = layout(kind, v);
        byte[] text = layout.pack(v);
        int size = covered(layout, v);
        byte[] covered = Octets.first(size, text);
        byte[] tag = hmac(covered, v);
        byte[] sealed = size == 0 ? covered : Primitives.encrypt(v.octets("t3"), covered);
        byte[] packet = Octets.join(sealed, Octets.from(size, text), tag, v.octets("padding"));
        return Fields.of("coveredText", covered, "hmac", tag, "packet", packet);
    }

    static Fields open(String kind, Fields v) {
        Layout layout = layout(kind, v);
        byte[] packet = v.octets("packet");
        int size = covered(layout, v);
        int total = layout.size();
        int end = total + (size == 0 ? 0 : 16);
        Refused.unless(packet.length >= end, "test packet: expected at least " + end + " octets");
        byte[] covered = Octets.first(size, packet);
        if (size > 0) {
            covered = Primitives.decrypt(v.octets("t3"), covered);
        }
        boolean isSame = Octets.equal(hmac(covered, v), Octets.part(packet, total, end));
        Refused.unless(isSame, "HMAC: another");
        Fields found = layout.unpack(Octets.join(covered, Octets.part(packet, size, total)));
        Refused.unless(found.octets("errorEstimate")[1] != 0, "Multiplier: found 0");
        return found.with("padding", Octets.from(end, packet));
    }

    /** The answer to a packet, of the same size if its padding allows (RFC 5357 §4.2). */
    static byte[] reflect(Fields v, byte[] packet, long sequenceNumber) {
        Fields found = open("Sender", v.with("packet", packet));
        byte[] header = seal("Reflector", v.with(
                "sequenceNumber", sequenceNumber,
                "senderSequenceNumber", found.get("sequenceNumber"),
                "senderTimestamp", found.get("timestamp"),
                "senderErrorEstimate", found.get("errorEstimate"),
                "senderTtl", v.get("ttl"),
                "padding", Octets.NONE)).octets("packet");
        byte[] padding = found.octets("padding");
        int room = Math.min(padding.length, Math.max(0, packet.length - header.length));
        return Octets.join(header, Octets.first(room, padding));
    }

    private static Fields errorEstimate(Fields v) {
        byte[] octets = v.sized("octets", 2);
        Refused.unless(octets[1] != 0, "Multiplier: found 0");
        byte[] withoutZ = {(byte) (octets[0] & 0xbf), octets[1]};
        return Fields.of("synchronized", octets[0] < 0, "scale", octets[0] & 0x3f,
                "multiplier", octets[1] & 0xff, "canonical", withoutZ);
    }
}

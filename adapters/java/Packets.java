// SPDX-License-Identifier: Apache-2.0
import java.util.List;
import java.util.Map;
import java.util.function.UnaryOperator;
import java.util.stream.IntStream;
import static java.util.Map.entry;

/** Test packets of OWAMP and TWAMP, sealed, opened and reflected (RFC 4656 §4.1, RFC 5357 §4). */
final class Packets {
    static final Map<String, UnaryOperator<Fields>> TYPES = Map.ofEntries(
            entry("SenderPacketBuild", v -> seal("Sender", unprotected(v))),
            entry("SenderPacketParse", v -> open("Sender", unprotected(v))),
            entry("ReflectorPacketBuild", v -> seal("Reflector", unprotected(v))),
            entry("ReflectorPacketParse", v -> open("Reflector", unprotected(v))),
            entry("ReflectUnprotected", v -> answer(unprotected(v))),
            entry("SenderPacketSeal", v -> seal("Sender", v)),
            entry("SenderPacketOpen", v -> open("Sender", v)),
            entry("ReflectorPacketSeal", v -> seal("Reflector", v)),
            entry("ReflectorPacketOpen", v -> open("Reflector", v)),
            entry("Reflect", Packets::answer),
            entry("SenderRun", Packets::run),
            entry("SenderRunUnprotected", v -> run(unprotected(v))),
            entry("ErrorEstimate", Packets::errorEstimate));
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

    private static Fields unprotected(Fields v) {
        return v.with("mode", "unauthenticated");
    }

    /** A Session-Sender's packets; its numbers end where their field does (RFC 4656 §4.1.2). */
    private static Fields run(Fields v) {
        List<byte[]> times = v.octetStrings("timestamps");
        long first = v.number("firstSequenceNumber");
        long count = Math.max(0, Math.min(times.size(), (1L << 32) - first));
        return Fields.of("packets", IntStream.range(0, (int) count).mapToObj(place -> seal("Sender",
                v.with("sequenceNumber", first + place, "timestamp", times.get(place),
                        "padding", Octets.NONE)).octets("packet")).toList());
    }

    private static Fields answer(Fields v) {
        return Fields.of("answer", reflect(v, v.octets("packet")));
    }

    private static Layout layout(String kind, Fields v) {
        if (v.text("mode").equals("unauthenticated")) {
            return OPEN.get(kind);
        }
        v.sized("t3", 16);
        v.sized("t4", 32);
        return CLOSED.get(kind);
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
        byte[] estimate = ownEstimate(v.sized("errorEstimate", 2));
        byte[] text = layout.pack(v.with("errorEstimate", estimate));
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
        Refused.unless(isSame, "HMAC: another", "HMAC");
        Fields found = layout.unpack(Octets.join(covered, Octets.part(packet, size, total)));
        Refused.unless(found.octets("errorEstimate")[1] != 0, "Multiplier: found 0");
        return found.with("padding", Octets.from(end, packet));
    }

    /** The answer to a packet, of the same size if its padding allows (RFC 5357 §4.2). */
    static byte[] reflect(Fields v, byte[] packet) {
        Fields found = open("Sender", v.with("packet", packet));
        byte[] header = seal("Reflector", v.with(
                "senderSequenceNumber", found.get("sequenceNumber"),
                "senderTimestamp", found.get("timestamp"),
                "senderErrorEstimate", found.get("errorEstimate"),
                "senderTtl", v.get("ttl"),
                "padding", Octets.NONE)).octets("packet");
        byte[] padding = found.octets("padding");
        int room = Math.min(padding.length, Math.max(0, packet.length - header.length));
        return Octets.join(header, Octets.first(room, padding));
    }

    /** An Error Estimate to be sent: without Z, never with Multiplier 0 (RFC 4656 §4.1.2). */
    private static byte[] ownEstimate(byte[] octets) {
        Refused.unless(octets[1] != 0, "Multiplier: found 0");
        return new byte[] {(byte) (octets[0] & 0xbf), octets[1]};
    }

    private static Fields errorEstimate(Fields v) {
        byte[] octets = v.sized("octets", 2);
        byte[] canonical = ownEstimate(octets);
        return Fields.of("synchronized", octets[0] < 0, "scale", octets[0] & 0x3f,
                "multiplier", octets[1] & 0xff, "canonical", canonical);
    }
}

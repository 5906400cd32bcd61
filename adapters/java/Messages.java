// SPDX-License-Identifier: Apache-2.0
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;
import java.util.function.UnaryOperator;
import static java.util.Map.entry;

/** Every message of the control connection in plaintext (RFC 4656 §3, RFC 5357 §3). */
final class Messages {
    static final Map<String, UnaryOperator<Fields>> TYPES = Map.of(
            "MessageParse", Messages::messageParse,
            "FetchDataParse", Messages::fetchDataParse,
            "LostPacketRecord", Messages::lostPacketRecord);

    private static final String REQUEST = " ipvn:1 confSender:1 confReceiver:1 numberOfSlots:4"
            + " numberOfPackets:4 senderPort:2 receiverPort:2 senderAddress*16 receiverAddress*16"
            + " sid*16 paddingLength:4 startTime*8 timeout*8 typeP:4 *8";
    private static final Layout STOP = Layout.of("=3 accept:1 *2 numberOfSessions:4 *8");
    private static final Map<String, Layout> LAYOUTS = Map.ofEntries(
            entry("Server-Greeting", Layout.of("*12 modes:4 challenge*16 salt*16 count:4 *12")),
            entry("Set-Up-Response", Layout.of("mode:4 keyId*80 token*64 clientIv*16")),
            entry("Server-Start", Layout.of("*15 accept:1 serverIv*16 startTime*8 *8")),
            entry("Request-Session", Layout.of("=1" + REQUEST)),
            entry("Request-TW-Session", Layout.of("=5" + REQUEST)),
            entry("Accept-Session", Layout.of("accept:1 *1 port:2 sid*16 *12")),
            entry("Start-Sessions", Layout.of("=2 *15")),
            entry("Start-Ack", Layout.of("accept:1 *15")),
            entry("Stop-Sessions (OWAMP)", STOP),
            entry("Stop-Sessions (TWAMP)", STOP),
            entry("Fetch-Session", Layout.of("=4 *7 beginSeq:4 endSeq:4 sid*16")),
            entry("Fetch-Ack", Layout.of("accept:1 finished:1 *2 nextSeqno:4"
                    + " numberOfSkipRanges:4 numberOfRecords:4")));
    private static final Layout SLOT = Layout.of("slotType:1 *7 parameter*8");
    private static final Layout SKIP_RANGE = Layout.of("first:4 last:4");
    private static final Layout SESSION = Layout.of("sid*16 nextSeqno:4 numberOfSkipRanges:4");
    private static final Layout RECORD = Layout.of("seqNumber:4 sendErrorEstimate:2"
            + " receiveErrorEstimate:2 sendTimestamp*8 receiveTimestamp*8 ttl:1");
    private static final Set<String> WITHOUT_HMAC =
            Set.of("Server-Greeting", "Set-Up-Response", "Server-Start");

    static final Fields NO_RESULTS = Fields.of("accept", 1, "finished", 0, "nextSeqno", 0,
            "numberOfSkipRanges", 0, "numberOfRecords", 0);
    private static final int LOST = 0x3f01; // S 0, Multiplier 1; Scale 64 does not fit, so 63

    private Messages() {}

    static boolean hasHmac(String name) {
        return !WITHOUT_HMAC.contains(name);
    }

    static String request(String protocol) {
        return protocol.equals("OWAMP") ? "Request-Session" : "Request-TW-Session";
    }

    /** Reads a message, of which the first octets may have come. */
    static Want read(String name, byte[] first, Function<Fields, Want> then) {
        Layout layout = LAYOUTS.get(name);
        return Want.octets(layout.size() - first.length, rest -> {
            Fields fields = layout.unpack(Octets.join(first, rest));
            fields.computeIfPresent("ipvn", (key, value) -> (Long) value & 15); // the rest is MBZ
            return switch (name) {
                case "Request-Session" -> Want.hmac(() -> readSlots(fields, then));
                case "Stop-Sessions (OWAMP)" -> readSessions(fields, new ArrayList<>(), then);
                default ->
                    hasHmac(name) ? Want.hmac(() -> then.apply(fields)) : then.apply(fields);
            };
        });
    }

    private static Want readSlots(Fields request, Function<Fields, Want> then) {
        long count = (Long) request.remove("numberOfSlots");
        return Want.octets(count * SLOT.size(), slots ->
                Want.hmac(() -> then.apply(request.with("slots", SLOT.unpackAll(slots)))));
    }

    private static Want readSessions(
            Fields stop, List<Fields> sessions, Function<Fields, Want> then) {
        if (sessions.size() == stop.number("numberOfSessions")) {
            Fields fields = Fields.of("accept", stop.get("accept"), "sessions", sessions);
            return Want.hmac(() -> then.apply(fields));
        }
        int start = SESSION.size();
        return Want.octets(Octets.padded(start), head -> {
            Fields session = SESSION.unpack(head);
            long end = start + (Long) session.remove("numberOfSkipRanges") * SKIP_RANGE.size();
            return Want.octets(Math.max(0, Octets.padded(end) - head.length), rest -> {
                byte[] ranges = Octets.part(Octets.join(head, rest), start, (int) end);
                sessions.add(session.with("skipRanges", skipRanges(ranges)));
                return readSessions(stop, sessions, then);
            });
        });
    }

    /** Skip ranges are in order and disjoint (RFC 4656 §3.8). */
    private static List<Fields> skipRanges(byte[] octets) {
        List<Fields> ranges = SKIP_RANGE.unpackAll(octets);
        long floor = 0;
        for (Fields range : ranges) {
            boolean follows = range.number("first") >= floor
                    && range.number("last") >= range.number("first");
            Refused.unless(follows, "Skip Ranges: expected ascending, disjoint ranges");
            floor = range.number("last") + 1;
        }
        return ranges;
    }

    /** Reads the session data after a Fetch-Ack (RFC 4656 §3.9). */
    static Want readFetched(Fields ack, Function<Fields, Want> then) {
        int ranges = SKIP_RANGE.size();
        long end = ack.number("numberOfSkipRanges") * ranges;
        return read("Request-Session", Octets.NONE, request ->
                Want.octets(Octets.padded(end), skipped -> Want.hmac(() -> {
                    List<Fields> skips = skipRanges(Octets.first((int) end, skipped));
                    Fields fields = Fields.of("request", request, "skipRanges", skips);
                    return readRecords(ack, fields, then);
                })));
    }

    private static Want readRecords(Fields ack, Fields data, Function<Fields, Want> then) {
        long end = ack.number("numberOfRecords") * RECORD.size();
        return Want.octets(Octets.padded(end), octets -> {
            List<Fields> records = RECORD.unpackAll(Octets.first((int) end, octets));
            return Want.hmac(() -> then.apply(data.with("records", records)));
        });
    }

    static Fields parse(String name, byte[] octets) {
        return parse(read(name, Octets.NONE, Want::nothing), octets);
    }

    /** The result of a reader that is given these octets, and has to need all of them. */
    private static Fields parse(Want first, byte[] octets) {
        Want want = first;
        int at = 0;
        while (!want.isOver()) {
            long end = at + want.size();
            Refused.unless(end <= octets.length, "expected at least " + end + " octets");
            want = want.then().apply(Octets.part(octets, at, (int) end));
            at = (int) end;
        }
        Refused.unless(at == octets.length, "expected " + at + " octets");
        return want.result();
    }

    /** The fields as their sender may send them. */
    private static Fields sendable(String name, Fields fields) {
        if (name.equals("Fetch-Ack")) { // RFC 4656 §3.9
            return fields.number("accept") != 0 ? NO_RESULTS.with("accept", fields.get("accept"))
                    : fields.number("finished") != 0 ? fields
                    : fields.with("nextSeqno", 0, "numberOfSkipRanges", 0);
        }
        if (!fields.containsKey("ipvn")) {
            return fields;
        }
        Fields sent = fields.with("confSender", fields.number("confSender") == 0 ? 0 : 1,
                "confReceiver", fields.number("confReceiver") == 0 ? 0 : 1);
        if (name.equals("Request-TW-Session")) { // RFC 5357 §3.5
            sent = sent.with("confSender", 0, "confReceiver", 0, "numberOfSlots", 0,
                    "numberOfPackets", 0, "sid", new byte[16]);
        }
        if (fields.number("ipvn") != 4) {
            return sent;
        }
        return sent.with("senderAddress", ipv4(sent.octets("senderAddress")),
                "receiverAddress", ipv4(sent.octets("receiverAddress")));
    }

    /** An IPv4 address; the octets after it are not used (RFC 4656 §3.5). */
    private static byte[] ipv4(byte[] address) {
        return Octets.first(16, Octets.first(4, address));
    }

    /** The parts of a message; after each goes an HMAC, if the message has any. */
    static List<byte[]> parts(String name, Fields given) {
        Fields fields = sendable(name, given);
        if (name.equals("Session data")) {
            List<byte[]> parts = new ArrayList<>();
            parts.addAll(parts("Request-Session", (Fields) fields.get("request")));
            parts.add(Octets.padded(SKIP_RANGE.packAll(fields.records("skipRanges"))));
            parts.add(Octets.padded(RECORD.packAll(fields.records("records"))));
            return parts;
        }
        Layout layout = LAYOUTS.get(name);
        if (fields.containsKey("slots")) {
            List<Fields> slots = fields.records("slots");
            byte[] head = layout.pack(fields.with("numberOfSlots", slots.size()));
            return List.of(head, SLOT.packAll(slots));
        }
        if (fields.containsKey("sessions")) {
            List<Fields> sessions = fields.records("sessions");
            byte[] head = layout.pack(fields.with("numberOfSessions", sessions.size()));
            byte[] records = Octets.join(sessions.stream().map(Messages::session).toList());
            return List.of(Octets.join(head, records));
        }
        return List.of(layout.pack(fields));
    }

    private static byte[] session(Fields session) {
        List<Fields> ranges = session.records("skipRanges");
        byte[] head = SESSION.pack(session.with("numberOfSkipRanges", ranges.size()));
        return Octets.padded(Octets.join(head, SKIP_RANGE.packAll(ranges)));
    }

    private static Fields rebuilt(String name, Fields fields) {
        byte[] hmac = new byte[hasHmac(name) ? 16 : 0];
        byte[] canonical = Octets.join(
                parts(name, fields).stream().map(part -> Octets.join(part, hmac)).toList());
        return Fields.of("fields", fields, "canonical", canonical);
    }

    private static Fields messageParse(Fields v) {
        String name = v.text("message");
        return rebuilt(name, parse(name, v.octets("octets")));
    }

    private static Fields fetchDataParse(Fields v) {
        Fields ack = parse("Fetch-Ack", v.octets("fetchAck"));
        return rebuilt("Session data", parse(readFetched(ack, Want::nothing), v.octets("octets")));
    }

    /** What is kept of a packet that did not come (RFC 4656 §3.9). */
    private static Fields lostPacketRecord(Fields v) {
        BigInteger estimate = new BigInteger(1, v.sized("receiveErrorEstimate", 2));
        return Fields.of("record", RECORD.pack(v.with("receiveErrorEstimate", estimate,
                "sendErrorEstimate", LOST, "receiveTimestamp", new byte[8],
                "ttl", Packets.TTL)));
    }
}

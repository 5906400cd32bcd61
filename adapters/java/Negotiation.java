// SPDX-License-Identifier: Apache-2.0
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.function.UnaryOperator;

/** What a server grants: modes, requests, and the values of Accept. */
final class Negotiation {
    static final Map<String, UnaryOperator<Fields>> TYPES = Map.of(
            "AcceptValue", v -> Fields.of("interpretation", interpret(v.number("accept"))),
            "ModeChoice", Negotiation::modeChoice,
            "RequestCheck", Negotiation::requestCheck);
    private static final List<String> SECURITY = // the names of bits 1, 2, 4 and 8
            List.of("unauthenticated", "authenticated", "encrypted", "mixed");

    private Negotiation() {}

    static long securityBits(String protocol) {
        return protocol.equals("OWAMP") ? 7 : 15; // RFC 5618 is for TWAMP
    }

    static long ikev2Bit(String protocol) {
        return protocol.equals("OWAMP") ? 16 : 128;
    }

    static long bitOf(String security) {
        return 1L << SECURITY.indexOf(security);
    }

    static String nameOf(long bit) {
        int place = Long.numberOfTrailingZeros(bit);
        boolean isOne = Long.bitCount(bit) == 1 && place < SECURITY.size();
        Refused.unless(isOne, "Mode: expected exactly one security bit", "negotiation");
        return SECURITY.get(place);
    }

    /** The mode of a connection, and whether its shared secret is from IKEv2. */
    record Mode(String security, boolean isIkev2Derived) {
        boolean isProtected() {
            return !security.equals("unauthenticated");
        }

        /** The mode of its test packets. */
        String ofPackets() {
            return security.equals("mixed") ? "unauthenticated" : security;
        }
    }

    /** What Mode means, other bits ignored (RFC 4656 §3.1, RFC 7717 §5.1). */
    static Mode chooseMode(String protocol, long offered, long chosen) {
        long bit = chosen & securityBits(protocol);
        Mode mode = modeOf(protocol, bit | chosen & offered & ikev2Bit(protocol));
        Refused.unless((bit & offered) != 0, "Mode: not offered", "negotiation");
        return mode;
    }

    /** IKEv2Derived that was not offered has no meaning, nor has it without protection. */
    private static Mode modeOf(String protocol, long bits) {
        Mode mode = new Mode(nameOf(bits & securityBits(protocol)), false);
        boolean isIkev2Derived = (bits & ikev2Bit(protocol)) != 0 && mode.isProtected();
        return new Mode(mode.security(), isIkev2Derived);
    }

    private static Fields modeChoice(Fields v) {
        Mode mode = chooseMode(v.text("protocol"), v.number("offered"), v.number("chosen"));
        return Fields.of("security", mode.security(), "ikev2Derived", mode.isIkev2Derived());
    }

    /** An Accept that is not assigned counts as a failure (RFC 4656 §3.3). */
    private static long interpret(long accept) {
        return accept <= 6 ? accept : 1;
    }

    private static boolean isSet(Fields request, String name) {
        return request.number(name) != 0;
    }

    /** The field that is not 0 as RFC 5357 §3.5 has it, or "". */
    private static String notZero(Fields request) {
        boolean hasSid = !Arrays.equals(request.octets("sid"), Primitives.ZEROS);
        return isSet(request, "confSender") ? "Conf-Sender"
                : isSet(request, "confReceiver") ? "Conf-Receiver"
                : isSet(request, "numberOfSlots") ? "Number of Schedule Slots"
                : isSet(request, "numberOfPackets") ? "Number of Packets"
                : hasSid ? "SID" : "";
    }

    /** The field for which no server grants a request, or "" (RFC 4656 §3.5, RFC 5357 §3.5). */
    static String problemOf(String protocol, Fields request) {
        boolean isTwamp = protocol.equals("TWAMP");
        if (isTwamp && !notZero(request).isEmpty()) {
            return notZero(request);
        }
        if (request.number("ipvn") != 4 && request.number("ipvn") != 6) {
            return "IPVN";
        }
        boolean isToSend = isTwamp || isSet(request, "confSender");
        if (isToSend && request.number("typeP") >> 30 != 0) { // neither a DSCP nor a PHB
            return "Type-P Descriptor";
        }
        return isTwamp ? "" : problemOfOwamp(request);
    }

    private static String problemOfOwamp(Fields request) {
        List<Fields> slots = request.records("slots");
        boolean isKnown = slots.stream().allMatch(slot -> slot.number("slotType") <= 1);
        return !hasConf(request) ? "Conf-Sender, Conf-Receiver"
                : slots.isEmpty() ? "Number of Schedule Slots"
                : isKnown ? "" : "Slot Type";
    }

    private static boolean hasConf(Fields request) {
        return isSet(request, "confSender") || isSet(request, "confReceiver");
    }

    /** Whether its client may send a request (RFC 4656 §3.5, RFC 5357 §3.5). */
    static boolean mayBeSent(String protocol, Fields request) {
        return protocol.equals("TWAMP") ? notZero(request).isEmpty()
                : hasConf(request) && !request.records("slots").isEmpty();
    }

    /** Whether a request has the SID of its session: its receiver makes it (RFC 4656 §3.5). */
    static boolean namesSid(Fields request) {
        return isSet(request, "confSender") && !isSet(request, "confReceiver");
    }

    private static Fields requestCheck(Fields v) {
        String protocol = v.text("protocol");
        Fields request = Messages.parse(Messages.request(protocol), v.octets("octets"));
        String field = problemOf(protocol, request);
        return Fields.of("accept", field.isEmpty() ? 0 : 3, "field", field);
    }
}

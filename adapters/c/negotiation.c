/* RFC 4656 §3.1, §3.3, §3.5; RFC 5357 §3.1, §3.5; RFC 7717 §5.
   SPDX-License-Identifier: Apache-2.0 */
#include "negotiation.h"
#include "case.h"
#include "packets.h"

int is_owamp_named(octets name)
{
    need(is_text(name, "OWAMP") || is_text(name, "TWAMP"), "protocol: not known");
    return name.data[0] == 'O';
}

int security_bits(int is_owamp)
{
    return OPEN | AUTHENTICATED | ENCRYPTED | (is_owamp ? 0 : MIXED);
}

int ikev2_derived_bit(int is_owamp)
{
    return is_owamp ? 16 : 128;
}

const char *mode_problem(int is_owamp, long long offered, long long chosen)
{
    long long security = chosen & security_bits(is_owamp);
    if (!security || security & (security - 1))
        return "Mode: expected exactly one security bit";
    if (!(security & offered))
        return "Mode: not offered";
    return NULL;
}

int is_ikev2_derived(int is_owamp, long long offered, long long chosen)
{
    int is_open = (chosen & security_bits(is_owamp)) == OPEN;
    return !is_open && (offered & chosen & ikev2_derived_bit(is_owamp)) != 0;
}

int names_sid(message request)
{
    return get_integer(request, "confSender") && !get_integer(request, "confReceiver");
}

static const char *owamp_problem(message request)
{
    if (!get_integer(request, "confSender") && !get_integer(request, "confReceiver"))
        return "Conf-Sender, Conf-Receiver";
    octets slots = request.parts[1];
    if (!slots.size)
        return "Number of Schedule Slots";
    for (size_t at = 0; at < slots.size; at += 16)
        if (slots.data[at] > 1)
            return "Slot Type";
    return NULL;
}

/* What is 0 in TWAMP (RFC 5357 §3.5). */
static const char *twamp_problem(message request)
{
    static const char *const zeros[][2] = {
        {"confSender", "Conf-Sender"}, {"confReceiver", "Conf-Receiver"},
        {"numberOfSlots", "Number of Schedule Slots"}, {"numberOfPackets", "Number of Packets"},
        {"sid", "SID"},
    };
    for (size_t i = 0; i < sizeof zeros / sizeof *zeros; i++) {
        octets value = get(request, zeros[i][0]);
        for (size_t at = 0; at < value.size; at++)
            if (value.data[at])
                return zeros[i][1];
    }
    return NULL;
}

const char *request_problem(int is_owamp, message request)
{
    const char *wrong = is_owamp ? NULL : twamp_problem(request);
    long long ipvn = get_integer(request, "ipvn");
    int is_to_send = !is_owamp || get_integer(request, "confSender");
    if (wrong)
        return wrong;
    if (ipvn != 4 && ipvn != 6)
        return "IPVN";
    if (is_to_send && get_integer(request, "typeP") >> 30)
        return "Type-P Descriptor";
    return is_owamp ? owamp_problem(request) : NULL;
}

int may_be_sent(int is_owamp, message request)
{
    if (!is_owamp)
        return !twamp_problem(request);
    int is_for_one = get_integer(request, "confSender") || get_integer(request, "confReceiver");
    return is_for_one && request.parts[1].size;
}

message_kind request_kind(int is_owamp)
{
    return is_owamp ? REQUEST_SESSION : REQUEST_TW_SESSION;
}

static int owamp_in(void)
{
    return is_owamp_named(text_in(parameters, "protocol"));
}

static void accept_value(void) /* one that is not assigned counts as failure */
{
    long long accept = number("accept");
    put_integer("interpretation", accept > ACCEPT_NO_IKE_SA ? ACCEPT_FAILURE : accept);
}

static void mode_choice(void)
{
    int is_owamp = owamp_in(), i = 0;
    long long offered = number("offered"), chosen = number("chosen");
    const char *problem = mode_problem(is_owamp, offered, chosen);
    need_at(!problem, "negotiation", problem);
    while (!(chosen >> i & 1))
        i++;
    put_text("security", text(SECURITY[i]));
    put_boolean("ikev2Derived", is_ikev2_derived(is_owamp, offered, chosen));
}

static void request_check(void)
{
    int is_owamp = owamp_in();
    const char *problem =
        request_problem(is_owamp, parse_message(request_kind(is_owamp), in("octets")));
    put_integer("accept", problem ? ACCEPT_NOT_SUPPORTED : ACCEPT_OK);
    put_text("field", text(problem ? problem : ""));
}

static void error_estimate(void) /* RFC 4656 §4.1.2 */
{
    octets value = sized("octets", 2);
    unsigned char high = value.data[0], multiplier = value.data[1];
    need(multiplier, "Multiplier: expected 1 to 255, found 0");
    put_boolean("synchronized", high >> 7);
    put_integer("scale", high & 63);
    put_integer("multiplier", multiplier);
    put("canonical", join(octet(high & 0xBF), octet(multiplier)));
}

const case_type negotiation_types[] = {
    {"AcceptValue", accept_value},
    {"ModeChoice", mode_choice},
    {"RequestCheck", request_check},
    {"ErrorEstimate", error_estimate},
    {NULL, NULL},
};

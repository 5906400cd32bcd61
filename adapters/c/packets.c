/* RFC 4656 §4, RFC 5357 §4. SPDX-License-Identifier: Apache-2.0 */
#include "packets.h"
#include "case.h"
#include "crypto.h"

/* The texts of packets: what comes before HMAC and padding. */
#define OPEN_TEXT INT(sequenceNumber, 4), OCT(timestamp, 8), OCT(errorEstimate, 2)
#define PADDED_TEXT \
    INT(sequenceNumber, 4), MBZ(12), OCT(timestamp, 8), OCT(errorEstimate, 2), MBZ(6)

static const field OPEN_SENDER[] = {OPEN_TEXT, END};
static const field SENDER[] = {PADDED_TEXT, END};
static const field OPEN_REFLECTOR[] = {
    OPEN_TEXT, MBZ(2), OCT(receiveTimestamp, 8), INT(senderSequenceNumber, 4),
    OCT(senderTimestamp, 8), OCT(senderErrorEstimate, 2), MBZ(2), INT(senderTtl, 1), END,
};
static const field REFLECTOR[] = {
    PADDED_TEXT, OCT(receiveTimestamp, 8), MBZ(8), INT(senderSequenceNumber, 4), MBZ(12),
    OCT(senderTimestamp, 8), OCT(senderErrorEstimate, 2), MBZ(6), INT(senderTtl, 1), MBZ(15), END,
};

const char *const SECURITY[4] = {"unauthenticated", "authenticated", "encrypted", "mixed"};

int security_named(octets name)
{
    for (int i = 0; i < 4; i++)
        if (is_text(name, SECURITY[i]))
            return 1 << i;
    refuse("mode: not known");
}

int test_mode(long long security)
{
    return security == AUTHENTICATED || security == ENCRYPTED ? (int)security : OPEN;
}

const field *sender_layout(int mode)
{
    return mode == OPEN ? OPEN_SENDER : SENDER;
}

const field *reflector_layout(int mode)
{
    return mode == OPEN ? OPEN_REFLECTOR : REFLECTOR;
}

/* The part of a text that is under encryption and HMAC. */
static octets covered_part(int mode, octets text)
{
    return part(text, 0, mode == OPEN ? 0 : mode == AUTHENTICATED ? 16 : text.size);
}

static octets tag_of(packet_keys keys, octets text)
{
    return keys.mode == OPEN ? zeros(0) : hmac16(keys.t4, covered_part(keys.mode, text));
}

/* The text with its covered part encrypted or decrypted. */
static octets covered(packet_keys keys, octets text, int encrypt)
{
    octets blocks = covered_part(keys.mode, text), clear = part(text, blocks.size, text.size);
    return keys.mode == OPEN ? text : join(cbc(keys.t3, zeros(16), blocks, encrypt), clear);
}

/* An Error Estimate to be sent: without Z, and never with Multiplier 0 (RFC 4656 §4.1.2). */
static octets own_estimate(octets given)
{
    need(given.size == 2 && given.data[1], "Error Estimate: expected 2 octets, Multiplier not 0");
    return join(octet(given.data[0] & 0xBF), octet(given.data[1]));
}

octets seal_packet(packet_keys keys, octets text, octets padding)
{
    return join(join(covered(keys, text, 1), tag_of(keys, text)), padding);
}

octets open_packet(packet_keys keys, const field *layout, octets packet, octets *padding)
{
    size_t size = record_size(layout), end = size + (keys.mode == OPEN ? 0 : 16);
    need(packet.size >= end, "test packet: too short");
    octets text = covered(keys, part(packet, 0, size), 0);
    need_at(equal(tag_of(keys, text), part(packet, size, end)), "HMAC", "HMAC: another");
    need(field_of(layout, text, "errorEstimate").data[1], "Multiplier: found 0");
    *padding = part(packet, end, packet.size);
    return text;
}

octets sender_packet(packet_keys keys, long long sequence_number, octets timestamp,
                     octets error_estimate, octets padding)
{
    const field *layout = sender_layout(keys.mode);
    octets text = zeros(record_size(layout));
    set_integer(layout, text, "sequenceNumber", sequence_number);
    set_field(layout, text, "timestamp", timestamp);
    set_field(layout, text, "errorEstimate", own_estimate(error_estimate));
    return seal_packet(keys, text, padding);
}

octets reflect_packet(packet_keys keys, octets packet, reflection own)
{
    const field *sender = sender_layout(keys.mode), *layout = reflector_layout(keys.mode);
    octets padding, received = open_packet(keys, sender, packet, &padding);
    octets text = zeros(record_size(layout));
    set_integer(layout, text, "sequenceNumber", own.sequence_number);
    set_field(layout, text, "timestamp", own.timestamp);
    set_field(layout, text, "errorEstimate", own_estimate(own.error_estimate));
    set_field(layout, text, "receiveTimestamp", own.receive_timestamp);
    set_integer(layout, text, "senderTtl", own.ttl);
    set_field(layout, text, "senderSequenceNumber", field_of(sender, received, "sequenceNumber"));
    set_field(layout, text, "senderTimestamp", field_of(sender, received, "timestamp"));
    set_field(layout, text, "senderErrorEstimate", field_of(sender, received, "errorEstimate"));
    /* of the same size, if the padding allows (RFC 5357 §4.2) */
    size_t own_size = text.size + (keys.mode == OPEN ? 0 : 16);
    size_t room = packet.size > own_size ? packet.size - own_size : 0;
    return seal_packet(keys, text, part(padding, 0, room < padding.size ? room : padding.size));
}

static packet_keys keys_in(void)
{
    const char *name = json_member(parameters, "mode"); /* none for packets without protection */
    int mode = name ? test_mode(security_named(json_string(name))) : OPEN;
    if (mode == OPEN)
        return (packet_keys){mode, zeros(0), zeros(0)};
    return (packet_keys){mode, sized("t3", 16), sized("t4", 32)};
}

static void put_sealed(const field *(*layout)(int mode))
{
    packet_keys keys = keys_in();
    octets text = record_in(layout(keys.mode));
    octets estimate = field_of(layout(keys.mode), text, "errorEstimate");
    set_field(layout(keys.mode), text, "errorEstimate", own_estimate(estimate));
    put("packet", seal_packet(keys, text, in("padding")));
    put("coveredText", covered_part(keys.mode, text));
    put("hmac", tag_of(keys, text));
}

static void put_opened(const field *(*layout)(int mode))
{
    packet_keys keys = keys_in();
    octets padding, text = open_packet(keys, layout(keys.mode), in("packet"), &padding);
    put_record(layout(keys.mode), text, 1);
    put("padding", padding);
}

static void sender_packet_seal(void)
{
    put_sealed(sender_layout);
}

static void sender_packet_open(void)
{
    put_opened(sender_layout);
}

static void reflector_packet_seal(void)
{
    put_sealed(reflector_layout);
}

static void reflector_packet_open(void)
{
    put_opened(reflector_layout);
}

static void reflect(void)
{
    reflection own = {number("sequenceNumber"), number("ttl"), in("receiveTimestamp"),
                      in("timestamp"), in("errorEstimate")};
    put("answer", reflect_packet(keys_in(), in("packet"), own));
}

/* A Session-Sender's packets; its numbers end where their field does (RFC 4656 §4.1.2). */
static void sender_run(void)
{
    packet_keys keys = keys_in();
    long long next = number("firstSequenceNumber");
    const char *times = json_member(inputs, "timestamps");
    need(times != NULL, "timestamps: missing");
    put_open("packets", '[');
    for (const char *each = json_first(times); each && next < 1LL << 32; each = json_next(each))
        put(NULL, sender_packet(keys, next++, json_hex(each), in("errorEstimate"), zeros(0)));
    put_close(']');
}

const case_type packet_types[] = {
    {"SenderPacketBuild", sender_packet_seal},
    {"SenderPacketParse", sender_packet_open},
    {"ReflectorPacketBuild", reflector_packet_seal},
    {"ReflectorPacketParse", reflector_packet_open},
    {"ReflectUnprotected", reflect},
    {"SenderPacketSeal", sender_packet_seal},
    {"SenderPacketOpen", sender_packet_open},
    {"ReflectorPacketSeal", reflector_packet_seal},
    {"ReflectorPacketOpen", reflector_packet_open},
    {"Reflect", reflect},
    {"SenderRun", sender_run},
    {"SenderRunUnprotected", sender_run},
    {NULL, NULL},
};

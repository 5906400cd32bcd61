/* The control stream and the test packets. SPDX-License-Identifier: Apache-2.0 */
#include "case.h"

#include <string.h>

void control(int send)
{
    octets t1 = sized("t1", 16), t2 = sized("t2", 32), iv = sized("iv", 16), plain = zeros(0);
    octets items = zeros(1024 * sizeof(octets)), *list = (octets *)(void *)items.data;
    size_t at = 0, from = 0, found = 0;
    if (!send) {
        octets wire = in("wire");
        need(wire.size % 16 == 0, "control stream: expected whole blocks");
        plain = cbc(t1, iv, wire, 0);
    }
    const char *each = json_first(json_member(inputs, send ? "segments" : "layout"));
    for (; each; each = json_next(each)) {
        octets text = send ? json_hex(json_member(each, "text")) : zeros(0);
        size_t size = send ? text.size : (size_t)json_integer(json_member(each, "size"));
        int has_hmac = json_true(json_member(each, "hmacAfter"));
        need(size % 16 == 0 && found < 1024, "control stream: expected whole blocks");
        plain = send ? join(plain, text) : plain;
        need(size + 16 * (size_t)has_hmac <= plain.size - at + (send ? 16 : 0),
             "control stream: another size");
        if (!send)
            list[found++] = part(plain, at, at + size);
        at += size;
        if (!has_hmac)
            continue;
        octets tag = hmac16(t2, part(plain, from, at));
        if (send) {
            list[found++] = tag;
            plain = join(plain, tag);
        }
        need(equal(tag, part(plain, at, at + 16)), "HMAC: another");
        from = at += 16;
    }
    need(at == plain.size, "control stream: another size");
    put_array(send ? "hmacs" : "texts", list, found);
    if (send)
        put("wire", cbc(t1, iv, put("plaintext", plain), 1));
}

/* The fields of a test packet before its HMAC; those without a name are sent as zeros. */
typedef struct {
    const char *name;
    size_t size;
    int is_integer;
} field;

static const field FIELDS[2][16] = {
    {{"sequenceNumber", 4, 1}, {"timestamp", 8, 0}, {"errorEstimate", 2, 0}, {"", 2, 0},
     {"receiveTimestamp", 8, 0}, {"senderSequenceNumber", 4, 1}, {"senderTimestamp", 8, 0},
     {"senderErrorEstimate", 2, 0}, {"", 2, 0}, {"senderTtl", 1, 1}},
    {{"sequenceNumber", 4, 1}, {"", 12, 0}, {"timestamp", 8, 0}, {"errorEstimate", 2, 0},
     {"", 6, 0}, {"receiveTimestamp", 8, 0}, {"", 8, 0}, {"senderSequenceNumber", 4, 1},
     {"", 12, 0}, {"senderTimestamp", 8, 0}, {"senderErrorEstimate", 2, 0}, {"", 6, 0},
     {"senderTtl", 1, 1}, {"", 15, 0}},
};

static octets cover(octets data, const char *mode, int encrypt)
{
    size_t size = *mode == 'u' ? 0 : *mode == 'a' ? 16 : data.size;
    return cbc(in("t3"), zeros(16), part(data, 0, size), encrypt);
}

static octets packed(const field *item)
{
    octets value = zeros(item->size);
    if (!*item->name)
        return value;
    if (!item->is_integer)
        return sized(item->name, item->size);
    long long integer = number(item->name);
    need(integer >= 0 && integer < 1LL << 8 * item->size, "an integer out of range");
    for (size_t i = item->size; i--; integer >>= 8)
        value.data[i] = (unsigned char)integer;
    return value;
}

static void unpack(const field *item, octets value)
{
    long long integer = 0;
    if (!*item->name)
        return;
    if (!item->is_integer) {
        put(item->name, value);
        return;
    }
    for (size_t i = 0; i < item->size; i++)
        integer = integer << 8 | value.data[i];
    put_integer(item->name, integer);
}

/* The layout of a packet in the mode of the case. */
typedef struct {
    const char *mode;
    const field *fields;
    size_t count, size, end; /* octets before the HMAC, and with it */
} layout;

static layout layout_of(int reflector)
{
    octets mode = json_string(json_member(parameters, "mode"));
    layout made = {(const char *)mode.data, NULL, 0, 0, 0};
    int open = *made.mode == 'u';
    sized("t3", 16);
    sized("t4", 32);
    made.fields = FIELDS[!open];
    made.count = reflector ? (open ? 10 : 14) : (open ? 3 : 5);
    for (size_t i = 0; i < made.count; i++)
        made.size += made.fields[i].size;
    made.end = made.size + (open ? 0 : 16);
    return made;
}

static octets tag_of(layout kind, octets covered)
{
    return *kind.mode == 'u' ? zeros(0) : hmac16(in("t4"), covered);
}

/* The text of a received packet before its HMAC. */
static octets opened(layout kind, octets data)
{
    need(data.size >= kind.end, "test packet: too short");
    octets covered = cover(part(data, 0, kind.size), kind.mode, 0);
    need(equal(tag_of(kind, covered), part(data, kind.size, kind.end)), "HMAC: another");
    octets text = join(covered, part(data, covered.size, kind.size));
    size_t multiplier = *kind.mode == 'u' ? 13 : 25;
    need(text.data[multiplier], "Multiplier: found 0");
    return text;
}

/* A packet whose fields are what `value` gives. */
static octets sealed(layout kind, octets (*value)(const field *), octets padding, octets *covered,
                     octets *tag)
{
    octets text = zeros(0);
    for (size_t i = 0; i < kind.count; i++)
        text = join(text, value(&kind.fields[i]));
    octets hidden = cover(text, kind.mode, 1);
    *covered = part(text, 0, hidden.size);
    *tag = tag_of(kind, *covered);
    return join(join(join(hidden, part(text, hidden.size, kind.size)), *tag), padding);
}

void packet(int seal, int reflector)
{
    layout kind = layout_of(reflector);
    if (seal) {
        octets covered, tag;
        put("packet", sealed(kind, packed, in("padding"), &covered, &tag));
        put("coveredText", covered);
        put("hmac", tag);
        return;
    }
    octets data = in("packet"), text = opened(kind, data);
    for (size_t i = 0, at = 0; i < kind.count; at += kind.fields[i++].size)
        unpack(&kind.fields[i], part(text, at, at + kind.fields[i].size));
    put("padding", part(data, kind.end, data.size));
}

static octets received; /* the text of the packet that is answered */

/* A field of the answer: its own number and times, and what was received. */
static octets answered(const field *item)
{
    size_t timestamp = received.size == 14 ? 4 : 16;
    octets ttl = zeros(1);
    ttl.data[0] = (unsigned char)number("ttl");
    if (!strcmp(item->name, "sequenceNumber"))
        return zeros(4);
    if (!strcmp(item->name, "senderSequenceNumber"))
        return part(received, 0, 4);
    if (!strcmp(item->name, "senderTimestamp"))
        return part(received, timestamp, timestamp + 8);
    if (!strcmp(item->name, "senderErrorEstimate"))
        return part(received, timestamp + 8, timestamp + 10);
    return strcmp(item->name, "senderTtl") ? packed(item) : ttl;
}

void reflect(void) /* at the same size, if the padding allows (RFC 5357 §4.2) */
{
    layout sender = layout_of(0), own = layout_of(1);
    octets data = in("packet"), covered, tag;
    received = opened(sender, data);
    size_t room = data.size > own.end ? data.size - own.end : 0;
    octets padding = part(data, sender.end, data.size);
    padding = part(padding, 0, room < padding.size ? room : padding.size);
    put("answer", sealed(own, answered, padding, &covered, &tag));
}

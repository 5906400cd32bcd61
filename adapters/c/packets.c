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
        need(strcmp(item->name, "errorEstimate") || value.data[1], "Multiplier: found 0");
        return;
    }
    for (size_t i = 0; i < item->size; i++)
        integer = integer << 8 | value.data[i];
    put_integer(item->name, integer);
}

void packet(int seal, int reflector)
{
    octets mode_octets = json_string(json_member(parameters, "mode"));
    const char *mode = (const char *)mode_octets.data;
    const field *fields = FIELDS[*mode != 'u'];
    size_t count = reflector ? (*mode == 'u' ? 10 : 14) : (*mode == 'u' ? 3 : 5), total = 0;
    octets t4 = sized("t4", 32), nothing = zeros(0), plain = nothing;
    sized("t3", 16);
    for (size_t i = 0; i < count; i++)
        total += fields[i].size;
    size_t end = total + (*mode == 'u' ? 0 : 16);
    if (seal) {
        for (size_t i = 0; i < count; i++)
            plain = join(plain, packed(&fields[i]));
        octets sealed = cover(plain, mode, 1);
        octets covered = put("coveredText", part(plain, 0, sealed.size));
        octets tag = put("hmac", *mode == 'u' ? nothing : hmac16(t4, covered));
        octets rest = join(part(plain, sealed.size, total), tag);
        put("packet", join(join(sealed, rest), in("padding")));
        return;
    }
    octets data = in("packet");
    need(data.size >= end, "test packet: too short");
    octets covered = cover(part(data, 0, total), mode, 0);
    octets tag = *mode == 'u' ? nothing : hmac16(t4, covered);
    need(equal(tag, part(data, total, end)), "HMAC: another");
    plain = join(covered, part(data, covered.size, total));
    for (size_t i = 0, at = 0; i < count; at += fields[i++].size)
        unpack(&fields[i], part(plain, at, at + fields[i].size));
    put("padding", part(data, end, data.size));
}

/* RFC 4656 §3: AES-CBC under T1, HMACs under T2, each over the text since the last.
   SPDX-License-Identifier: Apache-2.0 */
#include "stream.h"
#include "case.h"
#include "crypto.h"

#include <string.h>

enum { LIMIT = 1 << 20 }; /* octets between two HMACs, if nothing else is configured */

const char too_short[] = "too short";

static stream_keys keys_of(octets t1, octets t2, octets iv)
{
    stream_keys keys = {t1, t2, {0}};
    need(t1.size == 16 && t2.size == 32 && iv.size == 16, "keys and IV: another size");
    memcpy(keys.iv, iv.data, 16);
    return keys;
}

void protect_reader(reader *in, octets t1, octets t2, octets iv)
{
    in->keys = keys_of(t1, t2, iv);
    in->from = in->at;
}

void protect_writer(writer *out, octets t1, octets t2, octets iv)
{
    out->keys = keys_of(t1, t2, iv);
    out->from = out->plaintext.text.size;
}

/* Encrypt or decrypt whole blocks: the next of the stream. */
static octets next_blocks(stream_keys *keys, octets blocks, int encrypt)
{
    need(blocks.size % 16 == 0, "control stream: expected whole blocks");
    octets made = cbc(keys->t1, (octets){keys->iv, 16}, blocks, encrypt);
    octets wire = encrypt ? made : blocks;
    if (wire.size)
        memcpy(keys->iv, wire.data + wire.size - 16, 16);
    return made;
}

octets take(reader *in, long long size)
{
    size_t held = in->at - in->from;
    long long limit = in->limit ? (long long)in->limit : LIMIT;
    need(size >= 0 && size <= limit - (long long)held, "message: too long");
    size_t end = in->at + (size_t)size;
    if (end > in->text.text.size) {
        in->wanted = end;
        refuse(too_short);
    }
    if (end > in->plain && in->keys.t1.size) {
        octets wire = part(in->text.text, in->plain, end);
        memcpy(wire.data, next_blocks(&in->keys, wire, 0).data, wire.size);
    }
    in->plain = end > in->plain ? end : in->plain;
    octets taken = part(in->text.text, in->at, end);
    in->at = end;
    return taken;
}

octets peek(reader *in, long long size)
{
    octets seen = take(in, size);
    in->at -= seen.size;
    return seen;
}

void take_hmac(reader *in)
{
    octets covered = part(in->text.text, in->from, in->at);
    in->from = in->at; /* the HMAC does not count for the limit */
    octets tag = take(in, 16);
    if (in->keys.t1.size)
        need_at(equal(tag, hmac16(in->keys.t2, covered)), "HMAC", "HMAC: another");
    in->from = in->at;
}

void write_text(writer *out, octets text)
{
    add(&out->plaintext, text);
    add(&out->wire, out->keys.t1.size ? next_blocks(&out->keys, text, 1) : text);
}

octets write_hmac(writer *out)
{
    octets text = out->plaintext.text, covered = part(text, out->from, text.size);
    octets tag = out->keys.t1.size ? hmac16(out->keys.t2, covered) : zeros(16);
    write_text(out, tag);
    out->from = out->plaintext.text.size;
    return tag;
}

static void control_send(void)
{
    writer out = {0};
    protect_writer(&out, in("t1"), in("t2"), in("iv"));
    put_open("hmacs", '[');
    for (const char *each = json_first(json_member(inputs, "segments")); each;
         each = json_next(each)) {
        write_text(&out, hex_in(each, "text"));
        if (json_true(json_member(each, "hmacAfter")))
            put(NULL, write_hmac(&out));
    }
    put_close(']');
    put("plaintext", out.plaintext.text);
    put("wire", out.wire.text);
}

static void control_receive(void)
{
    reader wire = {0};
    add(&wire.text, in("wire"));
    protect_reader(&wire, in("t1"), in("t2"), in("iv"));
    put_open("texts", '[');
    for (const char *each = json_first(json_member(inputs, "layout")); each;
         each = json_next(each)) {
        put(NULL, take(&wire, integer_in(each, "size")));
        if (json_true(json_member(each, "hmacAfter")))
            take_hmac(&wire);
    }
    put_close(']');
    need(wire.at == wire.text.text.size, "control stream: another size");
}

const case_type stream_types[] = {
    {"ControlSend", control_send},
    {"ControlReceive", control_receive},
    {NULL, NULL},
};

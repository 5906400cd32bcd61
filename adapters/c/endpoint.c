/* What both ends of a control connection do. SPDX-License-Identifier: Apache-2.0 */
#include "endpoint.h"
#include "crypto.h"
#include "negotiation.h"

#include <stdlib.h>
#include <string.h>

void close_connection(endpoint *end, const char *why)
{
    end->state = CLOSED;
    end->why = why;
}

static void hear_one(void *end)
{
    ((endpoint *)end)->hear(end);
}

/* What is under an HMAC is not needed any more. */
static void drop_read(reader *in)
{
    octets left = part(in->text.text, in->from, in->text.text.size);
    if (left.size)
        memmove(in->text.text.data, left.data, left.size);
    in->text.text.size = left.size;
    in->plain -= in->from;
    in->at -= in->from;
    in->wanted -= in->from;
    in->from = 0;
}

void receive(endpoint *end, octets wire)
{
    reader *in = &end->in;
    if (end->state == CLOSED)
        return;
    add(&in->text, wire);
    while (end->state != CLOSED && in->wanted <= in->text.text.size) {
        size_t at = in->at, from = in->from;
        void *mark = memory_mark();
        const char *why = attempt(hear_one, end);
        if (why == too_short) { /* anew when there is what it wants; what is decrypted stays so */
            in->at = at;
            in->from = from;
            forget(mark);
        } else if (why) {
            close_connection(end, why);
        }
    }
    if (end->state != CLOSED)
        drop_read(in);
}

octets taken(endpoint *end, octets *plaintext)
{
    writer *out = &end->out;
    octets wire = part(out->wire.text, out->taken, out->wire.text.size);
    if (plaintext)
        *plaintext = part(out->plaintext.text, out->taken, out->wire.text.size);
    out->taken = out->wire.text.size;
    return wire;
}

octets give(endpoint *end, octets wire)
{
    receive(end, wire);
    need(end->state != CLOSED, end->why);
    return taken(end, NULL);
}

int is_protected(const endpoint *end)
{
    return (end->mode & security_bits(end->is_owamp)) != OPEN;
}

void protect(endpoint *end, octets own_iv, octets peer_iv)
{
    protect_writer(&end->out, end->t1, end->t2, own_iv);
    protect_reader(&end->in, end->t1, end->t2, peer_iv);
}

octets unused(const endpoint *end, size_t size)
{
    octets made = zeros(size);
    memset(made.data, end->unused, size);
    return made;
}

void begin_commands(endpoint *end)
{
    end->state = READY;
    if (!end->in.keys.t1.size)
        end->in.from = end->in.at;
}

void open_session(endpoint *end, message request, octets sid, long long port)
{
    int mode = test_mode(end->mode & security_bits(end->is_owamp));
    packet_keys keys = {mode, zeros(0), zeros(0)};
    if (mode != OPEN)
        (end->derive ? end->derive : test_keys)(sid, end->t1, end->t2, &keys.t3, &keys.t4);
    session *made = fresh(sizeof *made), **last = &end->sessions;
    *made = (session){NULL, request, sid, port, keys};
    while (*last)
        last = &(*last)->next;
    *last = made;
}

static int compare_sids(const void *a, const void *b)
{
    return memcmp(a, b, 16);
}

static octets sorted(octets sids)
{
    if (sids.size)
        qsort(sids.data, sids.size / 16, 16, compare_sids);
    return sids;
}

size_t count_of_sessions(const endpoint *end)
{
    size_t count = 0;
    for (const session *each = end->sessions; each; each = each->next)
        count++;
    return count;
}

/* Stop-Sessions must account for the sessions of its sender (RFC 4656 §3.8, RFC 5357 §3.8). */
static void check_stop(const endpoint *end, message stop, const char *sends_in)
{
    buffer own = {0}, named = {0};
    size_t at = 0;
    if (!end->is_owamp) {
        need(get_integer(stop, "numberOfSessions") == (long long)count_of_sessions(end),
             "Number of Sessions: another");
        return;
    }
    for (const session *each = end->sessions; each; each = each->next)
        if (get_integer(each->request, sends_in))
            add(&own, each->sid);
    for (octets each = next_session(stop, &at); each.size; each = next_session(stop, &at))
        add(&named, sid_of(each));
    need(equal(sorted(own.text), sorted(named.text)), "Stop-Sessions: other SIDs");
}

/* Back to requests when both have sent Stop-Sessions; in TWAMP only the client does. */
static void end_test(endpoint *end)
{
    if (end->is_owamp && !(end->has_sent_stop && end->has_heard_stop))
        return;
    end->state = READY;
    end->sessions = NULL;
    end->has_sent_stop = end->has_heard_stop = 0;
}

void send_stop(endpoint *end, message stop, const char *sends_in)
{
    need(end->state == TESTING && !end->has_sent_stop, "Stop-Sessions: not now");
    check_stop(end, stop, sends_in);
    write_message(&end->out, stop);
    end->has_sent_stop = 1;
    end_test(end);
}

void hear_stop(endpoint *end, const char *sends_in)
{
    message_kind kind = end->is_owamp ? STOP_SESSIONS : STOP_TW_SESSIONS;
    message stop = read_message(&end->in, kind);
    need(end->state == TESTING && !end->has_heard_stop, "Stop-Sessions: not now");
    check_stop(end, stop, sends_in);
    end->has_heard_stop = 1;
    end_test(end);
}

message stop_of(const endpoint *end, const char *sends_in, long long next_seqno)
{
    message stop = blank(end->is_owamp ? STOP_SESSIONS : STOP_TW_SESSIONS);
    if (!end->is_owamp)
        set_number(stop, "numberOfSessions", (long long)count_of_sessions(end));
    for (const session *each = end->sessions; each && end->is_owamp; each = each->next)
        if (get_integer(each->request, sends_in))
            add_session(&stop, each->sid, next_seqno);
    return stop;
}

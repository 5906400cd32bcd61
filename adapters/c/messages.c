/* RFC 4656 §3, RFC 5357 §3. SPDX-License-Identifier: Apache-2.0 */
#include "messages.h"
#include "case.h"

#include <string.h>

message blank(message_kind kind)
{
    message made = {kind, 1, {zeros(record_size(MESSAGES[kind].layout))}};
    if (MESSAGES[kind].command)
        made.parts[0].data[0] = MESSAGES[kind].command;
    return made;
}

octets get(message from, const char *name)
{
    return field_of(MESSAGES[from.kind].layout, from.parts[0], name);
}

long long get_integer(message from, const char *name)
{
    return integer_of(MESSAGES[from.kind].layout, from.parts[0], name);
}

void set(message to, const char *name, octets value)
{
    set_field(MESSAGES[to.kind].layout, to.parts[0], name, value);
}

void set_number(message to, const char *name, long long value)
{
    set_integer(MESSAGES[to.kind].layout, to.parts[0], name, value);
}

static octets padding_after(long long size)
{
    return zeros((size_t)(-size & 15));
}

/* What is left of whole blocks, without their padding. */
static octets take_padded(reader *in, long long size)
{
    octets taken = take(in, (size + 15) & ~15LL);
    return part(taken, 0, (size_t)size);
}

static octets checked_ranges(octets ranges) /* ascending and disjoint (RFC 4656 §3.8) */
{
    long long floor = 0;
    for (size_t at = 0; at < ranges.size; at += 8) {
        octets range = part(ranges, at, at + 8);
        long long first = integer_of(RANGE, range, "first");
        long long last = integer_of(RANGE, range, "last");
        need(first >= floor && last >= first, "Skip Ranges: expected ascending, disjoint ranges");
        floor = last + 1;
    }
    return ranges;
}

static octets read_sessions(reader *in, message stop)
{
    buffer whole = {stop.parts[0], 0};
    for (long long left = get_integer(stop, "numberOfSessions"); left; left--) {
        octets start = part(peek(in, 32), 0, record_size(SESSION)); /* whole blocks are peeked */
        long long ranges = 8 * integer_of(SESSION, start, "numberOfSkipRanges");
        octets record = take_padded(in, (long long)start.size + ranges);
        checked_ranges(part(record, start.size, record.size));
        add(&whole, record);
        add(&whole, padding_after((long long)record.size));
    }
    return whole.text;
}

message read_message(reader *in, message_kind kind)
{
    message found = blank(kind);
    unsigned char command = MESSAGES[kind].command;
    octets head = take(in, (long long)found.parts[0].size);
    need(!command || head.data[0] == command, "Command Number: another");
    found.parts[0] = canonical(MESSAGES[kind].layout, head);
    if (command)
        found.parts[0].data[0] = command;
    if (kind == STOP_SESSIONS)
        found.parts[0] = read_sessions(in, found);
    if (!MESSAGES[kind].is_clear)
        take_hmac(in);
    if (kind == REQUEST_SESSION || kind == SESSION_DATA) {
        octets slots = take(in, 16 * get_integer(found, "numberOfSlots"));
        found.parts[found.count++] = canonical(SLOT, slots);
        take_hmac(in);
    }
    return found;
}

message read_session_data(reader *in, message fetch_ack) /* RFC 4656 §3.9 */
{
    message found = read_message(in, SESSION_DATA);
    long long ranges = 8 * get_integer(fetch_ack, "numberOfSkipRanges");
    long long records = 25 * get_integer(fetch_ack, "numberOfRecords");
    found.parts[found.count++] = copy(take_padded(in, ranges));
    take_hmac(in);
    checked_ranges(found.parts[found.count - 1]);
    found.parts[found.count++] = copy(take_padded(in, records));
    take_hmac(in);
    return found;
}

static reader reader_of(octets plaintext)
{
    reader in = {0};
    add(&in.text, plaintext);
    return in;
}

static void need_end(const reader *in)
{
    need(in->at == in->text.text.size, "message: too long");
}

message parse_message(message_kind kind, octets plaintext)
{
    reader in = reader_of(plaintext);
    message found = read_message(&in, kind);
    need_end(&in);
    return found;
}

/* A request as its sender may send it (RFC 4656 §3.5). */
static void limit_request(message sent)
{
    set_number(sent, "confSender", get_integer(sent, "confSender") != 0);
    set_number(sent, "confReceiver", get_integer(sent, "confReceiver") != 0);
    if (sent.kind == REQUEST_TW_SESSION) { /* RFC 5357 §3.5 */
        set_number(sent, "confSender", 0);
        set_number(sent, "confReceiver", 0);
        set_number(sent, "numberOfSlots", 0);
        set_number(sent, "numberOfPackets", 0);
        memset(get(sent, "sid").data, 0, 16);
    }
    if (get_integer(sent, "ipvn") != 4)
        return;
    memset(get(sent, "senderAddress").data + 4, 0, 12);
    memset(get(sent, "receiverAddress").data + 4, 0, 12);
}

static void limit_fetch_ack(message sent) /* RFC 4656 §3.9 */
{
    int is_refused = get_integer(sent, "accept") != 0;
    if (is_refused) {
        set_number(sent, "finished", 0);
        set_number(sent, "numberOfRecords", 0);
    }
    if (is_refused || !get_integer(sent, "finished")) {
        set_number(sent, "nextSeqno", 0);
        set_number(sent, "numberOfSkipRanges", 0);
    }
}

static message sendable(message given)
{
    given.parts[0] = copy(given.parts[0]);
    if (given.kind == FETCH_ACK)
        limit_fetch_ack(given);
    else if (given.kind == REQUEST_SESSION || given.kind == REQUEST_TW_SESSION ||
             given.kind == SESSION_DATA)
        limit_request(given);
    return given;
}

void write_message(writer *out, message sent)
{
    sent = sendable(sent);
    for (size_t i = 0; i < sent.count; i++) {
        octets text = sent.parts[i];
        if (MESSAGES[sent.kind].is_clear) {
            write_text(out, text);
        } else {
            write_text(out, join(text, padding_after((long long)text.size)));
            write_hmac(out);
        }
    }
}

octets next_session(message stop, size_t *at)
{
    octets all = stop.parts[0];
    if (*at == 0)
        *at = record_size(MESSAGES[stop.kind].layout);
    if (*at == all.size)
        return zeros(0);
    octets start = part(all, *at, *at + record_size(SESSION));
    size_t ranges = (size_t)integer_of(SESSION, start, "numberOfSkipRanges");
    octets record = part(all, *at, *at + start.size + 8 * ranges);
    *at += (record.size + 15) & ~(size_t)15;
    return record;
}

octets sid_of(octets session)
{
    return field_of(SESSION, part(session, 0, record_size(SESSION)), "sid");
}

void add_session(message *stop, octets sid, long long next_seqno)
{
    octets record = zeros(32);
    set_field(SESSION, record, "sid", sid);
    set_integer(SESSION, record, "nextSeqno", next_seqno);
    stop->parts[0] = join(stop->parts[0], record);
    set_number(*stop, "numberOfSessions", get_integer(*stop, "numberOfSessions") + 1);
}

octets packet_record(long long number, octets error_estimate, octets sent, octets received,
                     long long ttl)
{
    octets record = zeros(record_size(RECORD));
    set_integer(RECORD, record, "seqNumber", number);
    set_field(RECORD, record, "sendErrorEstimate", error_estimate);
    set_field(RECORD, record, "receiveErrorEstimate", error_estimate);
    set_field(RECORD, record, "sendTimestamp", sent);
    set_field(RECORD, record, "receiveTimestamp", received);
    set_integer(RECORD, record, "ttl", ttl);
    return record;
}

static void put_fields(message found)
{
    int with_numbers = found.kind == REQUEST_TW_SESSION || found.kind == STOP_TW_SESSIONS;
    put_record(MESSAGES[found.kind].layout, found.parts[0], with_numbers);
    if (found.count > 1)
        put_records("slots", SLOT, found.parts[1]);
    if (found.kind != STOP_SESSIONS)
        return;
    size_t at = 0, size = record_size(SESSION);
    put_open("sessions", '[');
    for (octets each = next_session(found, &at); each.size; each = next_session(found, &at)) {
        put_open(NULL, '{');
        put_record(SESSION, part(each, 0, size), 0);
        put_records("skipRanges", RANGE, part(each, size, each.size));
        put_close('}');
    }
    put_close(']');
}

static void put_canonical(message found)
{
    writer out = {0};
    write_message(&out, found);
    put("canonical", out.plaintext.text);
}

static void message_parse(void)
{
    octets name = text_in(parameters, "message");
    message_kind kind = SERVER_GREETING;
    while (kind < SESSION_DATA && !is_text(name, MESSAGES[kind].name))
        kind++;
    need(kind < SESSION_DATA, "message: not known");
    message found = parse_message(kind, in("octets"));
    put_open("fields", '{');
    put_fields(found);
    put_close('}');
    put_canonical(found);
}

static void fetch_data_parse(void)
{
    reader data = reader_of(in("octets"));
    message found = read_session_data(&data, parse_message(FETCH_ACK, in("fetchAck")));
    need_end(&data);
    put_open("fields", '{');
    put_open("request", '{');
    put_fields(found);
    put_close('}');
    put_records("skipRanges", RANGE, found.parts[2]);
    put_records("records", RECORD, found.parts[3]);
    put_close('}');
    put_canonical(found);
}

static void lost_packet_record(void) /* RFC 4656 §3.9 */
{
    octets record = zeros(record_size(RECORD));
    set_integer(RECORD, record, "seqNumber", number("seqNumber"));
    set_integer(RECORD, record, "sendErrorEstimate", 0x3F01); /* S 0; Scale 64 has no more bits */
    set_field(RECORD, record, "receiveErrorEstimate", in("receiveErrorEstimate"));
    set_field(RECORD, record, "sendTimestamp", in("sendTimestamp"));
    set_integer(RECORD, record, "ttl", 255);
    put("record", record);
}

const case_type message_types[] = {
    {"MessageParse", message_parse},
    {"FetchDataParse", fetch_data_parse},
    {"LostPacketRecord", lost_packet_record},
    {NULL, NULL},
};

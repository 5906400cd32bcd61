/* Whole conversations over a control connection. SPDX-License-Identifier: Apache-2.0 */
#include "case.h"
#include "crypto.h"
#include "negotiation.h"
#include "parties.h"

enum { MOST_PADDING = 65000, ON_THE_WAY = 1 << 24 }; /* octets; units of 2^-32 seconds */

typedef struct {
    endpoint client, server;
    octets times, padding; /* of the packets in each session */
    size_t packets;
} conversation;

static void say(conversation *run, int is_client, const char *name)
{
    octets plaintext, wire = taken(is_client ? &run->client : &run->server, &plaintext);
    endpoint *peer = is_client ? &run->server : &run->client;
    put_open(NULL, '{');
    put_text("sender", text(is_client ? "client" : "server"));
    put_text("message", text(name));
    put("plaintext", plaintext);
    put("octets", wire);
    put_close('}');
    receive(peer, wire);
    need(peer->state != CLOSED, peer->why);
}

static void ask_for(conversation *run, message command)
{
    ask(&run->client, command);
    say(run, 1, MESSAGES[command.kind].name);
}

static void set_up(conversation *run)
{
    say(run, 0, "Server-Greeting");
    say(run, 1, "Set-Up-Response");
    say(run, 0, "Server-Start");
    message_kind kind = request_kind(run->client.is_owamp);
    for (const char *each = json_first(json_member(inputs, "requests")); each;
         each = json_next(each)) {
        ask_for(run, parse_message(kind, json_hex(each)));
        say(run, 0, "Accept-Session");
    }
    ask_for(run, blank(START_SESSIONS));
    say(run, 0, "Start-Ack");
}

/* The test packets of a session: in TWAMP, each is reflected. */
static void exchange(conversation *run, packet_keys keys, octets *packets)
{
    octets padding;
    for (size_t i = 0; i < run->packets; i++) {
        octets time = part(run->times, 8 * i, 8 * i + 8);
        octets sent = sender_packet(keys, (long long)i, time, error_estimate(0), run->padding);
        *packets++ = sent;
        if (run->server.is_owamp)
            continue;
        octets received = later(time, ON_THE_WAY), answered = later(time, 2 * ON_THE_WAY);
        reflection own = {(long long)i, TTL, received, answered, error_estimate(0)};
        *packets = reflect_packet(keys, sent, own);
        open_packet(keys, reflector_layout(keys.mode), *packets++, &padding);
    }
}

static void stop(conversation *run)
{
    message sent = stop_of(&run->client, "confReceiver", (long long)run->packets);
    send_stop(&run->client, sent, "confReceiver");
    say(run, 1, "Stop-Sessions");
    if (!run->server.is_owamp)
        return;
    sent = stop_of(&run->server, "confSender", (long long)run->packets);
    send_stop(&run->server, sent, "confSender");
    say(run, 0, "Stop-Sessions");
}

/* Of each packet, what its receiver noted: it came ON_THE_WAY after it was sent. */
static octets records_of(const session *test, const octets *packets, size_t count)
{
    const field *layout = sender_layout(test->keys.mode);
    octets padding;
    buffer records = {0};
    for (size_t i = 0; i < count; i++) {
        octets found = open_packet(test->keys, layout, packets[i], &padding);
        octets sent = field_of(layout, found, "timestamp"), received = later(sent, ON_THE_WAY);
        add(&records, packet_record(integer_of(layout, found, "sequenceNumber"),
                                    field_of(layout, found, "errorEstimate"), sent, received, TTL));
    }
    return records.text;
}

static void fetch(conversation *run, const session *test, const octets *packets)
{
    message asked = blank(FETCH_SESSION), ack = blank(FETCH_ACK), data = test->request;
    set_number(asked, "endSeq", 0xFFFFFFFF);
    set(asked, "sid", test->sid);
    set_number(ack, "finished", 1);
    set_number(ack, "nextSeqno", (long long)run->packets);
    set_number(ack, "numberOfRecords", (long long)run->packets);
    data.kind = SESSION_DATA;
    data.count = 4;
    data.parts[0] = copy(data.parts[0]);
    data.parts[2] = zeros(0);
    data.parts[3] = records_of(test, packets, run->packets);
    set(data, "sid", test->sid);
    set_number(data, "receiverPort", test->port);
    run->server.fetch_ack = &ack;
    run->server.fetch_data = &data;
    ask_for(run, asked);
    say(run, 0, "Fetch-Ack and session data");
    run->server.fetch_ack = run->server.fetch_data = NULL;
}

static void put_sessions(const session *tests, const octets *packets, size_t count)
{
    put_open("sessions", '[');
    for (; tests; tests = tests->next) {
        put_open(NULL, '{');
        put("sid", tests->sid);
        put("t3", tests->keys.t3);
        put("t4", tests->keys.t4);
        put_open("packets", '[');
        for (size_t i = 0; i < count; i++)
            put(NULL, *packets++);
        put_close(']');
        put_close('}');
    }
    put_close(']');
}

static void put_conversation(conversation *run)
{
    put_open("transcript", '[');
    set_up(run);
    const session *tests = run->server.sessions;
    size_t each = run->packets * (run->server.is_owamp ? 1 : 2); /* that a session has */
    octets *packets = fresh(count_of_sessions(&run->server) * each * sizeof *packets);
    octets *own = packets;
    for (const session *test = tests; test; test = test->next, own += each)
        exchange(run, test->keys, own);
    stop(run);
    own = packets;
    for (const session *test = tests; test; test = test->next, own += each)
        if (run->server.is_owamp && get_integer(test->request, "confReceiver"))
            fetch(run, test, own);
    put_close(']');
    put_sessions(tests, packets, each);
}

static conversation conversation_in(int is_ikev2)
{
    int is_owamp = is_owamp_named(text_in(parameters, "protocol"));
    long long mode = security_named(text_in(parameters, "security"));
    long long padding = number("padding");
    need(padding >= 0 && padding <= MOST_PADDING, "padding: out of range");
    buffer times = {0};
    for (const char *each = json_first(json_member(inputs, "sendTimes")); each;
         each = json_next(each)) {
        octets time = json_hex(each);
        need(time.size == 8, "sendTimes: expected 8 octets");
        add(&times, time);
    }
    conversation run = {
        client_in(inputs, is_owamp, mode + (is_ikev2 ? ikev2_derived_bit(is_owamp) : 0)),
        server_in(inputs, is_owamp, number("offeredModes")),
        times.text,
        zeros((size_t)padding),
        times.text.size / 8,
    };
    configure(&run.client);
    configure_server(&run.server);
    return run;
}

static void open_handshake(void)
{
    conversation run = conversation_in(0);
    put("keyId", unused(&run.client, 80));
    put("sharedSecret", zeros(0));
    put("tokenKey", zeros(0));
    put_conversation(&run);
}

/* The server knows what the client knows. */
static void put_protected(conversation *run, int is_ikev2)
{
    octets secret = put("sharedSecret", run->client.secret);
    knows(&run->server, put("keyId", run->client.key_id), secret, is_ikev2);
    put("tokenKey", pbkdf2(secret, sized("salt", 16), number("count")));
    put_conversation(run);
}

static void passphrase_handshake(void)
{
    conversation run = conversation_in(0);
    knows_passphrase(&run.client);
    put_protected(&run, 0);
}

static void ikev2_handshake(void)
{
    conversation run = conversation_in(1);
    run.client.secret = secret_from_sk_d(prf_named(text_in(parameters, "prf")), in("skD"));
    run.client.key_id = key_id_of_spis(in("spiI"), in("spiR"));
    put_protected(&run, 1);
}

const case_type handshake_types[] = {
    {"OpenHandshake", open_handshake},
    {"PassphraseHandshake", passphrase_handshake},
    {"Ikev2Handshake", ikev2_handshake},
    {NULL, NULL},
};

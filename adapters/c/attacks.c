/* What the models find, played against these endpoints. SPDX-License-Identifier: Apache-2.0 */
#include "case.h"
#include "crypto.h"
#include "parties.h"

enum { OFFERED = OPEN | AUTHENTICATED | ENCRYPTED };

static octets key_id_in(void)
{
    return key_id_of_name(text_in(inputs, "keyName"));
}

static endpoint server_of_case(void)
{
    endpoint server = server_in(inputs, 0, OFFERED);
    server.secret = in("sharedSecret");
    server.key_id = key_id_in();
    server.by_name = 1;
    server.sids = sized("sid", 16);
    server.port = number("port");
    return server;
}

/* A connection with one session: its messages, T3 and T4. */
static packet_keys put_connection(octets *request_on_wire)
{
    endpoint server = server_of_case(), client = client_in(inputs, 0, number("mode"));
    client.secret = server.secret;
    client.key_id = server.key_id;
    octets greeting = put("serverGreeting", taken(&server, NULL));
    octets response = put("setUpResponse", give(&client, greeting));
    octets start = put("serverStart", give(&server, response));
    give(&client, start);
    ask(&client, request_of(sized("parameters", 95)));
    *request_on_wire = put("requestSession", taken(&client, NULL));
    give(&client, put("acceptSession", give(&server, *request_on_wire)));
    need(client.sessions && client.sessions->keys.t3.size, "expected a session with keys");
    put("t3", client.sessions->keys.t3);
    put("t4", client.sessions->keys.t4);
    return client.sessions->keys;
}

static octets packet_of_sender(packet_keys keys)
{
    return sender_packet(keys, number("sequenceNumber"), in("timestamp"), error_estimate(1),
                         zeros(0));
}

static void session_run(void)
{
    octets request, padding;
    packet_keys keys = put_connection(&request);
    octets sent = put("senderPacket", packet_of_sender(keys));
    reflection own = {0, TTL, in("receiveTimestamp"), in("reflectorTimestamp"), error_estimate(1)};
    octets answer = put("reflectorPacket", reflect_packet(keys, sent, own));
    const field *layout = reflector_layout(keys.mode);
    octets returned = open_packet(keys, layout, answer, &padding);
    put_integer("returnedSequenceNumber", integer_of(layout, returned, "senderSequenceNumber"));
}

static void control_keys_from_lost_test_keys(void)
{
    octets request, t1, t2;
    packet_keys keys = put_connection(&request);
    control_keys(in("sid"), keys.t3, keys.t4, &t1, &t2);
    put("recoveredT1", t1);
    put("recoveredT2", t2);
    put("decryptedRequest", cbc(t1, in("clientIv"), request, 0));
}

/* The Token with which a client answers a greeting with a chosen Challenge. */
static octets token_for(octets challenge, octets t1, octets t2)
{
    message lure = blank(SERVER_GREETING);
    endpoint client = new_client(0, number("mode"), t1, t2, in("clientIv"));
    writer greeting = {0};
    client.secret = in("sharedSecret");
    client.key_id = key_id_in();
    set_number(lure, "modes", OFFERED);
    set(lure, "challenge", challenge);
    set(lure, "salt", in("salt"));
    set_number(lure, "count", number("count"));
    write_message(&greeting, lure);
    octets response = give(&client, greeting.wire.text);
    return get(parse_message(SET_UP_RESPONSE, response), "token");
}

/* The first blocks of clients' Tokens: E(challenge), E of that, and so on. */
static octets put_forged_token(void)
{
    buffer tokens = {0}, chosen = {0};
    const char *t1 = json_first(json_member(inputs, "clientT1"));
    const char *t2 = json_first(json_member(inputs, "clientT2"));
    add(&chosen, sized("challenge", 16));
    for (; t1 && t2; t1 = json_next(t1), t2 = json_next(t2)) {
        octets last = part(chosen.text, chosen.text.size - 16, chosen.text.size);
        octets token = token_for(last, json_hex(t1), json_hex(t2));
        add(&tokens, token);
        add(&chosen, part(token, 0, 16));
    }
    put_open("chosenChallenges", '[');
    for (size_t at = 0; at + 16 < chosen.text.size; at += 16)
        put(NULL, part(chosen.text, at, at + 16));
    put_close(']');
    put_open("clientTokens", '[');
    for (size_t at = 0; at < tokens.text.size; at += 64)
        put(NULL, part(tokens.text, at, at + 64));
    put_close(']');
    need(chosen.text.size == 16 + 64, "Token: expected four clients");
    return put("token", part(chosen.text, 16, chosen.text.size));
}

static void token_forged(void)
{
    endpoint server = server_of_case();
    put("serverGreeting", taken(&server, NULL));
    octets t1, t2, token = put_forged_token();
    octets key = pbkdf2(in("sharedSecret"), sized("salt", 16), number("count"));
    need(open_token(key, sized("challenge", 16), token, &t1, &t2), "Token: another Challenge");
    put("t1", t1);
    put("t2", t2);
    message response = blank(SET_UP_RESPONSE);
    set_number(response, "mode", number("mode"));
    set(response, "keyId", server.key_id);
    set(response, "token", token);
    set(response, "clientIv", in("clientIv"));
    writer adversary = {0};
    write_message(&adversary, response);
    put("setUpResponse", response.parts[0]);
    octets start = put("serverStart", give(&server, response.parts[0]));
    put_integer("accept", start.data[15]);
    protect_writer(&adversary, t1, t2, in("clientIv"));
    write_text(&adversary, join(octet(5), sized("parameters", 95)));
    write_hmac(&adversary);
    octets sent = adversary.wire.text, request = part(sent, response.parts[0].size, sent.size);
    put("acceptSession", give(&server, put("requestSession", request)));
    need(server.sessions != NULL, "expected a session");
    put("t3", server.sessions->keys.t3);
    put("t4", server.sessions->keys.t4);
}

static packet_keys keys_of_session(const char *sid)
{
    packet_keys keys = {.mode = test_mode(security_named(text_in(inputs, "testMode")))};
    test_keys(sized(sid, 16), sized("t1", 16), sized("t2", 32), &keys.t3, &keys.t4);
    return keys;
}

/* The encrypted part and the HMAC of the sender's packet, with claims between them in clear. */
static void own_packet_to_sender(void)
{
    packet_keys keys = keys_of_session("sid");
    need(keys.mode != OPEN, "testMode: expected a protected one");
    octets sent = packet_of_sender(keys), padding;
    const field *layout = reflector_layout(keys.mode);
    octets claimed = zeros(record_size(layout));
    set_field(layout, claimed, "timestamp", in("reflectorTimestamp"));
    set_field(layout, claimed, "errorEstimate", error_estimate(1));
    set_field(layout, claimed, "receiveTimestamp", in("receiveTimestamp"));
    set_integer(layout, claimed, "senderSequenceNumber", number("senderSequenceNumber"));
    set_field(layout, claimed, "senderTimestamp", in("senderTimestamp"));
    set_field(layout, claimed, "senderErrorEstimate", error_estimate(1));
    set_integer(layout, claimed, "senderTtl", TTL);
    size_t size = keys.mode == AUTHENTICATED ? 16 : 32;
    octets body = join(part(sent, 0, size), part(claimed, size, claimed.size));
    octets reflected = join(body, part(sent, sent.size - 16, sent.size));
    octets found = open_packet(keys, layout, reflected, &padding);
    need(integer_of(layout, found, "senderSequenceNumber") <= number("sequenceNumber"),
         "Sender Sequence Number: never sent");
    put("t3", keys.t3);
    put("t4", keys.t4);
    put("senderPacket", sent);
    put("reflectedPacket", reflected);
    put_integer("acceptedSequenceNumber", integer_of(layout, found, "sequenceNumber"));
}

static void packet_to_other_session(void)
{
    packet_keys sender = keys_of_session("senderSid"), receiver = keys_of_session("receiverSid");
    if (is_text(text_in(inputs, "keys"), "shared")) {
        sender.t3 = receiver.t3 = in("t1");
        sender.t4 = receiver.t4 = in("t2");
    }
    const field *layout = sender_layout(sender.mode);
    octets sent = packet_of_sender(sender), received = copy(sent), padding;
    if (sender.mode == AUTHENTICATED) /* where it is in clear */
        set_field(layout, part(received, 0, record_size(layout)), "timestamp",
                  in("receivedTimestamp"));
    octets found = open_packet(receiver, layout, received, &padding);
    put("senderT3", sender.t3);
    put("senderT4", sender.t4);
    put("receiverT3", receiver.t3);
    put("receiverT4", receiver.t4);
    put("senderPacket", sent);
    put("receivedPacket", received);
    put_integer("acceptedSequenceNumber", integer_of(layout, found, "sequenceNumber"));
}

const case_type attack_types[] = {
    {"SessionRun", session_run},
    {"TokenForged", token_forged},
    {"ControlKeysFromLostTestKeys", control_keys_from_lost_test_keys},
    {"OwnPacketToSender", own_packet_to_sender},
    {"PacketToOtherSession", packet_to_other_session},
    {NULL, NULL},
};

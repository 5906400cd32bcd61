/* What the models find, played against these endpoints. SPDX-License-Identifier: Apache-2.0 */
#include "case.h"
#include "crypto.h"
#include "parties.h"

enum { OFFERED = OPEN | AUTHENTICATED | ENCRYPTED };

static octets key_id_in(void)
{
    return key_id_of_name(text_in(inputs, "keyName"));
}

static endpoint server_of_case(long long modes)
{
    endpoint server = server_in(inputs, 0, modes);
    knows(&server, key_id_in(), in("sharedSecret"), 0);
    grants(&server, sized("sid", 16), number("port"));
    return server;
}

static endpoint client_of_case(void)
{
    endpoint client = client_in(inputs, 0, number("mode"));
    client.secret = in("sharedSecret");
    client.key_id = key_id_in();
    return client;
}

/* What the server gets if Mode is changed on the way: it is in the first four octets. */
static octets put_changed(octets response)
{
    message changed = parse_message(SET_UP_RESPONSE, response);
    set_number(changed, "mode", number("changedMode"));
    return put("changedSetUpResponse", changed.parts[0]);
}

/* A connection with one session: its messages, T3 and T4. */
static packet_keys put_connection(endpoint *client, endpoint *server)
{
    octets greeting = put("serverGreeting", taken(server, NULL));
    octets response = put("setUpResponse", give(client, greeting));
    if (json_member(inputs, "changedMode"))
        response = put_changed(response);
    octets start = put("serverStart", give(server, response));
    give(client, start);
    ask(client, request_of(sized("parameters", 95)));
    octets request = put("requestSession", taken(client, NULL));
    give(client, put("acceptSession", give(server, request)));
    need(client->sessions && client->sessions->keys.t3.size, "expected a session with keys");
    put("t3", client->sessions->keys.t3);
    put("t4", client->sessions->keys.t4);
    return client->sessions->keys;
}

static octets packet_of_sender(packet_keys keys)
{
    return sender_packet(keys, number("sequenceNumber"), in("timestamp"), error_estimate(1),
                         zeros(0));
}

static octets put_reflected(packet_keys keys, octets sent)
{
    reflection own = {0, TTL, in("receiveTimestamp"), in("reflectorTimestamp"), error_estimate(1)};
    return put("reflectorPacket", reflect_packet(keys, sent, own));
}

static void session_run(void)
{
    octets padding;
    endpoint client = client_of_case(), server = server_of_case(OFFERED);
    packet_keys keys = put_connection(&client, &server);
    octets sent = put("senderPacket", packet_of_sender(keys));
    octets answer = put_reflected(keys, sent);
    const field *layout = reflector_layout(keys.mode);
    octets returned = open_packet(keys, layout, answer, &padding);
    put_integer("returnedSequenceNumber", integer_of(layout, returned, "senderSequenceNumber"));
}

/* In Mode 8 the reflector gets a packet in clear, which anybody can make. */
static void mode_changed(void)
{
    endpoint client = client_of_case(), server = server_of_case(number("modes"));
    packet_keys keys = put_connection(&client, &server);
    ask(&client, blank(START_SESSIONS));
    octets start = put("startSessions", taken(&client, NULL));
    give(&client, put("startAck", give(&server, start)));
    packet_keys taken_with = server.sessions->keys;
    int is_from_anybody = taken_with.mode == OPEN;
    octets sent = packet_of_sender(is_from_anybody ? taken_with : keys);
    put_reflected(taken_with, put("senderPacket", sent));
}

static void control_keys_from_lost_test_keys(void)
{
    octets t1, t2;
    control_keys(sized("sid", 16), sized("t3", 16), sized("t4", 32), &t1, &t2);
    put("recoveredT1", t1);
    put("recoveredT2", t2);
    octets request = in("requestSession");
    need(request.size % 16 == 0, "requestSession: expected whole blocks");
    put("decryptedRequest", cbc(t1, sized("clientIv", 16), request, 0));
}

/* The Token with which a client answers a greeting with a chosen Challenge. */
static octets token_for(octets challenge, octets t1, octets t2)
{
    message lure = blank(SERVER_GREETING);
    endpoint client = new_client(0, ENCRYPTED, t1, t2, zeros(16));
    writer greeting = {0};
    client.secret = in("sharedSecret");
    client.key_id = key_id_of_name(text("any")); /* the Token does not depend on it */
    set_number(lure, "modes", OFFERED);
    set(lure, "challenge", challenge);
    set(lure, "salt", in("salt"));
    set_number(lure, "count", number("count"));
    write_message(&greeting, lure);
    octets response = give(&client, greeting.wire.text);
    return get(parse_message(SET_UP_RESPONSE, response), "token");
}

static void put_parts(const char *name, octets all, size_t size)
{
    put_open(name, '[');
    for (size_t at = 0; at < all.size; at += size)
        put(NULL, part(all, at, at + size));
    put_close(']');
}

/* The first blocks of clients' Tokens: each Challenge is the last block, xor what is wanted. */
static octets put_forged_token(void)
{
    buffer tokens = {0}, chosen = {0}, forged = {0};
    octets wanted = join(sized("wantedT1", 16), sized("wantedT2", 32));
    const char *t1 = json_first(json_member(inputs, "clientT1"));
    const char *t2 = json_first(json_member(inputs, "clientT2"));
    octets next = sized("challenge", 16);
    for (size_t at = 0; t1 && t2; t1 = json_next(t1), t2 = json_next(t2), at += 16) {
        octets token = token_for(next, json_hex(t1), json_hex(t2));
        add(&chosen, next);
        add(&tokens, token);
        add(&forged, part(token, 0, 16));
        next = part(token, 0, 16);
        if (at < wanted.size)
            next = xor_block(next, part(wanted, at, at + 16));
    }
    put_parts("chosenChallenges", chosen.text, 16);
    put_parts("clientTokens", tokens.text, 64);
    need(forged.text.size == 64, "Token: expected four clients");
    return put("token", forged.text);
}

static void token_forged(void)
{
    octets t1, t2, token = put_forged_token();
    octets key = put("tokenKey", pbkdf2(in("sharedSecret"), sized("salt", 16), number("count")));
    need(open_token(key, sized("challenge", 16), token, &t1, &t2), "Token: another Challenge");
    put("serverT1", t1);
    put("serverT2", t2);
}

/* What an adversary sends who has a Token and knows its T1 and T2. */
static void forged_token_accepted(void)
{
    endpoint server = server_of_case(OFFERED);
    put("serverGreeting", taken(&server, NULL));
    message response = blank(SET_UP_RESPONSE);
    set_number(response, "mode", number("mode"));
    set(response, "keyId", key_id_in());
    set(response, "token", in("token"));
    set(response, "clientIv", in("clientIv"));
    put("setUpResponse", response.parts[0]);
    octets start = put("serverStart", give(&server, response.parts[0]));
    put_integer("accept", start.data[15]);
    writer adversary = {0};
    protect_writer(&adversary, in("t1"), in("t2"), in("clientIv"));
    write_text(&adversary, join(octet(5), sized("parameters", 95)));
    write_hmac(&adversary);
    octets request = put("requestSession", adversary.wire.text);
    put("acceptSession", give(&server, request));
    need(server.sessions != NULL, "expected a session");
    put("t3", server.sessions->keys.t3);
    put("t4", server.sessions->keys.t4);
}

/* Of a session: as RFC 4656 §4.1.2 makes them, or those of the connection, as in no RFC. */
static packet_keys keys_of_session(void)
{
    packet_keys keys = {.mode = test_mode(security_named(text_in(inputs, "testMode")))};
    octets t1 = sized("t1", 16), t2 = sized("t2", 32);
    test_keys(sized("sid", 16), t1, t2, &keys.t3, &keys.t4);
    if (is_text(text_in(parameters, "keys"), "shared")) {
        keys.t3 = t1;
        keys.t4 = t2;
    }
    return keys;
}

static void packet_of_session(void)
{
    packet_keys keys = keys_of_session();
    put("t3", keys.t3);
    put("t4", keys.t4);
    put("senderPacket", packet_of_sender(keys));
}

static void packet_taken(void)
{
    packet_keys keys = keys_of_session();
    int is_sender = is_text(text_in(inputs, "role"), "Session-Sender");
    const field *layout = (is_sender ? reflector_layout : sender_layout)(keys.mode);
    octets padding, found = open_packet(keys, layout, in("receivedPacket"), &padding);
    if (is_sender)
        need(integer_of(layout, found, "senderSequenceNumber") < number("sent"),
             "Sender Sequence Number: never sent");
    put_integer("acceptedSequenceNumber", integer_of(layout, found, "sequenceNumber"));
}

const case_type attack_types[] = {
    {"SessionRun", session_run},
    {"TokenForged", token_forged},
    {"ForgedTokenAccepted", forged_token_accepted},
    {"ModeChanged", mode_changed},
    {"ControlKeysFromLostTestKeys", control_keys_from_lost_test_keys},
    {"PacketOfSession", packet_of_session},
    {"PacketTaken", packet_taken},
    {NULL, NULL},
};

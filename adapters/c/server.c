/* The Server. SPDX-License-Identifier: Apache-2.0 */
#include "crypto.h"
#include "endpoint.h"
#include "negotiation.h"

static void accept_session(endpoint *server, int accept, long long port, octets sid)
{
    message reply = blank(ACCEPT_SESSION);
    set_number(reply, "accept", accept);
    set_number(reply, "port", port);
    set(reply, "sid", sid);
    write_message(&server->out, reply);
}

static octets next_sid(endpoint *server)
{
    need(server->sids.size >= 16, "SID: no more are given");
    octets sid = part(server->sids, 0, 16);
    server->sids = part(server->sids, 16, server->sids.size);
    return sid;
}

static void grant(endpoint *server)
{
    message request = read_message(&server->in, request_kind(server->is_owamp));
    if (request_problem(server->is_owamp, request)) {
        accept_session(server, ACCEPT_NOT_SUPPORTED, 0, zeros(16));
        return;
    }
    int is_receiver = get_integer(request, "confReceiver") || !get_integer(request, "confSender");
    octets sid = is_receiver ? next_sid(server) : get(request, "sid"); /* the receiver makes it */
    const char *own = get_integer(request, "confSender") ? "senderPort" : "receiverPort";
    long long port = server->port < 0 ? get_integer(request, own) : server->port;
    accept_session(server, ACCEPT_OK, port, is_receiver ? sid : zeros(16));
    open_session(server, request, sid, port);
}

static void start_sessions(endpoint *server)
{
    message reply = blank(START_ACK);
    read_message(&server->in, START_SESSIONS);
    set_number(reply, "accept", server->sessions ? ACCEPT_OK : ACCEPT_FAILURE);
    write_message(&server->out, reply);
    server->state = server->sessions ? TESTING : READY;
}

static void hear_command(endpoint *server)
{
    unsigned char command = peek(&server->in, 16).data[0];
    need(server->state != TESTING || command == 3, "Command Number: expected Stop-Sessions");
    need(!server->is_fetching, "Command Number: a command before the answer to the last");
    if (command == (server->is_owamp ? 1 : 5)) {
        grant(server);
    } else if (command == 2) {
        start_sessions(server);
    } else if (command == 3) {
        hear_stop(server, "confReceiver");
    } else if (command == 4 && server->is_owamp) {
        read_message(&server->in, FETCH_SESSION);
        server->is_fetching = 1;
    } else { /* nobody knows how long it is */
        if (!server->is_owamp)
            accept_session(server, ACCEPT_NOT_SUPPORTED, 0, zeros(16));
        close_connection(server, "Command Number: not one of the protocol");
    }
}

void answer_fetch(endpoint *server, message fetch_ack, const message *data)
{
    need(server->is_fetching && server->state != CLOSED, "Fetch-Session: none to answer");
    server->is_fetching = 0;
    write_message(&server->out, fetch_ack);
    if (data)
        write_message(&server->out, *data);
}

/* Accept of Server-Start, and why it is not 0; T1 and T2 are those of the Token. */
static int authenticate(endpoint *server, message response, const char **why)
{
    message greeting = server->greeting;
    *why = mode_problem(server->is_owamp, get_integer(greeting, "modes"), server->mode);
    if (*why)
        return ACCEPT_NOT_SUPPORTED;
    if (!is_protected(server))
        return ACCEPT_OK;
    int is_ikev2 = (server->mode & ikev2_derived_bit(server->is_owamp)) != 0;
    int is_known = (is_ikev2 ? server->by_spis : server->by_name) &&
                   equal(get(response, "keyId"), server->key_id);
    *why = "KeyID: no such IKE SA";
    if (is_ikev2 && !is_known)
        return ACCEPT_NO_IKE_SA;
    /* an unknown KeyID costs the same work as a wrong passphrase */
    octets secret = is_known ? server->secret : zeros(0);
    octets key = pbkdf2(secret, get(greeting, "salt"), get_integer(greeting, "count"));
    int is_sound = open_token(key, get(greeting, "challenge"), get(response, "token"), &server->t1,
                              &server->t2);
    *why = is_sound ? "KeyID: not known" : "Token: another Challenge";
    return is_sound && is_known ? ACCEPT_OK : ACCEPT_FAILURE;
}

static void hear_set_up(endpoint *server)
{
    message response = read_message(&server->in, SET_UP_RESPONSE), start = blank(SERVER_START);
    server->mode = get_integer(response, "mode");
    if (!(server->mode & security_bits(server->is_owamp))) {
        close_connection(server, "Mode: the client declines");
        return;
    }
    const char *why;
    int accept = authenticate(server, response, &why);
    set_number(start, "accept", accept);
    if (accept) {
        write_message(&server->out, start);
        close_connection(server, why);
        return;
    }
    set(start, "startTime", server->start_time);
    if (is_protected(server))
        set(start, "serverIv", server->server_iv);
    octets text = start.parts[0]; /* its last block is the first of the stream */
    write_text(&server->out, part(text, 0, 32));
    if (is_protected(server))
        protect(server, server->server_iv, get(response, "clientIv"));
    write_text(&server->out, part(text, 32, 48));
    server->state = READY;
    server->hear = hear_command;
}

endpoint new_server(int is_owamp, message greeting, octets server_iv, octets start_time)
{
    endpoint made = {.is_owamp = is_owamp, .greeting = greeting, .server_iv = server_iv,
                     .start_time = start_time, .port = -1, .hear = hear_set_up};
    need(server_iv.size == 16 && start_time.size == 8, "Server-IV, Start-Time: another size");
    write_message(&made.out, greeting);
    return made;
}

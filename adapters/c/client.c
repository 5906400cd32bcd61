/* The Control-Client. SPDX-License-Identifier: Apache-2.0 */
#include "crypto.h"
#include "endpoint.h"
#include "negotiation.h"

enum { MOST_COUNT = 32768 }; /* unless it is configured (RFC 5357 §6) */

void ask(endpoint *client, message command)
{
    need(client->state == READY, "not ready");
    if (command.kind == request_kind(client->is_owamp))
        need(may_be_sent(client->is_owamp, command), "a request that its client must not send");
    write_message(&client->out, command);
    client->pending = command;
    client->state = WAITING;
}

static void hear_acceptance(endpoint *client, message request)
{
    message reply = read_message(&client->in, ACCEPT_SESSION);
    octets sid = get(names_sid(request) ? request : reply, "sid");
    if (!get_integer(reply, "accept"))
        open_session(client, request, sid, get_integer(reply, "port"));
}

static void hear_fetched(endpoint *client)
{
    message ack = read_message(&client->in, FETCH_ACK);
    if (!get_integer(ack, "accept"))
        read_session_data(&client->in, ack);
}

static void hear_reply(endpoint *client)
{
    int is_started = client->pending.kind == START_SESSIONS;
    if (is_started)
        need(!get_integer(read_message(&client->in, START_ACK), "accept"), "Start-Ack: refused");
    else if (client->pending.kind == FETCH_SESSION)
        hear_fetched(client);
    else
        hear_acceptance(client, client->pending);
    client->state = is_started ? TESTING : READY;
}

static void hear_message(endpoint *client)
{
    peek(&client->in, 16);
    if (client->state == TESTING && client->is_owamp) {
        hear_stop(client, "confSender");
    } else {
        need(client->state == WAITING, "a message that nobody asked for");
        hear_reply(client);
    }
}

static void hear_start_time(endpoint *client)
{
    take(&client->in, 16);
    need(!client->accept, "Accept: not 0");
    begin_commands(client);
    client->hear = hear_message;
}

static void hear_server_start(endpoint *client)
{
    octets clear = copy(take(&client->in, 32)); /* what follows is encrypted, if Accept is 0 */
    client->accept = clear.data[15];
    if (is_protected(client) && !client->accept)
        protect(client, client->client_iv, part(clear, 16, 32));
    client->hear = hear_start_time;
}

static void check_greeting(const endpoint *client, long long modes, long long count)
{
    need(modes != 0, "Modes: no service");
    need((client->mode & modes) == client->mode, "Mode: not offered");
    if (is_protected(client))
        need(count_allowed(count, client->most_count), "Count: not allowed");
    else if (!client->is_owamp) /* RFC 5357 §3.1 */
        need(count <= client->most_count, "Count: too large");
}

static void hear_greeting(endpoint *client)
{
    message greeting = read_message(&client->in, SERVER_GREETING);
    message response = blank(SET_UP_RESPONSE);
    long long count = get_integer(greeting, "count");
    check_greeting(client, get_integer(greeting, "modes"), count);
    set(response, "keyId", unused(client, 80));
    set(response, "token", unused(client, 64));
    set(response, "clientIv", unused(client, 16));
    set_number(response, "mode", client->mode);
    if (is_protected(client)) {
        octets key = pbkdf2(client->secret, get(greeting, "salt"), count);
        octets token = seal_token(key, get(greeting, "challenge"), client->t1, client->t2);
        set(response, "keyId", client->key_id);
        set(response, "token", token);
        set(response, "clientIv", client->client_iv);
    }
    write_message(&client->out, response);
    client->hear = hear_server_start;
}

endpoint new_client(int is_owamp, long long mode, octets t1, octets t2, octets client_iv)
{
    need(t1.size == 16 && t2.size == 32 && client_iv.size == 16, "T1, T2, Client-IV: another size");
    return (endpoint){.is_owamp = is_owamp, .mode = mode, .t1 = t1, .t2 = t2,
                      .client_iv = client_iv, .most_count = MOST_COUNT, .hear = hear_greeting};
}

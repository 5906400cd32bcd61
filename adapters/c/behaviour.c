/* How one end behaves, whatever it receives. SPDX-License-Identifier: Apache-2.0 */
#include "case.h"
#include "negotiation.h"
#include "parties.h"

static const char *commands; /* that the client is still to send */

/* What an end sends for each message that it receives; its user reacts after each. */
static void put_behaviour(endpoint *end, void (*react)(endpoint *end))
{
    put_open("sent", '[');
    put(NULL, taken(end, NULL));
    for (const char *each = json_first(json_member(inputs, "received")); each;
         each = json_next(each)) {
        receive(end, json_hex(each));
        react(end);
        put(NULL, taken(end, NULL));
    }
    put_close(']');
    put_text("ending", text(end->state == CLOSED ? "closed" : "open"));
}

static void user_of_server(endpoint *server) /* stops with the client, and has no records */
{
    if (server->state == TESTING && server->has_heard_stop)
        send_stop(server, stop_of(server, "confSender", 0), "confSender");
    if (server->state == CLOSED || !server->is_fetching)
        return;
    message ack = blank(FETCH_ACK);
    set_number(ack, "accept", ACCEPT_FAILURE);
    answer_fetch(server, ack, NULL);
}

static void user_of_client(endpoint *client)
{
    if ((client->state != READY && client->state != TESTING) || !commands)
        return;
    octets command = json_hex(commands);
    commands = json_next(commands);
    need(command.size > 0, "command: too short");
    switch (command.data[0]) {
    case 2:
        ask(client, parse_message(START_SESSIONS, command));
        break;
    case 3:
        send_stop(client,
                  parse_message(client->is_owamp ? STOP_SESSIONS : STOP_TW_SESSIONS, command),
                  "confReceiver");
        break;
    case 4:
        ask(client, parse_message(FETCH_SESSION, command));
        break;
    default:
        ask(client, parse_message(request_kind(client->is_owamp), command));
    }
}

static void server_behaviour(void)
{
    int is_owamp = is_owamp_named(text_in(parameters, "protocol"));
    endpoint server = server_in(inputs, is_owamp, number("offeredModes"));
    makes_sids(&server);
    knows_passphrase(&server);
    if (json_true(json_member(inputs, "ikev2"))) {
        server.key_id = join(sized("name", 16), zeros(64));
        server.by_name = 0;
        server.by_spis = 1;
    }
    put_behaviour(&server, user_of_server);
}

static void client_behaviour(void)
{
    int is_owamp = is_owamp_named(text_in(parameters, "protocol"));
    endpoint client =
        client_in(inputs, is_owamp, security_named(text_in(parameters, "security")));
    knows_passphrase(&client);
    commands = json_first(json_member(inputs, "commands"));
    put_behaviour(&client, user_of_client);
}

const case_type behaviour_types[] = {
    {"ServerBehaviour", server_behaviour},
    {"ClientBehaviour", client_behaviour},
    {NULL, NULL},
};

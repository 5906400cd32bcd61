/* How one end behaves, whatever it receives. SPDX-License-Identifier: Apache-2.0 */
#include "case.h"
#include "crypto.h"
#include "negotiation.h"
#include "parties.h"

typedef struct {
    endpoint *end;
    message_kind (*kind_of)(const endpoint *end, unsigned char command); /* that it can say */
    const char *step;
} player;

static message_kind kind_of_stop(const endpoint *end)
{
    return end->is_owamp ? STOP_SESSIONS : STOP_TW_SESSIONS;
}

static message_kind kind_of_server(const endpoint *server, unsigned char command)
{
    (void)command; /* it says nothing else by itself */
    return kind_of_stop(server);
}

static message_kind kind_of_client(const endpoint *client, unsigned char command)
{
    switch (command) {
    case 2:
        return START_SESSIONS;
    case 3:
        return kind_of_stop(client);
    case 4:
        return FETCH_SESSION;
    default:
        return request_kind(client->is_owamp);
    }
}

static void take_step(void *with)
{
    const player *self = with;
    octets given = hex_in(self->step, "octets");
    if (is_text(text_in(self->step, "do"), "receive")) {
        receive(self->end, given);
        return;
    }
    need(given.size > 0, "say: expected a message");
    message_kind kind = self->kind_of(self->end, given.data[0]);
    message said = parse_message(kind, given);
    if (kind == STOP_SESSIONS || kind == STOP_TW_SESSIONS)
        send_stop(self->end, said, self->kind_of == kind_of_client ? "confReceiver" : "confSender");
    else
        ask(self->end, said);
}

/* What an end sends at first and after each step; what it cannot say in its state, it does not. */
static void put_behaviour(player self)
{
    put_open("sent", '[');
    put(NULL, taken(self.end, NULL));
    for (self.step = json_first(json_member(inputs, "steps")); self.step;
         self.step = json_next(self.step)) {
        attempt(take_step, &self);
        put(NULL, taken(self.end, NULL));
    }
    put_close(']');
    put_text("ending", text(self.end->state == CLOSED ? "closed" : "open"));
}

static octets key_id_of_sa(const char *sa)
{
    return key_id_of_spis(hex_in(sa, "spiI"), hex_in(sa, "spiR"));
}

static void server_behaviour(void)
{
    int is_owamp = is_owamp_named(text_in(parameters, "protocol"));
    endpoint server = server_in(inputs, is_owamp, number("offeredModes"));
    configure_server(&server);
    for (const char *each = json_first(json_member(inputs, "secrets")); each;
         each = json_next(each))
        knows(&server, key_id_of_name(text_in(each, "name")), passphrase_in(each), 0);
    for (const char *each = json_first(json_member(inputs, "ikeSas")); each;
         each = json_next(each))
        knows(&server, key_id_of_sa(each), hex_in(each, "sharedSecretKey"), 1);
    put_behaviour((player){&server, kind_of_server, NULL});
}

static void client_behaviour(void)
{
    int is_owamp = is_owamp_named(text_in(parameters, "protocol"));
    endpoint client =
        client_in(inputs, is_owamp, security_named(text_in(parameters, "security")));
    const char *sa = json_first(json_member(inputs, "ikeSas"));
    knows_passphrase(&client);
    if (sa) { /* and not the passphrase */
        client.secret = hex_in(sa, "sharedSecretKey");
        client.key_id = key_id_of_sa(sa);
        client.mode |= ikev2_derived_bit(is_owamp);
    }
    configure(&client);
    put_behaviour((player){&client, kind_of_client, NULL});
}

const case_type behaviour_types[] = {
    {"ServerBehaviour", server_behaviour},
    {"ClientBehaviour", client_behaviour},
    {NULL, NULL},
};

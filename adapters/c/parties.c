/* SPDX-License-Identifier: Apache-2.0 */
#include "parties.h"
#include "case.h"
#include "crypto.h"

octets error_estimate(int is_synchronized)
{
    return join(octet(is_synchronized ? 0x80 : 0), octet(1));
}

endpoint server_in(const char *object, int is_owamp, long long modes)
{
    message greeting = blank(SERVER_GREETING);
    set_number(greeting, "modes", modes);
    set(greeting, "challenge", hex_in(object, "challenge"));
    set(greeting, "salt", hex_in(object, "salt"));
    set_number(greeting, "count", integer_in(object, "count"));
    return new_server(is_owamp, greeting, hex_in(object, "serverIv"), hex_in(object, "startTime"));
}

endpoint client_in(const char *object, int is_owamp, long long mode)
{
    octets t1 = hex_in(object, "t1"), t2 = hex_in(object, "t2");
    return new_client(is_owamp, mode, t1, t2, hex_in(object, "clientIv"));
}

message request_of(octets fields)
{
    return parse_message(REQUEST_TW_SESSION, join(octet(5), join(fields, zeros(16))));
}

void grants(endpoint *server, octets sid, long long port)
{
    decision *made = fresh(sizeof *made);
    made->port = port;
    server->policy = made;
    server->policies = 1;
    server->sids = sid;
}

void configure(endpoint *end)
{
    const char *limit = json_member(inputs, "messageLimit");
    const char *most = json_member(inputs, "maxCount");
    end->unused = sized("unused", 1).data[0];
    if (limit)
        end->in.limit = (size_t)json_integer(limit);
    if (most)
        end->most_count = json_integer(most);
}

/* A list of strings of 16 octets, one after another; none if it is not given. */
static octets joined(const char *name)
{
    buffer all = {0};
    const char *list = json_member(inputs, name);
    for (const char *each = list ? json_first(list) : NULL; each; each = json_next(each)) {
        octets item = json_hex(each);
        need(item.size == 16, "SIDs: expected 16 octets");
        add(&all, item);
    }
    return all.text;
}

/* The addresses to which packets may go: each after an octet with its size. */
static octets addresses(const char *name)
{
    buffer all = {0};
    const char *list = json_member(inputs, name);
    for (const char *each = list ? json_first(list) : NULL; each; each = json_next(each)) {
        octets item = json_hex(each);
        need(item.size == 4 || item.size == 16, "receivers: expected 4 or 16 octets");
        unsigned char size = (unsigned char)item.size;
        add(&all, (octets){&size, 1});
        add(&all, item);
    }
    return all.text;
}

static decision decision_in(const char *record)
{
    decision made = {integer_in(record, "accept"), integer_in(record, "port")};
    need(made.accept >= 0 && made.accept <= 255, "policy: Accept out of range");
    need(made.port >= 0 && made.port <= 65535, "policy: Port out of range");
    return made;
}

void configure_server(endpoint *server)
{
    const char *policy = json_first(json_member(inputs, "policy"));
    size_t count = 0;
    configure(server);
    server->sids = joined("sids");
    server->receivers = addresses("receivers");
    for (const char *each = policy; each; each = json_next(each))
        count++;
    decision *all = fresh(count * sizeof *all);
    for (const char *each = policy; each; each = json_next(each))
        all[server->policies++] = decision_in(each);
    server->policy = all;
}

void knows_passphrase(endpoint *client)
{
    client->secret = passphrase_in(inputs);
    client->key_id = key_id_of_name(text_in(inputs, "name"));
}

octets later(octets time, unsigned long long delay)
{
    octets made = copy(time);
    for (size_t i = made.size; i--; delay >>= 8) {
        delay += made.data[i];
        made.data[i] = (unsigned char)delay;
    }
    return made;
}

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

void knows_passphrase(endpoint *end)
{
    end->secret = text_in(inputs, "passphrase");
    end->key_id = key_id_of_name(text_in(inputs, "name"));
    end->by_name = 1;
}

void makes_sids(endpoint *server) /* 192.0.2.1 | time | random (RFC 4656 §3.5) */
{
    octets address = {(unsigned char[]){192, 0, 2, 1}, 4};
    ticker clock = ticker_from(sized("sidTime", 8), 1ULL << 32);
    buffer sids = {0};
    for (const char *each = json_first(json_member(inputs, "sidRandom")); each;
         each = json_next(each)) {
        octets drawn = json_hex(each);
        need(drawn.size == 4, "SID: expected 4 random octets");
        add(&sids, join(address, join(tick(&clock), drawn)));
    }
    server->sids = sids.text;
}

ticker ticker_from(octets start, unsigned long long step)
{
    ticker made = {0, step};
    for (size_t i = 0; i < start.size; i++)
        made.now = made.now << 8 | start.data[i];
    return made;
}

octets tick(ticker *clock)
{
    octets time = zeros(8);
    for (size_t i = 0; i < 8; i++)
        time.data[i] = (unsigned char)(clock->now >> (56 - 8 * i));
    clock->now += clock->step;
    return time;
}

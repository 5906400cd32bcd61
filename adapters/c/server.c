/* The Server. SPDX-License-Identifier: Apache-2.0 */
#include "crypto.h"
#include "endpoint.h"
#include "negotiation.h"

enum { SID_TRIES = 8 }; /* then the random source is broken */

static void accept_session(endpoint *server, int accept, octets port, octets sid)
{
    message reply = blank(ACCEPT_SESSION);
    set_number(reply, "accept", accept);
    set(reply, "port", port);
    set(reply, "sid", sid);
    write_message(&server->out, reply);
}

static void decline(endpoint *server, int accept) /* with Port 0 in TWAMP (RFC 5357 §3.5) */
{
    octets port = server->is_owamp ? unused(server, 2) : zeros(2);
    accept_session(server, accept, port, unused(server, 16));
}

static int is_known_sid(const endpoint *server, octets sid)
{
    octets known = server->known_sids.text;
    int is_known = equal(sid, zeros(16)); /* which is none */
    for (size_t at = 0; at < known.size; at += 16)
        is_known |= equal(part(known, at, at + 16), sid);
    return is_known;
}

static octets next_sid(endpoint *server)
{
    for (int tries = 0; tries < SID_TRIES; tries++) {
        need(server->sids.size >= 16, "SID: no more are given");
        octets sid = part(server->sids, 0, 16);
        server->sids = part(server->sids, 16, server->sids.size);
        if (!is_known_sid(server, sid))
            return sid;
    }
    refuse("SID: the same again");
}

/* To no third party (RFC 4656 §6.2); in TWAMP, zeros are an end (RFC 5357 §3.5). */
static int may_receive(const endpoint *server, message request)
{
    size_t size = get_integer(request, "ipvn") == 4 ? 4 : 16;
    octets address = part(get(request, "receiverAddress"), 0, size), all = server->receivers;
    int is_end = !server->is_owamp && equal(address, zeros(size));
    int is_known = !all.size || is_end;
    for (size_t at = 0; at < all.size; at += 1 + all.data[at])
        is_known |= equal(part(all, at + 1, at + 1 + all.data[at]), address);
    return is_known;
}

static decision judge(endpoint *server, message request)
{
    if (server->state == TESTING) /* RFC 4656 §3.4 */
        return (decision){ACCEPT_FAILURE, 0};
    int is_taken = server->is_owamp && names_sid(request) &&
                   is_known_sid(server, get(request, "sid"));
    if (request_problem(server->is_owamp, request) || !may_receive(server, request) || is_taken)
        return (decision){ACCEPT_NOT_SUPPORTED, 0};
    if (!server->policies)
        return (decision){ACCEPT_NO_ROOM, 0};
    server->policies--;
    return *server->policy++;
}

static void grant(endpoint *server)
{
    message request = read_message(&server->in, request_kind(server->is_owamp));
    decision made = judge(server, request);
    if (made.accept) {
        decline(server, (int)made.accept);
        return;
    }
    int is_named = server->is_owamp && names_sid(request);
    int is_for_both = get_integer(request, "confSender") && get_integer(request, "confReceiver");
    octets sid = is_named ? get(request, "sid") : next_sid(server);
    octets port = join(octet((unsigned char)(made.port >> 8)), octet((unsigned char)made.port));
    add(&server->known_sids, sid);
    accept_session(server, ACCEPT_OK, is_for_both ? unused(server, 2) : port,
                   is_named ? unused(server, 16) : sid);
    open_session(server, request, sid, made.port);
}

static void start_sessions(endpoint *server)
{
    message reply = blank(START_ACK);
    read_message(&server->in, START_SESSIONS);
    int may_start = server->state == READY && server->sessions;
    set_number(reply, "accept", may_start ? ACCEPT_OK : ACCEPT_FAILURE);
    write_message(&server->out, reply);
    server->state = may_start ? TESTING : server->state;
}

static void fetch_session(endpoint *server)
{
    message refusal = blank(FETCH_ACK);
    read_message(&server->in, FETCH_SESSION);
    int has_results = server->state == READY && server->fetch_ack;
    set_number(refusal, "accept", ACCEPT_FAILURE);
    write_message(&server->out, has_results ? *server->fetch_ack : refusal);
    if (has_results)
        write_message(&server->out, *server->fetch_data);
}

static void hear_command(endpoint *server)
{
    unsigned char command = peek(&server->in, 16).data[0];
    if (command == (server->is_owamp ? 1 : 5)) {
        grant(server);
    } else if (command == 2) {
        start_sessions(server);
    } else if (command == 3) {
        hear_stop(server, "confReceiver");
    } else if (command == 4 && server->is_owamp) {
        fetch_session(server);
    } else {
        need(!server->is_owamp, "Command Number: not one of OWAMP");
        take(&server->in, 16); /* nobody knows how long it is: one block (RFC 5357 §3.5) */
        take_hmac(&server->in);
        decline(server, ACCEPT_NOT_SUPPORTED);
        close_connection(server, "Command Number: not one of TWAMP");
    }
}

void knows(endpoint *server, octets key_id, octets secret, int is_ikev2)
{
    credential *made = fresh(sizeof *made);
    *made = (credential){server->known, key_id, secret, is_ikev2};
    server->known = made;
}

static const credential *find_credential(const endpoint *server, octets key_id, int is_ikev2)
{
    size_t size = is_ikev2 ? 16 : 80; /* two SPIs (RFC 7717 §5.3) */
    for (const credential *each = server->known; each; each = each->next)
        if (each->is_ikev2 == is_ikev2 && equal(part(each->key_id, 0, size), part(key_id, 0, size)))
            return each;
    return NULL;
}

/* Accept of Server-Start, and why it is not 0; T1 and T2 are those of the Token. */
static int authenticate(endpoint *server, message response, const char **why)
{
    message greeting = server->greeting;
    long long modes = get_integer(greeting, "modes");
    *why = mode_problem(server->is_owamp, modes, server->mode);
    if (*why)
        return ACCEPT_NOT_SUPPORTED;
    if (!is_protected(server))
        return ACCEPT_OK;
    int is_ikev2 = is_ikev2_derived(server->is_owamp, modes, server->mode);
    const credential *known = find_credential(server, get(response, "keyId"), is_ikev2);
    *why = "KeyID: no such IKE SA";
    if (is_ikev2 && !known)
        return ACCEPT_NO_IKE_SA;
    /* an unknown KeyID costs the same work as a wrong passphrase */
    octets secret = known ? known->secret : zeros(0);
    octets key = pbkdf2(secret, get(greeting, "salt"), get_integer(greeting, "count"));
    int is_sound = open_token(key, get(greeting, "challenge"), get(response, "token"), &server->t1,
                              &server->t2);
    *why = is_sound ? "KeyID: not known" : "Token: another Challenge";
    return is_sound && known ? ACCEPT_OK : ACCEPT_FAILURE;
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
    set(start, "serverIv", unused(server, 16));
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
    begin_commands(server);
    server->hear = hear_command;
}

endpoint new_server(int is_owamp, message greeting, octets server_iv, octets start_time)
{
    endpoint made = {.is_owamp = is_owamp, .greeting = greeting, .server_iv = server_iv,
                     .start_time = start_time, .hear = hear_set_up};
    need(server_iv.size == 16 && start_time.size == 8, "Server-IV, Start-Time: another size");
    write_message(&made.out, greeting);
    return made;
}

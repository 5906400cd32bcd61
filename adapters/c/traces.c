/* Recorded traces of the models, played by these endpoints. SPDX-License-Identifier: Apache-2.0 */
#include "case.h"
#include "crypto.h"
#include "negotiation.h"
#include "parties.h"

#include <string.h>

enum { KEYMAT_SIZE = 72 };

typedef struct { /* what a step sends and derives */
    octets sent, sid, t3, t4;
    long long taken, taken_of_sender;
    octets skeyseed, sk_d, keymat, shared_secret;
} result;

typedef struct participant {
    struct participant *next;
    octets name;
    result (*play)(struct participant *self, const char *step);
    /* a client or server, and the last of its sessions that it has told of */
    endpoint end;
    const session *last;
    /* an end of a test session */
    octets role;
    packet_keys keys;
    long long next_number; /* Sequence Number of the next packet that it sends */
    /* an end of an IKE SA */
    ike_sa sa;
    octets skeyseed, sk_d;
} participant;

static participant *playing;
static void (*derive)(octets sid, octets t1, octets t2, octets *t3, octets *t4);

static result play_control(participant *self, const char *step)
{
    result made = {.sent = give(&self->end, hex_in(step, "received"))};
    octets request = hex_in(step, "request");
    if (request.size) {
        ask(&self->end, request_of(request));
        made.sent = taken(&self->end, NULL);
    }
    const session *opened = self->last ? self->last->next : self->end.sessions;
    if (opened) {
        self->last = opened;
        made.sid = opened->sid;
        made.t3 = opened->keys.t3;
        made.t4 = opened->keys.t4;
    }
    return made;
}

static void join_as_server(participant *self, const char *record)
{
    self->end = server_in(record, 0, integer_in(record, "modes"));
    octets key_id = sized_in(record, "keyId", 80), secret = hex_in(record, "sharedSecret");
    knows(&self->end, key_id, secret, 0); /* a name, or SPIs: it is not told */
    knows(&self->end, key_id, secret, 1);
    grants(&self->end, hex_in(record, "sid"), integer_in(record, "port"));
    self->play = play_control;
}

static void join_as_client(participant *self, const char *record)
{
    self->end = client_in(record, 0, integer_in(record, "mode"));
    self->end.secret = hex_in(record, "sharedSecret");
    self->end.key_id = sized_in(record, "keyId", 80);
    self->play = play_control;
}

static result reflect_packet_of(participant *self, const char *step)
{
    reflection own = {self->next_number++, TTL, hex_in(step, "receiveTimestamp"),
                      hex_in(step, "timestamp"), error_estimate(1)};
    return (result){.sent = reflect_packet(self->keys, hex_in(step, "received"), own)};
}

static result take_packet(participant *self, const char *step)
{
    int is_sender = is_text(self->role, "Session-Sender");
    const field *layout = (is_sender ? reflector_layout : sender_layout)(self->keys.mode);
    octets padding, found = open_packet(self->keys, layout, hex_in(step, "received"), &padding);
    result made = {.taken = integer_of(layout, found, "sequenceNumber")};
    if (is_sender)
        made.taken_of_sender = integer_of(layout, found, "senderSequenceNumber");
    need(!is_sender || made.taken_of_sender < self->next_number, "Sender Sequence Number: never sent");
    return made;
}

static result play_session(participant *self, const char *step)
{
    if (is_text(self->role, "Session-Reflector"))
        return reflect_packet_of(self, step);
    if (is_text(self->role, "Session-Receiver") || hex_in(step, "received").size)
        return take_packet(self, step);
    return (result){.sent = sender_packet(self->keys, self->next_number++, hex_in(step, "timestamp"),
                                          error_estimate(1), zeros(0))};
}

static participant *find(octets name)
{
    participant *found = playing;
    while (found && !equal(found->name, name))
        found = found->next;
    return found;
}

static void join_as_session(participant *self, const char *record)
{
    octets of = text_in(record, "session");
    self->role = text_in(record, "role");
    self->next_number = integer_in(record, "firstSequenceNumber");
    self->keys.mode = test_mode(security_named(text_in(record, "testMode")));
    if (of.size) {
        const participant *other = find(of);
        need(other && other->end.sessions, "session: not set up");
        self->keys.t3 = other->end.sessions->keys.t3;
        self->keys.t4 = other->end.sessions->keys.t4;
        need(self->keys.mode == OPEN || self->keys.t3.size, "session: without keys");
    } else {
        self->keys.t3 = sized_in(record, "t3", 16);
        self->keys.t4 = sized_in(record, "t4", 32);
    }
    self->play = play_session;
}

static result play_ike(participant *self, const char *step)
{
    octets derive = text_in(step, "derive");
    if (!derive.size)
        return (result){.skeyseed = self->skeyseed, .sk_d = self->sk_d};
    if (!strstr((const char *)derive.data, "KEYMAT"))
        return (result){.shared_secret = secret_from_sk_d(self->sa.prf, self->sk_d)};
    result made = {.keymat = keymat(&self->sa, self->sk_d, zeros(0), KEYMAT_SIZE)};
    made.shared_secret = secret_from_keymat(self->sa.prf, made.keymat, hex_in(step, "received"));
    return made;
}

static void join_as_ike_sa(participant *self, const char *record)
{
    octets old = hex_in(record, "oldSkD"), secret = hex_in(record, "gIr");
    octets spis = join(sized_in(record, "spiI", 8), sized_in(record, "spiR", 8));
    self->sa = (ike_sa){prf_named(text("PRF_HMAC_SHA2_256")), hex_in(record, "ni"),
                        hex_in(record, "nr"), spis};
    self->skeyseed = old.size
                         ? rekeyed_skeyseed(self->sa.prf, old, &self->sa, secret, zeros(0))
                         : skeyseed(&self->sa, secret);
    self->sk_d = sk_d(&self->sa, self->skeyseed);
    self->play = play_ike;
}

/* A participant joins when it takes its first step. */
static participant *join_in(octets name)
{
    static const struct {
        const char *list;
        void (*as)(participant *self, const char *record);
    } kinds[] = {
        {"servers", join_as_server},
        {"clients", join_as_client},
        {"sessions", join_as_session},
        {"ikeSas", join_as_ike_sa},
    };
    participant *made = fresh(sizeof *made);
    made->name = name;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        for (const char *record = json_first(json_member(inputs, kinds[i].list)); record;
             record = json_next(record))
            if (!made->play && equal(text_in(record, "name"), name))
                kinds[i].as(made, record);
    need(made->play != NULL, "participant: not known");
    made->end.derive = derive;
    made->next = playing;
    playing = made;
    return made;
}

static void put_result(octets name, octets rule, result made)
{
    put_open(NULL, '{');
    put_text("participant", name);
    put_text("rule", rule);
    put("sent", made.sent);
    put("sid", made.sid);
    put("t3", made.t3);
    put("t4", made.t4);
    put_integer("taken", made.taken);
    put_integer("takenOfSender", made.taken_of_sender);
    put("skeyseed", made.skeyseed);
    put("skD", made.sk_d);
    put("keymat", made.keymat);
    put("sharedSecret", made.shared_secret);
    put_close('}');
}

static void trace_run(void)
{
    playing = NULL;
    put_open("results", '[');
    for (const char *step = json_first(json_member(inputs, "steps")); step;
         step = json_next(step)) {
        octets name = text_in(step, "participant");
        participant *self = find(name);
        self = self ? self : join_in(name);
        put_result(name, text_in(step, "rule"), self->play(self, step));
    }
    put_close(']');
}

static void rfc_trace_run(void)
{
    derive = test_keys;
    trace_run();
}

static void one_way_trace_run(void)
{
    derive = one_way_test_keys;
    trace_run();
}

const case_type trace_types[] = {
    {"TraceRun", rfc_trace_run},
    {"OneWayTraceRun", one_way_trace_run},
    {NULL, NULL},
};

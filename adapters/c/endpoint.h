/* The two ends of a control connection: octets in, octets out.
   SPDX-License-Identifier: Apache-2.0 */
#ifndef ENDPOINT_H
#define ENDPOINT_H
#include "messages.h"
#include "packets.h"

typedef struct session {
    struct session *next;
    message request;
    octets sid;
    long long port;
    packet_keys keys; /* no octets where packets are open */
} session;

typedef struct credential { /* of a server */
    struct credential *next;
    octets key_id, secret;
    int is_ikev2; /* the KeyID is two SPIs, and what follows them does not count */
} credential;

typedef struct { /* what the server's user says to a request that could be granted */
    long long accept, port;
} decision;

typedef struct endpoint endpoint;
struct endpoint {
    /* what its user gives */
    int is_owamp;
    long long mode;        /* that a client chooses, and that a server is told */
    unsigned char unused;  /* fills the fields that the RFCs call unused */
    octets secret, key_id; /* of a client, and what follows */
    octets t1, t2;         /* a server takes those of the Token */
    void (*derive)(octets sid, octets t1, octets t2, octets *t3, octets *t4);
    octets client_iv;
    long long most_count; /* that it computes with */
    message greeting;     /* of a server, and what follows */
    octets server_iv, start_time;
    credential *known;
    octets sids; /* that it gives, one after another */
    const decision *policy;
    size_t policies;          /* after so many decisions it has no room left */
    octets receivers;         /* addresses that packets may go to, sizes first; none: any */
    const message *fetch_ack; /* and the session data, if it has results */
    const message *fetch_data;
    /* what becomes of it */
    enum { SETTING_UP, READY, WAITING, TESTING, CLOSED } state;
    const char *why; /* it is closed */
    reader in;
    writer out;
    void (*hear)(endpoint *end); /* reads the next message; tried anew until it is whole */
    session *sessions;
    message pending;      /* the command that a client waits for an answer to */
    unsigned char accept; /* of Server-Start */
    buffer known_sids;    /* of the server's sessions, of all rounds */
    int has_sent_stop, has_heard_stop;
};

/* endpoint.c */
void receive(endpoint *end, octets wire); /* a broken rule closes the connection */
octets taken(endpoint *end, octets *plaintext); /* what is to be sent */
octets give(endpoint *end, octets wire); /* what it answers; refused if it closes */
void send_stop(endpoint *end, message stop, const char *sends_in);
size_t count_of_sessions(const endpoint *end);
message stop_of(const endpoint *end, const char *sends_in, long long next_seqno);

/* client.c and server.c use these as well */
void close_connection(endpoint *end, const char *why);
int is_protected(const endpoint *end);
void protect(endpoint *end, octets own_iv, octets peer_iv);
octets unused(const endpoint *end, size_t size);
void begin_commands(endpoint *end); /* the set-up is over */
void open_session(endpoint *end, message request, octets sid, long long port);
void hear_stop(endpoint *end, const char *sends_in);

/* client.c */
endpoint new_client(int is_owamp, long long mode, octets t1, octets t2, octets client_iv);
void ask(endpoint *client, message command);

/* server.c */
endpoint new_server(int is_owamp, message greeting, octets server_iv, octets start_time);
void knows(endpoint *server, octets key_id, octets secret, int is_ikev2);
#endif

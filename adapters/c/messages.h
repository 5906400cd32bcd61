/* Every message of OWAMP-Control and TWAMP-Control, as its parts in plaintext.
   SPDX-License-Identifier: Apache-2.0 */
#ifndef MESSAGES_H
#define MESSAGES_H
#include "layouts.h"
#include "stream.h"

typedef struct {
    message_kind kind;
    size_t count;
    octets parts[4]; /* without padding; unless the message is in clear, an HMAC follows each */
} message;

message blank(message_kind kind);
octets get(message from, const char *name);
long long get_integer(message from, const char *name);
void set(message to, const char *name, octets value);
void set_number(message to, const char *name, long long value);

message read_message(reader *in, message_kind kind);
message read_session_data(reader *in, message fetch_ack);
message parse_message(message_kind kind, octets plaintext); /* all of it */
void write_message(writer *out, message sent); /* as its sender may send it */

/* Session description records of Stop-Sessions */
octets next_session(message stop, size_t *at); /* no octets after the last */
octets sid_of(octets session);
void add_session(message *stop, octets sid, long long next_seqno);

/* Packet records of fetched data */
octets packet_record(long long number, octets error_estimate, octets sent, octets received,
                     long long ttl);
#endif

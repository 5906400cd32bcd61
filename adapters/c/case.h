/* The case that is asked, and who answers it. SPDX-License-Identifier: Apache-2.0 */
#ifndef CASE_H
#define CASE_H
#include "json.h"

extern const char *parameters, *inputs; /* JSON objects */

typedef struct {
    const char *name; /* of a type of group; NULL ends the types of a file */
    void (*answer)(void);
} case_type;

extern const case_type token_types[], ikev2_types[], key_id_types[], stream_types[],
    packet_types[], message_types[], negotiation_types[], handshake_types[], behaviour_types[],
    attack_types[], trace_types[];

/* case.c: what an object gives, and what the inputs give. A missing member is refused. */
octets hex_in(const char *object, const char *name);
octets sized_in(const char *object, const char *name, size_t size);
octets text_in(const char *object, const char *name);
long long integer_in(const char *object, const char *name);
octets in(const char *name);
octets sized(const char *name, size_t size);
long long number(const char *name);
int is_text(octets text, const char *characters);

/* token.c: the Token of the inputs and what comes before it, under a shared secret */
void put_token(octets secret);
#endif

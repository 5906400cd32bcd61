/* Octet strings, memory and refusals. SPDX-License-Identifier: Apache-2.0 */
#ifndef OCTETS_H
#define OCTETS_H
#include <stddef.h>

typedef struct {
    unsigned char *data;
    size_t size;
} octets;

typedef struct { /* octets that grow; starts as zeros */
    octets text;
    size_t room;
} buffer;

/* What an action refuses ends it: the reason, or NULL if it refuses nothing. */
const char *attempt(void (*action)(void *), void *with);
void refuse(const char *reason) __attribute__((noreturn));
void need(int condition, const char *reason);
void need_at(int condition, const char *stage, const char *reason);
const char *stage_of_refusal(void); /* in the words of vectors/README.md; NULL if it is not told */

/* Memory lives until it is forgotten: what was made since the mark; NULL for all. */
void *memory_mark(void);
void forget(void *mark);
void *fresh(size_t size); /* zeros, aligned for anything */

octets zeros(size_t size);
octets text(const char *characters);
octets octet(unsigned char value);
octets copy(octets from);
octets part(octets from, size_t start, size_t end);
octets join(octets a, octets b);
octets xor_block(octets a, octets b);
int equal(octets a, octets b);
void add(buffer *to, octets more);
#endif

/* Octet strings, JSON and cryptography for the adapter. SPDX-License-Identifier: Apache-2.0 */
#ifndef OCTETS_H
#define OCTETS_H
#include <stddef.h>

typedef struct {
    unsigned char *data;
    size_t size;
} octets;

/* octets.c: memory lives until forget(); refuse() ends the case. */
void refuse(const char *reason) __attribute__((noreturn));
void need(int condition, const char *reason);
void forget(void);
octets zeros(size_t size);
octets text(const char *characters);
octets part(octets from, size_t start, size_t end);
octets join(octets a, octets b);
octets xor_block(octets a, octets b);
int equal(octets a, octets b);

/* json.c: a value is a pointer to its first character in the line. */
const char *json_member(const char *object, const char *name); /* NULL if there is none */
const char *json_first(const char *array);                     /* NULL if it is empty */
const char *json_next(const char *item);                       /* NULL after the last */
octets json_string(const char *value);
octets json_hex(const char *value);
long long json_integer(const char *value);
int json_true(const char *value);
void json_print(octets text);

/* crypto.c: AES-128 under 16 octets, whole blocks; of one block with IV 0, CBC is ECB. */
octets cbc(octets key, octets iv, octets data, int encrypt);
octets hmac(const char *hash, octets key, octets data);
octets hmac16(octets key, octets data);
octets pbkdf2(octets secret, octets salt, long long count);

typedef struct {
    const char *name; /* in IKEv2 */
    const char *hash; /* of its HMAC; NULL for the AES prfs */
    size_t size;
} prf_type;

const prf_type *prf_named(octets name);
octets prf(const prf_type *type, octets key, octets data);
octets prf_plus(const prf_type *type, octets key, octets seed, long long size);
#endif

/* The cryptography of O/TWAMP and IKEv2. SPDX-License-Identifier: Apache-2.0 */
#ifndef CRYPTO_H
#define CRYPTO_H
#include "octets.h"

/* AES-128 under 16 octets, whole blocks; of one block with IV 0, CBC is ECB. */
octets cbc(octets key, octets iv, octets data, int encrypt);
octets aes(octets key, octets data); /* with IV 0 */
octets aes_inverse(octets key, octets data);
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

/* token.c: shared secret -> Token -> T1, T2 -> T3, T4 */
octets passphrase_in(const char *object); /* refused if the protocol does not allow it */
int count_allowed(long long count, long long most);
octets seal_token(octets key, octets challenge, octets t1, octets t2);
int open_token(octets key, octets challenge, octets token, octets *t1, octets *t2);
void test_keys(octets sid, octets t1, octets t2, octets *t3, octets *t4);
void one_way_test_keys(octets sid, octets t1, octets t2, octets *t3, octets *t4);
void control_keys(octets sid, octets t3, octets t4, octets *t1, octets *t2);

/* ikev2.c: nonces, SPIs, and what comes of a key exchange */
typedef struct {
    const prf_type *prf;
    octets ni, nr, spis;
} ike_sa;

octets skeyseed(const ike_sa *sa, octets secret);
/* with the prf of the old SA */
octets rekeyed_skeyseed(const prf_type *old, octets old_sk_d, const ike_sa *sa, octets secret,
                        octets more_secrets);
octets sk_d(const ike_sa *sa, octets skeyseed);
octets keymat(const ike_sa *sa, octets sk_d, octets secret, long long size);
octets secret_from_keymat(const prf_type *type, octets keymat, octets sid);
octets secret_from_sk_d(const prf_type *type, octets sk_d);

/* keyid.c */
octets key_id_of_name(octets name);
octets key_id_of_spis(octets spi_i, octets spi_r);
#endif

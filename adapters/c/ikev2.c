/* The keys of IKEv2, and the shared secret that comes of them.
   SPDX-License-Identifier: Apache-2.0 */
#include "case.h"
#include "crypto.h"

enum { MOST = 255 * 64 }; /* octets of prf+, at most */

static octets nonces(const ike_sa *sa)
{
    size_t half = sa->prf ? sa->prf->size / 2 : 0, low = half > 16 ? half : 16;
    need(sa->ni.size >= low && sa->ni.size <= 256, "Ni: another size");
    need(sa->nr.size >= low && sa->nr.size <= 256, "Nr: another size");
    return join(sa->ni, sa->nr);
}

/* Of each nonce, a prf with keys of a fixed size takes the first 8 octets (RFC 7296 §2.14). */
static octets prf_key(const ike_sa *sa)
{
    octets both = nonces(sa);
    return sa->prf->hash ? both : join(part(sa->ni, 0, 8), part(sa->nr, 0, 8));
}

octets skeyseed(const ike_sa *sa, octets secret)
{
    return prf(sa->prf, prf_key(sa), secret);
}

octets rekeyed_skeyseed(const prf_type *old, octets old_sk_d, const ike_sa *sa,
                        octets secret, octets more_secrets) /* RFC 7296 §2.18, RFC 9370 §2.2.4 */
{
    need(secret.size > 0, "g^ir: expected at least 1 octet");
    return prf(old, old_sk_d, join(join(secret, nonces(sa)), more_secrets));
}

static octets seed_of(const ike_sa *sa)
{
    return join(nonces(sa), sa->spis);
}

octets sk_d(const ike_sa *sa, octets skeyseed) /* the first of SK_* */
{
    return prf_plus(sa->prf, skeyseed, seed_of(sa), (long long)sa->prf->size);
}

octets keymat(const ike_sa *sa, octets sk_d, octets secret, long long size)
{
    return prf_plus(sa->prf, sk_d, join(secret, nonces(sa)), size);
}

octets secret_from_keymat(const prf_type *type, octets keymat, octets sid)
{
    need(sid.size == 16, "SID: another size");
    return prf(type, keymat, sid);
}

octets secret_from_sk_d(const prf_type *type, octets sk_d) /* RFC 7717 §5.1 */
{
    return prf(type, sk_d, text("IPPM"));
}

static octets sk_d_with_ppk(const prf_type *type, octets ppk, octets primed) /* RFC 8784 §3 */
{
    return prf_plus(type, ppk, primed, (long long)type->size);
}

static const prf_type *prf_of_group(void)
{
    return prf_named(text_in(parameters, "prf"));
}

static ike_sa nonces_in(void)
{
    return (ike_sa){prf_of_group(), in("ni"), in("nr"), zeros(0)};
}

static ike_sa ike_sa_with(const prf_type *type)
{
    return (ike_sa){type, in("ni"), in("nr"), join(sized("spiI", 8), sized("spiR", 8))};
}

static ike_sa ike_sa_in(void)
{
    return ike_sa_with(prf_of_group());
}

static void prf_computed(void)
{
    put("output", prf(prf_of_group(), in("key"), in("data")));
}

static void prf_plus_computed(void)
{
    const prf_type *type = prf_of_group();
    long long size = number("length"), block = (long long)type->size;
    put("output", prf_plus(type, in("key"), in("seed"), size));
    put_integer("blocks", (size + block - 1) / block);
}

static octets skeyseed_computed(const ike_sa *sa)
{
    put("prfKey", prf_key(sa));
    return put("skeyseed", skeyseed(sa, in("sharedSecret")));
}

static void keys_computed(const ike_sa *sa, octets skeyseed, const char *sizes_in,
                          const char *first)
{
    const char *const names[] = {first, "skAi", "skAr", "skEi", "skEr", "skPi", "skPr"};
    long long a = integer_in(sizes_in, "integritySize"), e = integer_in(sizes_in, "encryptionSize");
    need(a >= 0 && a <= MOST && e >= 0 && e <= MOST, "prf+: more than 255 blocks");
    long long sizes[] = {(long long)sa->prf->size, a, a, e, e, (long long)sa->prf->size,
                         (long long)sa->prf->size};
    octets seed = put("seed", seed_of(sa));
    octets stream = prf_plus(sa->prf, skeyseed, seed, 3 * sizes[0] + 2 * a + 2 * e);
    size_t at = 0;
    for (size_t i = 0; i < 7; at += (size_t)sizes[i++])
        put(names[i], part(stream, at, at + (size_t)sizes[i]));
}

static octets keymat_computed(const ike_sa *sa, octets secret)
{
    put("seed", join(secret, nonces(sa)));
    return put("keymat", keymat(sa, in("skD"), secret, number("length")));
}

static void skeyseed_of_exchange(void)
{
    ike_sa sa = nonces_in();
    skeyseed_computed(&sa);
}

static void skeyseed_of_rekeying(void)
{
    ike_sa sa = nonces_in();
    const prf_type *old = sa.prf; /* that of the new SA is not told */
    sa.prf = NULL;
    put("skeyseed", rekeyed_skeyseed(old, in("oldSkD"), &sa, in("sharedSecret"), zeros(0)));
}

static void ike_sa_keys(void)
{
    ike_sa sa = ike_sa_in();
    keys_computed(&sa, in("skeyseed"), inputs, "skD");
}

static void keymat_of_child(void)
{
    ike_sa sa = nonces_in();
    keymat_computed(&sa, in("sharedSecret"));
}

static void shared_secret_from_sk_d(void)
{
    put("sharedSecretKey", secret_from_sk_d(prf_of_group(), in("skD")));
}

static void shared_secret_from_keymat(void)
{
    put("sharedSecretKey", secret_from_keymat(prf_of_group(), in("keymat"), in("sid")));
}

static void binding_chain(void)
{
    ike_sa sa = ike_sa_in();
    octets seed_key = skeyseed_computed(&sa);
    keys_computed(&sa, seed_key, parameters, "skD");
    put("keyId", key_id_of_spis(in("spiI"), in("spiR")));
    put_token(put("sharedSecretKey", secret_from_sk_d(sa.prf, sk_d(&sa, seed_key))));
}

static void ppk_sk_d(void)
{
    const prf_type *type = prf_of_group();
    octets made = put("skD", sk_d_with_ppk(type, in("ppk"), in("primedSkD")));
    put("sharedSecretKey", secret_from_sk_d(type, made));
}

static void ppk_rekey_chain(void) /* the PPK is not used again */
{
    ike_sa sa = ike_sa_in();
    octets old = put("oldSkD", sk_d_with_ppk(sa.prf, in("ppk"), in("primedSkD")));
    octets seed_key = rekeyed_skeyseed(sa.prf, old, &sa, in("sharedSecret"), zeros(0));
    put("skeyseed", seed_key);
    put("sharedSecretKey", secret_from_sk_d(sa.prf, put("skD", sk_d(&sa, seed_key))));
}

static void additional_key_exchange(void) /* RFC 9370 §2.2.2 */
{
    ike_sa sa = ike_sa_in();
    octets seed_key = zeros(0), last = in("skD");
    put_open("skeyseeds", '[');
    for (const char *each = json_first(json_member(inputs, "additionalSecrets")); each;
         each = json_next(each)) {
        seed_key = put(NULL, prf(sa.prf, last, join(json_hex(each), nonces(&sa))));
        last = sk_d(&sa, seed_key);
    }
    put_close(']');
    need(seed_key.size > 0, "additional key exchanges: expected at least 1");
    keys_computed(&sa, seed_key, parameters, "lastSkD");
    put("sharedSecretKey", secret_from_sk_d(sa.prf, last));
}

static void rekey_chain(void)
{
    buffer secrets = {0};
    ike_sa sa = ike_sa_with(prf_named(text_in(inputs, "newPrf")));
    const prf_type *old = prf_named(text_in(inputs, "oldPrf"));
    for (const char *each = json_first(json_member(inputs, "additionalSecrets")); each;
         each = json_next(each))
        add(&secrets, json_hex(each));
    octets seed_key = rekeyed_skeyseed(old, in("oldSkD"), &sa, in("sharedSecret"), secrets.text);
    put("skeyseed", seed_key);
    keys_computed(&sa, seed_key, parameters, "skD");
    put("sharedSecretKey", secret_from_sk_d(sa.prf, sk_d(&sa, seed_key)));
    put("keyId", key_id_of_spis(in("spiI"), in("spiR")));
}

static void keymat_chain(void)
{
    ike_sa sa = nonces_in();
    octets material = keymat_computed(&sa, zeros(0));
    put_token(put("sharedSecretKey", secret_from_keymat(sa.prf, material, in("sid"))));
}

const case_type ikev2_types[] = {
    {"Prf", prf_computed},
    {"PrfPlus", prf_plus_computed},
    {"Skeyseed", skeyseed_of_exchange},
    {"RekeyedSkeyseed", skeyseed_of_rekeying},
    {"IkeSaKeys", ike_sa_keys},
    {"Keymat", keymat_of_child},
    {"SharedSecretFromSkD", shared_secret_from_sk_d},
    {"SharedSecretFromKeymat", shared_secret_from_keymat},
    {"BindingChain", binding_chain},
    {"KeymatChain", keymat_chain},
    {"PpkSkD", ppk_sk_d},
    {"PpkRekeyChain", ppk_rekey_chain},
    {"AdditionalKeyExchange", additional_key_exchange},
    {"RekeyChain", rekey_chain},
    {NULL, NULL},
};

/* The cryptography over OpenSSL's libcrypto, 3.0 or newer. SPDX-License-Identifier: Apache-2.0 */
#include "crypto.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>
#include <string.h>

octets aes(octets key, octets data)
{
    return cbc(key, zeros(16), data, 1);
}

octets aes_inverse(octets key, octets data)
{
    return cbc(key, zeros(16), data, 0);
}

octets cbc(octets key, octets iv, octets data, int encrypt)
{
    octets out = zeros(data.size + 16);
    int size = 0;
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    if (key.size != 16 || iv.size != 16 || data.size % 16 || !context)
        abort();
    if (!EVP_CipherInit_ex(context, EVP_aes_128_cbc(), NULL, key.data, iv.data, encrypt) ||
        !EVP_CIPHER_CTX_set_padding(context, 0) ||
        !EVP_CipherUpdate(context, out.data, &size, data.data, (int)data.size) ||
        (size_t)size != data.size)
        abort();
    EVP_CIPHER_CTX_free(context);
    return part(out, 0, data.size);
}

octets hmac(const char *hash, octets key, octets data)
{
    octets out = zeros(EVP_MAX_MD_SIZE);
    unsigned size = 0;
    if (!HMAC(EVP_get_digestbyname(hash), key.data, (int)key.size, data.data, data.size, out.data,
              &size))
        abort();
    return part(out, 0, size);
}

octets hmac16(octets key, octets data)
{
    return part(hmac("SHA1", key, data), 0, 16);
}

octets pbkdf2(octets secret, octets salt, long long count)
{
    octets out = zeros(16);
    need(count > 0 && count <= 1 << 24, "Count: not one to compute with");
    if (!PKCS5_PBKDF2_HMAC((const char *)secret.data, (int)secret.size, salt.data, (int)salt.size,
                           (int)count, EVP_sha1(), 16, out.data))
        abort();
    return out;
}

static octets cmac_16(octets key, octets data)
{
    octets out = zeros(16);
    size_t size = 0;
    if (!EVP_Q_mac(NULL, "CMAC", NULL, "AES-128-CBC", NULL, key.data, key.size, data.data,
                   data.size, out.data, out.size, &size))
        abort();
    return out;
}

static octets xcbc_16(octets key, octets data) /* RFC 3566 §4 */
{
    octets keys[4], last = zeros(16);
    for (int n = 1; n < 4; n++) {
        octets block = zeros(16);
        memset(block.data, n, 16);
        keys[n] = cbc(key, zeros(16), block, 1);
    }
    size_t start = data.size ? (data.size - 1) / 16 * 16 : 0, left = data.size - start;
    memcpy(last.data, data.data + start, left);
    if (left < 16)
        last.data[left] = 0x80;
    last = xor_block(last, keys[left < 16 ? 3 : 2]);
    octets out = cbc(keys[1], zeros(16), join(part(data, 0, start), last), 1);
    return part(out, start, start + 16);
}

const prf_type *prf_named(octets name)
{
    static const prf_type types[] = {
        {"PRF_HMAC_SHA1", "SHA1", 20},       {"PRF_AES128_XCBC", NULL, 16},
        {"PRF_HMAC_SHA2_256", "SHA256", 32}, {"PRF_HMAC_SHA2_384", "SHA384", 48},
        {"PRF_HMAC_SHA2_512", "SHA512", 64}, {"PRF_AES128_CMAC", NULL, 16},
    };
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (strcmp(types[i].name, (const char *)name.data) == 0)
            return &types[i];
    refuse("prf: not known");
}

octets prf(const prf_type *type, octets key, octets data)
{
    need(key.size > 0, "prf key: expected at least 1 octet");
    if (type->hash)
        return hmac(type->hash, key, data);
    if (strcmp(type->name, "PRF_AES128_CMAC") == 0) /* RFC 4615 §3 */
        return cmac_16(key.size == 16 ? key : cmac_16(zeros(16), key), data);
    if (key.size > 16) /* RFC 4434 §2 */
        return xcbc_16(xcbc_16(zeros(16), key), data);
    return xcbc_16(join(key, zeros(16 - key.size)), data);
}

octets prf_plus(const prf_type *type, octets key, octets seed, long long size) /* RFC 7296 §2.13 */
{
    buffer out = {zeros(0), 0};
    octets block = zeros(0);
    need(size >= 0 && size <= 255 * (long long)type->size, "prf+: more than 255 blocks");
    for (unsigned char n = 1; out.text.size < (size_t)size; n++) {
        block = prf(type, key, join(join(block, seed), octet(n)));
        add(&out, block);
    }
    return part(out.text, 0, (size_t)size);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "octets.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

typedef struct block {
    struct block *next;
    unsigned char data[];
} block;

static block *blocks;

void forget(void)
{
    while (blocks) {
        block *next = blocks->next;
        free(blocks);
        blocks = next;
    }
}

octets zeros(size_t size)
{
    block *made = calloc(1, sizeof *made + size + 1);
    if (!made)
        abort();
    made->next = blocks;
    blocks = made;
    return (octets){made->data, size};
}

octets text(const char *characters)
{
    octets made = zeros(strlen(characters));
    memcpy(made.data, characters, made.size);
    return made;
}

octets part(octets from, size_t start, size_t end)
{
    if (start > end || end > from.size)
        abort();
    return (octets){from.data + start, end - start};
}

octets join(octets a, octets b)
{
    octets made = zeros(a.size + b.size);
    memcpy(made.data, a.data, a.size);
    memcpy(made.data + a.size, b.data, b.size);
    return made;
}

octets xor_block(octets a, octets b)
{
    octets made = zeros(16);
    for (size_t i = 0; i < 16; i++)
        made.data[i] = a.data[i] ^ b.data[i];
    return made;
}

int equal(octets a, octets b)
{
    return a.size == b.size && CRYPTO_memcmp(a.data, b.data, a.size) == 0;
}

void need(int condition, const char *reason)
{
    if (!condition)
        refuse(reason);
}

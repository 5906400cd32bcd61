/* SPDX-License-Identifier: Apache-2.0 */
#include "octets.h"

#include <openssl/crypto.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

typedef struct block {
    struct block *next;
    _Alignas(max_align_t) unsigned char data[];
} block;

static block *blocks;
static jmp_buf *catcher;
static const char *reason, *stage;

const char *attempt(void (*action)(void *), void *with)
{
    jmp_buf here, *outer = catcher;
    catcher = &here;
    if (!setjmp(here)) {
        action(with);
        reason = stage = NULL;
    }
    catcher = outer;
    return reason;
}

static void refuse_at(const char *where, const char *why) __attribute__((noreturn));

static void refuse_at(const char *where, const char *why)
{
    if (!catcher)
        abort();
    reason = why;
    stage = where;
    longjmp(*catcher, 1);
}

void refuse(const char *why)
{
    refuse_at(NULL, why);
}

void need(int condition, const char *why)
{
    need_at(condition, NULL, why);
}

void need_at(int condition, const char *where, const char *why)
{
    if (!condition)
        refuse_at(where, why);
}

const char *stage_of_refusal(void)
{
    return stage;
}

void *memory_mark(void)
{
    return blocks;
}

void forget(void *mark)
{
    while (blocks != mark) {
        block *next = blocks->next;
        free(blocks);
        blocks = next;
    }
}

void *fresh(size_t size)
{
    block *made = calloc(1, sizeof *made + size);
    if (!made)
        abort();
    made->next = blocks;
    blocks = made;
    return made->data;
}

octets zeros(size_t size)
{
    return (octets){fresh(size + 1), size}; /* a zero after them, for functions on strings */
}

octets text(const char *characters)
{
    return copy((octets){(unsigned char *)characters, strlen(characters)});
}

octets octet(unsigned char value)
{
    return copy((octets){&value, 1});
}

octets copy(octets from)
{
    return join(from, (octets){NULL, 0});
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
    if (a.size)
        memcpy(made.data, a.data, a.size);
    if (b.size)
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

void add(buffer *to, octets more)
{
    size_t size = to->text.size + more.size;
    if (size > to->room) { /* at least twice the room, so that all copies are few */
        octets old = to->text;
        to->room = 2 * size;
        to->text = part(zeros(to->room), 0, old.size);
        if (old.size)
            memcpy(to->text.data, old.data, old.size);
    }
    if (more.size)
        memcpy(to->text.data + to->text.size, more.data, more.size);
    to->text.size = size;
}

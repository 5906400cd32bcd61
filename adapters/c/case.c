/* SPDX-License-Identifier: Apache-2.0 */
#include "case.h"

#include <stdio.h>
#include <string.h>

const char *parameters, *inputs;

octets hex_in(const char *object, const char *name)
{
    return json_hex(json_member(object, name));
}

octets sized_in(const char *object, const char *name, size_t size)
{
    static char text[80];
    octets found = hex_in(object, name);
    snprintf(text, sizeof text, "%s: expected %zu octets, found %zu", name, size, found.size);
    need(found.size == size, text);
    return found;
}

octets text_in(const char *object, const char *name)
{
    return json_string(json_member(object, name));
}

long long integer_in(const char *object, const char *name)
{
    return json_integer(json_member(object, name));
}

octets in(const char *name)
{
    return hex_in(inputs, name);
}

octets sized(const char *name, size_t size)
{
    return sized_in(inputs, name, size);
}

long long number(const char *name)
{
    return integer_in(inputs, name);
}

int is_text(octets text, const char *characters)
{
    return text.size == strlen(characters) && !memcmp(text.data, characters, text.size);
}

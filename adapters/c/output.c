/* Writes JSON. SPDX-License-Identifier: Apache-2.0 */
#include "json.h"

#include <stdio.h>
#include <string.h>

static buffer answer;

static void write_characters(const char *characters)
{
    add(&answer, (octets){(unsigned char *)characters, strlen(characters)});
}

void output_start(const char *characters)
{
    answer = (buffer){{NULL, 0}, 0};
    write_characters(characters);
}

octets output_end(const char *characters)
{
    write_characters(characters);
    return answer.text;
}

/* A value follows: the comma before it, and its name. */
static void next_value(const char *name)
{
    if (!strchr("{[", answer.text.data[answer.text.size - 1]))
        write_characters(", ");
    if (name) {
        write_characters("\"");
        write_characters(name);
        write_characters("\": ");
    }
}

octets put(const char *name, octets value)
{
    static const char digits[] = "0123456789abcdef";
    octets hex = zeros(2 * value.size);
    for (size_t i = 0; i < value.size; i++) {
        hex.data[2 * i] = (unsigned char)digits[value.data[i] >> 4];
        hex.data[2 * i + 1] = (unsigned char)digits[value.data[i] & 15];
    }
    put_text(name, hex);
    return value;
}

void put_text(const char *name, octets value)
{
    next_value(name);
    write_characters("\"");
    for (size_t i = 0; i < value.size; i++) {
        unsigned char each = value.data[i];
        if (each >= 32 && each != '"' && each != '\\') {
            add(&answer, part(value, i, i + 1));
            continue;
        }
        char escape[7];
        snprintf(escape, sizeof escape, "\\u%04x", each);
        write_characters(escape);
    }
    write_characters("\"");
}

void put_integer(const char *name, long long value)
{
    char digits[24];
    snprintf(digits, sizeof digits, "%lld", value);
    next_value(name);
    write_characters(digits);
}

void put_boolean(const char *name, int value)
{
    next_value(name);
    write_characters(value ? "true" : "false");
}

void put_open(const char *name, char bracket)
{
    next_value(name);
    add(&answer, (octets){(unsigned char *)&bracket, 1});
}

void put_close(char bracket)
{
    add(&answer, (octets){(unsigned char *)&bracket, 1});
}

/* Reads JSON. A line that is none ends the program; a value of another kind is refused.
   SPDX-License-Identifier: Apache-2.0 */
#include "json.h"

#include <stdlib.h>
#include <string.h>

static const char *space(const char *at)
{
    return at + strspn(at, " \t\r\n");
}

static const char *end_of_string(const char *at)
{
    for (at++; *at != '"'; at++) {
        if (*at == '\\')
            at++;
        if (!*at)
            abort();
    }
    return at + 1;
}

static const char *end_of(const char *at)
{
    int depth = 0;
    do {
        at = space(at);
        if (*at == '"') {
            at = end_of_string(at);
        } else if (*at == '{' || *at == '[') {
            depth++;
            at++;
        } else if (*at == '}' || *at == ']') {
            depth--;
            at++;
        } else if (depth && (*at == ',' || *at == ':')) {
            at++;
        } else {
            size_t size = strcspn(at, ",:]} \t\r\n");
            if (!size)
                abort();
            at += size;
        }
    } while (depth > 0);
    return at;
}

const char *json_first(const char *array)
{
    need(array && (*array == '[' || *array == '{'), "input: expected an array or object");
    const char *at = space(array + 1);
    return *at == ']' || *at == '}' ? NULL : at;
}

const char *json_next(const char *item)
{
    const char *at = space(end_of(item));
    return *at == ',' ? space(at + 1) : NULL;
}

const char *json_member(const char *object, const char *name)
{
    size_t size = strlen(name);
    for (const char *at = json_first(object); at;) {
        const char *value = space(end_of_string(at));
        value = space(value + 1); /* after the colon */
        if (strncmp(at + 1, name, size) == 0 && at[1 + size] == '"')
            return value;
        at = json_next(value);
    }
    return NULL;
}

octets json_string(const char *value)
{
    static const char escapes[] = "bfnrt", controls[] = "\b\f\n\r\t";
    need(value && *value == '"', "input: expected a string");
    octets found = zeros((size_t)(end_of_string(value) - value));
    size_t size = 0;
    for (const char *at = value + 1; *at != '"'; at++) {
        unsigned char character = (unsigned char)*at;
        if (character == '\\') {
            const char *control = strchr(escapes, *++at);
            character = (unsigned char)(control ? controls[control - escapes] : *at);
            if (*at == 'u') { /* the runner writes control characters so, and no others */
                char digits[5] = {at[1], at[2], at[3], at[4], 0};
                long code = strtol(digits, NULL, 16);
                need(code < 0x80, "text: expected UTF-8, found an escaped character");
                character = (unsigned char)code;
                at += 4;
            }
        }
        found.data[size++] = character;
    }
    return part(found, 0, size);
}

static unsigned digit(char character)
{
    const char *digits = "0123456789abcdef", *found = strchr(digits, character);
    need(found && *found, "input: expected lower-case hex");
    return (unsigned)(found - digits);
}

octets json_hex(const char *value)
{
    octets digits = json_string(value), found = zeros(digits.size / 2);
    need(digits.size % 2 == 0, "input: expected two digits for each octet");
    for (size_t i = 0; i < found.size; i++) {
        const char *at = (const char *)digits.data + 2 * i;
        found.data[i] = (unsigned char)(digit(at[0]) << 4 | digit(at[1]));
    }
    return found;
}

long long json_integer(const char *value)
{
    need(value != NULL, "input: expected an integer");
    return strtoll(value, NULL, 10);
}

int json_true(const char *value)
{
    return value && strncmp(value, "true", 4) == 0;
}

/* What the protocol needs of JSON. SPDX-License-Identifier: Apache-2.0 */
#ifndef JSON_H
#define JSON_H
#include "octets.h"

/* json.c: a value is a pointer to its first character in the line. */
const char *json_member(const char *object, const char *name); /* NULL if there is none */
const char *json_first(const char *array);                     /* NULL if it is empty */
const char *json_next(const char *item);                       /* NULL after the last */
octets json_string(const char *value);
octets json_hex(const char *value);
long long json_integer(const char *value);
int json_true(const char *value);

/* output.c: what is answered. In an array, names are NULL. */
void output_start(const char *characters);
octets output_end(const char *characters); /* all of it */
octets put(const char *name, octets value); /* in hex; returns the value */
void put_text(const char *name, octets value); /* UTF-8 */
void put_integer(const char *name, long long value);
void put_boolean(const char *name, int value);
void put_open(const char *name, char bracket); /* an array or an object */
void put_close(char bracket);
#endif

/* Records of fields: parts of messages, and test packets. SPDX-License-Identifier: Apache-2.0 */
#ifndef FIELDS_H
#define FIELDS_H
#include "octets.h"

typedef struct {
    const char *name; /* in the vectors */
    size_t size;
    enum { NO_FIELD, ZERO, INTEGER, NUMBER_OF, LOW_BITS, OCTETS } kind;
} field;

/* The fields of a layout. MBZ is not named; NUM is the length of a list that follows; LOW has four
   bits, after four of MBZ. */
#define MBZ(size) {"", size, ZERO}
#define INT(name, size) {#name, size, INTEGER}
#define NUM(name) {#name, 4, NUMBER_OF}
#define LOW(name) {#name, 1, LOW_BITS}
#define OCT(name, size) {#name, size, OCTETS}
#define END {NULL, 0, NO_FIELD}

size_t record_size(const field *layout);
octets field_of(const field *layout, octets record, const char *name);
long long integer_of(const field *layout, octets record, const char *name);
void set_field(const field *layout, octets record, const char *name, octets value);
void set_integer(const field *layout, octets record, const char *name, long long value);

/* Records, one after another, with MBZ of zeros. */
octets canonical(const field *layout, octets records);

octets record_in(const field *layout); /* of the inputs */
void put_record(const field *layout, octets record, int with_numbers);
void put_records(const char *name, const field *layout, octets records);
#endif

/* SPDX-License-Identifier: Apache-2.0 */
#include "fields.h"
#include "case.h"

#include <stdlib.h>
#include <string.h>

size_t record_size(const field *layout)
{
    size_t size = 0;
    for (; layout->kind; layout++)
        size += layout->size;
    return size;
}

static long long integer(octets value)
{
    long long found = 0;
    for (size_t i = 0; i < value.size; i++)
        found = found << 8 | value.data[i];
    return found;
}

octets field_of(const field *layout, octets record, const char *name)
{
    size_t at = 0;
    for (; layout->kind && strcmp(layout->name, name); layout++)
        at += layout->size;
    return part(record, at, at + layout->size);
}

long long integer_of(const field *layout, octets record, const char *name)
{
    return integer(field_of(layout, record, name));
}

void set_field(const field *layout, octets record, const char *name, octets value)
{
    octets place = field_of(layout, record, name);
    need(value.size == place.size, "a field of another size");
    memcpy(place.data, value.data, value.size);
}

void set_integer(const field *layout, octets record, const char *name, long long value)
{
    octets place = field_of(layout, record, name);
    need(value >= 0 && value < 1LL << 8 * place.size, "an integer out of range");
    for (size_t i = place.size; i--; value >>= 8)
        place.data[i] = (unsigned char)value;
}

octets canonical(const field *layout, octets records)
{
    octets made = copy(records);
    for (size_t at = 0; at < made.size;)
        for (const field *each = layout; each->kind; at += each++->size) {
            octets place = part(made, at, at + each->size);
            if (each->kind == ZERO)
                memset(place.data, 0, place.size);
            else if (each->kind == LOW_BITS)
                place.data[0] &= 15;
        }
    return made;
}

octets record_in(const field *layout)
{
    octets record = zeros(record_size(layout));
    for (const field *each = layout; each->kind; each++)
        if (each->kind == OCTETS)
            set_field(layout, record, each->name, sized(each->name, each->size));
        else if (each->kind == INTEGER)
            set_integer(layout, record, each->name, number(each->name));
    return record;
}

void put_record(const field *layout, octets record, int with_numbers)
{
    for (size_t at = 0; layout->kind; at += layout++->size) {
        octets value = part(record, at, at + layout->size);
        if (layout->kind == OCTETS)
            put(layout->name, value);
        else if (layout->kind != ZERO && (layout->kind != NUMBER_OF || with_numbers))
            put_integer(layout->name, integer(value));
    }
}

void put_records(const char *name, const field *layout, octets records)
{
    put_open(name, '[');
    for (size_t at = 0, size = record_size(layout); at < records.size; at += size) {
        put_open(NULL, '{');
        put_record(layout, part(records, at, at + size), 1);
        put_close('}');
    }
    put_close(']');
}

/* Test packets. SPDX-License-Identifier: Apache-2.0 */
#ifndef PACKETS_H
#define PACKETS_H
#include "fields.h"

enum { OPEN = 1, AUTHENTICATED = 2, ENCRYPTED = 4, MIXED = 8 }; /* security bits of Mode */

extern const char *const SECURITY[4]; /* their names, from the lowest bit */
int security_named(octets name);
int test_mode(long long security); /* the mixed mode has open packets */

typedef struct {
    int mode;
    octets t3, t4;
} packet_keys;

typedef struct { /* what a reflector adds of its own */
    long long sequence_number, ttl;
    octets receive_timestamp, timestamp, error_estimate;
} reflection;

const field *sender_layout(int mode);
const field *reflector_layout(int mode);
octets seal_packet(packet_keys keys, octets text, octets padding);
octets open_packet(packet_keys keys, const field *layout, octets packet, octets *padding);
octets sender_packet(packet_keys keys, long long sequence_number, octets timestamp,
                     octets error_estimate, octets padding);
octets reflect_packet(packet_keys keys, octets packet, reflection own);
#endif

/* Endpoints and clocks as the cases give them. SPDX-License-Identifier: Apache-2.0 */
#ifndef PARTIES_H
#define PARTIES_H
#include "endpoint.h"

endpoint server_in(const char *object, int is_owamp, long long modes);
endpoint client_in(const char *object, int is_owamp, long long mode);
void knows_passphrase(endpoint *end); /* of the inputs */
void makes_sids(endpoint *server);    /* of what the inputs draw for them */

typedef struct {
    unsigned long long now, tick; /* in units of 2^-32 seconds */
} clock_of_case;

clock_of_case clock_from(octets start, unsigned long long tick);
octets read_clock(clock_of_case *clock); /* the time, and a tick later at the next reading */
#endif

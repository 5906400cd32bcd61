/* Endpoints and clocks as the cases give them. SPDX-License-Identifier: Apache-2.0 */
#ifndef PARTIES_H
#define PARTIES_H
#include "endpoint.h"

enum { TTL = 255 };

octets error_estimate(int is_synchronized); /* Multiplier 1 */
endpoint server_in(const char *object, int is_owamp, long long modes);
endpoint client_in(const char *object, int is_owamp, long long mode);
message request_of(octets fields);    /* Request-TW-Session, but for its command and HMAC */
void knows_passphrase(endpoint *end); /* of the inputs */
void makes_sids(endpoint *server);    /* of what the inputs draw for them */

typedef struct {
    unsigned long long now, step; /* in units of 2^-32 seconds */
} ticker;

ticker ticker_from(octets start, unsigned long long step);
octets tick(ticker *clock); /* the time; a step more at each reading */
#endif

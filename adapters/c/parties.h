/* Endpoints and clocks as the cases give them. SPDX-License-Identifier: Apache-2.0 */
#ifndef PARTIES_H
#define PARTIES_H
#include "endpoint.h"

enum { TTL = 255 };

octets error_estimate(int is_synchronized); /* Multiplier 1 */
endpoint server_in(const char *object, int is_owamp, long long modes);
endpoint client_in(const char *object, int is_owamp, long long mode);
message request_of(octets fields); /* Request-TW-Session, but for its command and HMAC */
void grants(endpoint *server, octets sid, long long port); /* one session */

/* as the inputs of the case say */
void configure(endpoint *end);        /* what both ends have */
void configure_server(endpoint *end); /* its SIDs, its user, and whom packets may go to */
void knows_passphrase(endpoint *client);

octets later(octets time, unsigned long long delay); /* in units of 2^-32 seconds; of any NTP era */
#endif

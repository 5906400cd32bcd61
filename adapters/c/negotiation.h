/* What Mode, Accept and requests mean. SPDX-License-Identifier: Apache-2.0 */
#ifndef NEGOTIATION_H
#define NEGOTIATION_H
#include "messages.h"

enum {
    ACCEPT_OK,
    ACCEPT_FAILURE,
    ACCEPT_NOT_SUPPORTED = 3,
    ACCEPT_NO_ROOM = 4,
    ACCEPT_NO_IKE_SA = 6,
};

int is_owamp_named(octets name);
int security_bits(int is_owamp);
int ikev2_derived_bit(int is_owamp);
const char *mode_problem(int is_owamp, long long offered, long long chosen); /* or NULL */
int is_ikev2_derived(int is_owamp, long long offered, long long chosen);
int names_sid(message request); /* that of its session: its client is the receiver and makes it */
const char *request_problem(int is_owamp, message request); /* for no server; the field, or NULL */
int may_be_sent(int is_owamp, message request);             /* by its client */
message_kind request_kind(int is_owamp);
#endif

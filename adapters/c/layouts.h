/* The fields of messages, and of the records in them. SPDX-License-Identifier: Apache-2.0 */
#ifndef LAYOUTS_H
#define LAYOUTS_H
#include "fields.h"

typedef enum {
    SERVER_GREETING,
    SET_UP_RESPONSE,
    SERVER_START,
    REQUEST_SESSION,
    REQUEST_TW_SESSION,
    ACCEPT_SESSION,
    START_SESSIONS,
    START_ACK,
    STOP_SESSIONS,
    STOP_TW_SESSIONS,
    FETCH_SESSION,
    FETCH_ACK,
    SESSION_DATA, /* Request-Session, skip ranges, records: what follows Fetch-Ack */
} message_kind;

typedef struct {
    const char *name;
    const field *layout; /* of the first part; a request's slots are another */
    unsigned char command;
    int is_clear; /* no HMAC, in any mode */
} message_type;

extern const message_type MESSAGES[]; /* by their kind */
extern const field SLOT[], SESSION[], RANGE[], RECORD[];
#endif

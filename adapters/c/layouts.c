/* SPDX-License-Identifier: Apache-2.0 */
#include "layouts.h"

static const field GREETING[] = {
    MBZ(12), INT(modes, 4), OCT(challenge, 16), OCT(salt, 16), INT(count, 4), MBZ(12), END,
};
static const field RESPONSE[] = {
    INT(mode, 4), OCT(keyId, 80), OCT(token, 64), OCT(clientIv, 16), END,
};
static const field START[] = {
    MBZ(15), INT(accept, 1), OCT(serverIv, 16), OCT(startTime, 8), MBZ(8), END,
};
static const field REQUEST[] = {
    MBZ(1), LOW(ipvn), INT(confSender, 1), INT(confReceiver, 1), NUM(numberOfSlots),
    INT(numberOfPackets, 4), INT(senderPort, 2), INT(receiverPort, 2), OCT(senderAddress, 16),
    OCT(receiverAddress, 16), OCT(sid, 16), INT(paddingLength, 4), OCT(startTime, 8),
    OCT(timeout, 8), INT(typeP, 4), MBZ(8), END,
};
static const field ACCEPT[] = {
    INT(accept, 1), MBZ(1), INT(port, 2), OCT(sid, 16), MBZ(12), END,
};
static const field COMMAND[] = {MBZ(16), END};
static const field ACK[] = {INT(accept, 1), MBZ(15), END};
static const field STOP[] = {MBZ(1), INT(accept, 1), MBZ(2), NUM(numberOfSessions), MBZ(8), END};
static const field FETCH[] = {MBZ(8), INT(beginSeq, 4), INT(endSeq, 4), OCT(sid, 16), END};
static const field FETCHED[] = {
    INT(accept, 1), INT(finished, 1), MBZ(2), INT(nextSeqno, 4), INT(numberOfSkipRanges, 4),
    INT(numberOfRecords, 4), END,
};
const field SLOT[] = {INT(slotType, 1), MBZ(7), OCT(parameter, 8), END};
const field SESSION[] = {
    OCT(sid, 16), INT(nextSeqno, 4), NUM(numberOfSkipRanges), END,
};
const field RANGE[] = {INT(first, 4), INT(last, 4), END};
const field RECORD[] = {
    INT(seqNumber, 4), INT(sendErrorEstimate, 2), INT(receiveErrorEstimate, 2),
    OCT(sendTimestamp, 8), OCT(receiveTimestamp, 8), INT(ttl, 1), END,
};

const message_type MESSAGES[] = {
    {"Server-Greeting", GREETING, 0, 1},
    {"Set-Up-Response", RESPONSE, 0, 1},
    {"Server-Start", START, 0, 1},
    {"Request-Session", REQUEST, 1, 0},
    {"Request-TW-Session", REQUEST, 5, 0},
    {"Accept-Session", ACCEPT, 0, 0},
    {"Start-Sessions", COMMAND, 2, 0},
    {"Start-Ack", ACK, 0, 0},
    {"Stop-Sessions (OWAMP)", STOP, 3, 0},
    {"Stop-Sessions (TWAMP)", STOP, 3, 0},
    {"Fetch-Session", FETCH, 4, 0},
    {"Fetch-Ack", FETCHED, 0, 0},
    {"Session data", REQUEST, 1, 0},
};

/* The two directions of a control connection, in clear until they have keys.
   SPDX-License-Identifier: Apache-2.0 */
#ifndef STREAM_H
#define STREAM_H
#include "octets.h"

typedef struct {
    octets t1, t2;        /* no octets: in clear */
    unsigned char iv[16]; /* of the next block */
} stream_keys;

typedef struct {
    stream_keys keys;
    buffer text;
    size_t plain;  /* so many octets of the text are decrypted, */
    size_t at;     /* so many read, */
    size_t from;   /* and so many under an HMAC */
    size_t wanted; /* so many were needed when it was too short */
    size_t limit;  /* octets between two HMACs; 0: as many as is usual */
} reader;

typedef struct {
    stream_keys keys;
    buffer plaintext, wire; /* the same octets before and after encryption */
    size_t from;            /* so many are under an HMAC, */
    size_t taken;           /* and so many have been taken to be sent */
} writer;

extern const char too_short[]; /* why reading is refused that needs more octets than there are */

void protect_reader(reader *in, octets t1, octets t2, octets iv);
void protect_writer(writer *out, octets t1, octets t2, octets iv);
octets take(reader *in, long long size);
octets peek(reader *in, long long size); /* what will be taken */
void take_hmac(reader *in);
void write_text(writer *out, octets text);
octets write_hmac(writer *out);
#endif

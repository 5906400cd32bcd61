/* The case that is asked, and its outputs. SPDX-License-Identifier: Apache-2.0 */
#ifndef CASE_H
#define CASE_H
#include "octets.h"

extern const char *parameters, *inputs; /* JSON objects */

octets in(const char *name);
octets sized(const char *name, size_t size);
long long number(const char *name);
octets put(const char *name, octets value); /* returns the value */
void put_text(const char *name, octets value); /* UTF-8 */
void put_integer(const char *name, long long value);
void put_array(const char *name, octets *items, size_t size);

/* packets.c */
void control(int send);
void packet(int seal, int reflector);
void reflect(void);

/* keyid.c */
void key_id_encode(void);
void key_id_decode(void);
void key_id_of_spis(void);
void spis_of_key_id(void);
void secret_for_key_id(void);
#endif

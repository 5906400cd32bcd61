/* O/TWAMP over OpenSSL, for `owamp-vectors conform -- ./adapter`.
   An example and a cross-check, not for production. SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L
#include "case.h"

#include <stdio.h>
#include <stdlib.h>

static const case_type *const FILES[] = {
    token_types,       ikev2_types,     key_id_types,    stream_types, packet_types, message_types,
    negotiation_types, handshake_types, behaviour_types, attack_types, trace_types,
};

static void compute(void *known)
{
    output_start("\"outputs\": {");
    ((const case_type *)known)->answer();
}

static const case_type *type_named(octets name)
{
    for (size_t i = 0; i < sizeof FILES / sizeof *FILES; i++)
        for (const case_type *known = FILES[i]; known->name; known++)
            if (is_text(name, known->name))
                return known;
    return NULL;
}

static void answer(const char *line)
{
    const case_type *known = type_named(text_in(line, "type"));
    printf("{\"id\": %lld, ", integer_in(line, "id"));
    parameters = json_member(line, "parameters");
    inputs = json_member(line, "inputs");
    const char *why = known ? attempt(compute, (void *)known) : NULL;
    if (!known) {
        puts("\"unsupported\": true}");
    } else if (why) {
        const char *stage = stage_of_refusal();
        printf("\"refused\": \"%s\"", why);
        if (stage)
            printf(", \"stage\": \"%s\"", stage);
        puts("}");
    } else {
        octets outputs = output_end("}");
        fwrite(outputs.data, 1, outputs.size, stdout);
        puts("}");
    }
    fflush(stdout);
    forget(NULL);
}

int main(void)
{
    char *line = NULL;
    size_t size = 0;
    while (getline(&line, &size, stdin) > 0)
        answer(line);
    free(line);
    return 0;
}

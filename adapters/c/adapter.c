/* The cryptography of O/TWAMP over OpenSSL, for `owamp-vectors conform -- ./adapter`.
   An example and a cross-check, not for production. SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L
#include "case.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static jmp_buf refused;
static const char *reason;
const char *parameters, *inputs;
static const prf_type *type;            /* its prf, if it has one */

/* The outputs: octets, an array of octets, or an integer. */
static struct {
    const char *name;
    octets value;
    octets *items; /* "value.size" of them, if it is an array */
    long long integer;
    enum { OCTETS, TEXT, ARRAY, INTEGER } kind;
} outputs[16];
static size_t count;

void refuse(const char *why)
{
    reason = why;
    longjmp(refused, 1);
}

octets put(const char *name, octets value)
{
    outputs[count].name = name;
    outputs[count].value = value;
    outputs[count++].kind = OCTETS;
    return value;
}

void put_text(const char *name, octets value)
{
    put(name, value);
    outputs[count - 1].kind = TEXT;
}

void put_integer(const char *name, long long value)
{
    outputs[count].name = name;
    outputs[count].integer = value;
    outputs[count++].kind = INTEGER;
}

void put_array(const char *name, octets *items, size_t size)
{
    outputs[count].name = name;
    outputs[count].items = items;
    outputs[count].value.size = size;
    outputs[count++].kind = ARRAY;
}

octets in(const char *name)
{
    return json_hex(json_member(inputs, name));
}

long long number(const char *name)
{
    return json_integer(json_member(inputs, name));
}

octets sized(const char *name, size_t size)
{
    static char text[80];
    octets found = in(name);
    snprintf(text, sizeof text, "%s: expected %zu octets, found %zu", name, size, found.size);
    need(found.size == size, text);
    return found;
}

static octets aes(octets key, octets data)
{
    return cbc(key, zeros(16), data, 1);
}

static octets nonce(const char *name)
{
    octets found = in(name);
    size_t low = type->size / 2 > 16 ? type->size / 2 : 16;
    need(found.size >= low && found.size <= 256, "nonce: another size");
    return found;
}

static octets skeyseed(void)
{
    octets ni = nonce("ni"), nr = nonce("nr");
    octets key = type->hash ? join(ni, nr) : join(part(ni, 0, 8), part(nr, 0, 8));
    return put("skeyseed", prf(type, put("prfKey", key), in("sharedSecret")));
}

static octets ike_sa_keys(octets seed_key, const char *sizes_in)
{
    static const char *const names[] = {"skD", "skAi", "skAr", "skEi", "skEr", "skPi", "skPr"};
    size_t a = (size_t)json_integer(json_member(sizes_in, "integritySize"));
    size_t e = (size_t)json_integer(json_member(sizes_in, "encryptionSize"));
    size_t sizes[] = {type->size, a, a, e, e, type->size, type->size}, at = 0;
    octets spis = join(sized("spiI", 8), sized("spiR", 8));
    octets seed = put("seed", join(join(nonce("ni"), nonce("nr")), spis));
    octets stream =
        prf_plus(type, seed_key, seed, (long long)(3 * type->size + 2 * a + 2 * e));
    for (size_t i = 0; i < 7; at += sizes[i++])
        put(names[i], part(stream, at, at + sizes[i]));
    return part(stream, 0, type->size);
}

static octets keymat(octets secret)
{
    octets seed = put("seed", join(join(secret, nonce("ni")), nonce("nr")));
    return put("keymat", prf_plus(type, in("skD"), seed, number("length")));
}

static octets shared_secret(octets key, octets data)
{
    return put("sharedSecretKey", prf(type, key, data));
}

static void seal(octets secret)
{
    octets keys = join(sized("t1", 16), sized("t2", 32));
    octets plaintext = put("plaintext", join(sized("challenge", 16), keys));
    octets key = put("tokenKey", pbkdf2(secret, sized("salt", 16), number("count")));
    put("token", aes(key, plaintext));
}

static void checked_seal(octets secret)
{
    long long iterations = number("count");
    need(iterations >= 1024 && !(iterations & (iterations - 1)), "Count: expected a power of 2");
    need(iterations <= json_integer(json_member(parameters, "maxCount")), "Count: too large");
    seal(put("sharedSecret", secret));
}

static void token_open(void)
{
    octets key = pbkdf2(in("sharedSecret"), sized("salt", 16), number("count"));
    octets plain = cbc(put("tokenKey", key), zeros(16), sized("token", 64), 0);
    need(equal(part(plain, 0, 16), sized("challenge", 16)), "Token: another Challenge");
    put("t1", part(plain, 16, 32));
    put("t2", part(plain, 32, 64));
}

static void test_session_keys(void)
{
    octets sid = sized("sid", 16), t2 = sized("t2", 32), t4 = put("t4", aes(sid, t2));
    put("t3", aes(sid, sized("t1", 16)));
    put("t4FirstBlock", part(t4, 0, 16));
    put("t4SecondBlockInput", xor_block(t4, part(t2, 16, 32)));
}

static void control_keys(void)
{
    octets sid = sized("sid", 16);
    put("t1", cbc(sid, zeros(16), sized("t3", 16), 0));
    put("t2", cbc(sid, zeros(16), sized("t4", 32), 0));
}

static void token_from_passphrase(void)
{
    octets secret = json_string(json_member(inputs, "passphrase"));
    for (size_t i = 0; i < secret.size; i++)
        need(secret.data[i] != '\n' && secret.data[i] != '\r', "passphrase: a newline");
    checked_seal(secret);
}

static void one_way(void)
{
    octets sid = sized("sid", 16);
    put("t3", part(hmac("SHA256", sized("t1", 16), sid), 0, 16));
    put("t4", hmac("SHA256", sized("t2", 32), sid));
}

static void prf_blocks(void)
{
    long long size = number("length"), block = (long long)type->size;
    put_integer("blocks", (size + block - 1) / block);
    put("output", prf_plus(type, in("key"), in("seed"), size));
}

/* Compute the outputs; 0 if the type of group is not supported. */
static int compute(const char *name)
{
#define TYPE(known) else if (strcmp(name, known) == 0)
    if (!*name)
        return 0;
    TYPE("TokenFromPassphrase") token_from_passphrase();
    TYPE("TokenFromSharedSecret") checked_seal(in("sharedSecret"));
    TYPE("TokenOpen") token_open();
    TYPE("TestSessionKeys") test_session_keys();
    TYPE("ControlKeysFromTestKeys") control_keys();
    TYPE("SidLayout")
        put("sid", join(join(sized("address", 4), sized("timestamp", 8)), sized("random", 4)));
    TYPE("KeyIdEncode") key_id_encode();
    TYPE("KeyIdDecode") key_id_decode();
    TYPE("OneWayTestSessionKeys") one_way();
    TYPE("Prf") put("output", prf(type, in("key"), in("data")));
    TYPE("PrfPlus") prf_blocks();
    TYPE("Skeyseed") skeyseed();
    TYPE("IkeSaKeys") ike_sa_keys(in("skeyseed"), inputs);
    TYPE("Keymat") keymat(in("sharedSecret"));
    TYPE("RekeyedSkeyseed")
        put("skeyseed", prf(type, in("oldSkD"),
                            join(join(in("sharedSecret"), nonce("ni")), nonce("nr"))));
    TYPE("SharedSecretFromSkD") shared_secret(in("skD"), text("IPPM"));
    TYPE("SharedSecretFromKeymat") shared_secret(in("keymat"), sized("sid", 16));
    TYPE("KeyIdFromSpis") key_id_of_spis();
    TYPE("SpisFromKeyId") spis_of_key_id();
    TYPE("SharedSecretForKeyId") secret_for_key_id();
    TYPE("BindingChain")
    {
        key_id_of_spis();
        seal(shared_secret(ike_sa_keys(skeyseed(), parameters), text("IPPM")));
    }
    TYPE("KeymatChain") seal(shared_secret(keymat(zeros(0)), sized("sid", 16)));
    TYPE("ControlSend") control(1);
    TYPE("ControlReceive") control(0);
    TYPE("SenderPacketSeal") packet(1, 0);
    TYPE("SenderPacketOpen") packet(0, 0);
    TYPE("ReflectorPacketSeal") packet(1, 1);
    TYPE("ReflectorPacketOpen") packet(0, 1);
    TYPE("Reflect") reflect();
    else return 0;
    return 1;
}

static void print_hex(octets value)
{
    putchar('"');
    for (size_t i = 0; i < value.size; i++)
        printf("%02x", value.data[i]);
    putchar('"');
}

static void print_outputs(void)
{
    for (size_t i = 0; i < count; i++) {
        printf("%s\"%s\": ", i ? ", " : "", outputs[i].name);
        if (outputs[i].kind == OCTETS)
            print_hex(outputs[i].value);
        else if (outputs[i].kind == TEXT)
            json_print(outputs[i].value);
        else if (outputs[i].kind == INTEGER)
            printf("%lld", outputs[i].integer);
        for (size_t j = 0; outputs[i].kind == ARRAY && j < outputs[i].value.size; j++) {
            fputs(j ? ", " : "[", stdout);
            print_hex(outputs[i].items[j]);
        }
        if (outputs[i].kind == ARRAY)
            fputs(outputs[i].value.size ? "]" : "[]", stdout);
    }
}

static void answer(const char *line)
{
    printf("{\"id\": %lld, ", json_integer(json_member(line, "id")));
    parameters = json_member(line, "parameters");
    inputs = json_member(line, "inputs");
    count = 0;
    if (setjmp(refused)) {
        printf("\"refused\": \"%s\"", reason);
    } else {
        const char *prf_name = json_member(parameters, "prf");
        type = prf_name ? prf_named(json_string(prf_name)) : NULL;
        if (compute((const char *)json_string(json_member(line, "type")).data)) {
            fputs("\"outputs\": {", stdout);
            print_outputs();
            putchar('}');
        } else {
            fputs("\"unsupported\": true", stdout);
        }
    }
    puts("}");
    fflush(stdout);
    forget();
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

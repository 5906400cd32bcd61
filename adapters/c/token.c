/* The Token, and the keys of test sessions. SPDX-License-Identifier: Apache-2.0 */
#include "case.h"
#include "crypto.h"

int count_allowed(long long count, long long most)
{
    return count >= 1024 && count <= most && !(count & (count - 1));
}

octets seal_token(octets key, octets challenge, octets t1, octets t2)
{
    return aes(key, join(challenge, join(t1, t2)));
}

/* T1 and T2 of a Token; 0 if it has another Challenge. */
int open_token(octets key, octets challenge, octets token, octets *t1, octets *t2)
{
    octets plain = aes_inverse(key, token);
    *t1 = part(plain, 16, 32);
    *t2 = part(plain, 32, 64);
    return equal(part(plain, 0, 16), challenge);
}

void test_keys(octets sid, octets t1, octets t2, octets *t3, octets *t4) /* RFC 4656 §4.1.2 */
{
    *t3 = aes(sid, t1);
    *t4 = aes(sid, t2);
}

void one_way_test_keys(octets sid, octets t1, octets t2, octets *t3, octets *t4)
{
    *t3 = part(hmac("SHA256", t1, sid), 0, 16);
    *t4 = hmac("SHA256", t2, sid);
}

void control_keys(octets sid, octets t3, octets t4, octets *t1, octets *t2)
{
    *t1 = aes_inverse(sid, t3);
    *t2 = aes_inverse(sid, t4);
}

void put_token(octets secret)
{
    octets challenge = sized("challenge", 16), t1 = sized("t1", 16), t2 = sized("t2", 32);
    octets key = put("tokenKey", pbkdf2(secret, sized("salt", 16), number("count")));
    put("plaintext", join(challenge, join(t1, t2)));
    put("token", seal_token(key, challenge, t1, t2));
}

static void from_secret(octets secret)
{
    int allowed = count_allowed(number("count"), integer_in(parameters, "maxCount"));
    need_at(allowed, "Count", "Count: expected a power of 2, at least 1024, not too large");
    put_token(put("sharedSecret", secret));
}

octets passphrase_in(const char *object)
{
    octets secret = text_in(object, "passphrase");
    int is_twamp = is_text(text_in(parameters, "protocol"), "TWAMP");
    for (size_t i = 0; i < secret.size; i++) {
        unsigned char each = secret.data[i];
        need_at(each != '\n' && each != '\r', "text", "passphrase: a newline");
        need_at(!is_twamp || each < 0x80, "text", "passphrase: not ASCII"); /* RFC 5357 §3.1 */
    }
    return secret;
}

static void token_from_passphrase(void)
{
    from_secret(passphrase_in(inputs));
}

static void token_from_secret(void)
{
    from_secret(in("sharedSecret"));
}

static void token_opened(void)
{
    octets t1, t2, challenge = sized("challenge", 16), token = sized("token", 64);
    octets key = pbkdf2(in("sharedSecret"), sized("salt", 16), number("count"));
    need_at(open_token(key, challenge, token, &t1, &t2), "Challenge", "Token: another Challenge");
    put("tokenKey", key);
    put("t1", t1);
    put("t2", t2);
}

static void test_keys_derived(void)
{
    octets t3, t4, t2 = sized("t2", 32);
    test_keys(sized("sid", 16), sized("t1", 16), t2, &t3, &t4);
    put("t3", t3);
    put("t4", t4);
    put("t4FirstBlock", part(t4, 0, 16));
    put("t4SecondBlockInput", xor_block(t4, part(t2, 16, 32)));
}

static void control_keys_from_test_keys(void)
{
    octets t1, t2;
    control_keys(sized("sid", 16), sized("t3", 16), sized("t4", 32), &t1, &t2);
    put("t1", t1);
    put("t2", t2);
}

static void sid_laid_out(void) /* RFC 4656 §3.5 */
{
    put("sid", join(sized("address", 4), join(sized("timestamp", 8), sized("random", 4))));
}

static void one_way_keys(void)
{
    octets t3, t4;
    one_way_test_keys(sized("sid", 16), sized("t1", 16), sized("t2", 32), &t3, &t4);
    put("t3", t3);
    put("t4", t4);
}

static octets labelled(octets key, const char *label, octets context)
{
    return hmac("SHA256", key, join(join(text(label), octet(0)), context));
}

static octets named(const char *name)
{
    return join(octet((unsigned char)in(name).size), in(name));
}

static void repaired_set_up(void) /* of no RFC */
{
    octets greeting = sized("serverGreeting", 64), response = sized("setUpResponse", 164);
    octets t2 = sized("t2", 32), sid = sized("sid", 16);
    octets key = put("macKey", labelled(in("sharedSecret"), "set-up", part(greeting, 32, 52)));
    octets names = join(named("clientName"), named("serverName"));
    put("mac", hmac16(key, join(names, join(greeting, response))));
    put("clientControlKey", labelled(t2, "control", text("client")));
    put("serverControlKey", labelled(t2, "control", text("server")));
    put("senderTestKey", labelled(t2, "sender", sid));
    put("reflectorTestKey", labelled(t2, "reflector", sid));
}

const case_type token_types[] = {
    {"TokenFromPassphrase", token_from_passphrase},
    {"TokenFromSharedSecret", token_from_secret},
    {"TokenOpen", token_opened},
    {"TestSessionKeys", test_keys_derived},
    {"ControlKeysFromTestKeys", control_keys_from_test_keys},
    {"SidLayout", sid_laid_out},
    {"OneWayTestSessionKeys", one_way_keys},
    {"RepairedSetUp", repaired_set_up},
    {NULL, NULL},
};

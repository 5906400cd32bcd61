/* KeyIDs: names of passphrases, and SPIs. SPDX-License-Identifier: Apache-2.0 */
#include "case.h"
#include "crypto.h"

#include <string.h>

/* Whether octets are UTF-8 (RFC 3629 §4): as short as can be, no surrogates, up to U+10FFFF. */
static int is_utf8(octets text)
{
    for (size_t i = 0; i < text.size;) {
        unsigned first = text.data[i++];
        unsigned more = first < 0x80 ? 0 : first < 0xE0 ? 1 : first < 0xF0 ? 2 : 3;
        unsigned low = first == 0xE0 ? 0xA0 : first == 0xF0 ? 0x90 : 0x80;
        unsigned high = first == 0xED ? 0x9F : first == 0xF4 ? 0x8F : 0xBF;
        if ((first >= 0x80 && first < 0xC2) || first > 0xF4)
            return 0;
        for (; more; more--, low = 0x80, high = 0xBF) {
            if (i == text.size || text.data[i] < low || text.data[i] > high)
                return 0;
            i++;
        }
    }
    return 1;
}

octets key_id_of_name(octets name) /* RFC 4656 §3.1 */
{
    need(name.size <= 80 && is_utf8(name), "KeyID: expected UTF-8, at most 80 octets");
    need(!memchr(name.data, 0, name.size), "KeyID: a zero octet");
    return join(name, zeros(80 - name.size));
}

octets key_id_of_spis(octets spi_i, octets spi_r) /* RFC 7717 §5.3 */
{
    need(spi_i.size == 8 && spi_r.size == 8, "SPI: another size");
    return join(join(spi_i, spi_r), zeros(64));
}

static void key_id_encode(void)
{
    put("keyId", key_id_of_name(text_in(inputs, "name")));
}

static void key_id_decode(void)
{
    octets name = sized("keyId", 80);
    while (name.size && !name.data[name.size - 1])
        name.size--;
    need(!memchr(name.data, 0, name.size), "KeyID: a zero octet before the padding");
    need(is_utf8(name), "KeyID: not UTF-8");
    put_text("name", name);
}

static void key_id_from_spis(void)
{
    put("keyId", key_id_of_spis(in("spiI"), in("spiR")));
}

static void spis_from_key_id(void)
{
    octets found = sized("keyId", 80);
    put("spiI", part(found, 0, 8));
    put("spiR", part(found, 8, 16));
}

static void secret_for_key_id(void) /* of the IKE SA that both SPIs name (RFC 7717 §5.3) */
{
    octets spis = part(sized("keyId", 80), 0, 16), secret = zeros(0);
    const char *sa = json_first(json_member(inputs, "ikeSas"));
    while (sa && !equal(spis, join(hex_in(sa, "spiI"), hex_in(sa, "spiR"))))
        sa = json_next(sa);
    if (sa)
        secret = secret_from_sk_d(prf_named(text_in(sa, "prf")), hex_in(sa, "skD"));
    put_integer("accept", sa ? 0 : 6);
    put("sharedSecretKey", secret);
}

const case_type key_id_types[] = {
    {"KeyIdEncode", key_id_encode},
    {"KeyIdDecode", key_id_decode},
    {"KeyIdFromSpis", key_id_from_spis},
    {"SpisFromKeyId", spis_from_key_id},
    {"SharedSecretForKeyId", secret_for_key_id},
    {NULL, NULL},
};

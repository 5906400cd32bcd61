/* KeyIDs: names of passphrases, and SPIs. SPDX-License-Identifier: Apache-2.0 */
#include "case.h"

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

void key_id_encode(void) /* RFC 4656 §3.1 */
{
    octets name = json_string(json_member(inputs, "name"));
    need(name.size <= 80 && is_utf8(name), "KeyID: expected UTF-8, at most 80 octets");
    need(!memchr(name.data, 0, name.size), "KeyID: a zero octet");
    put("keyId", join(name, zeros(80 - name.size)));
}

void key_id_decode(void)
{
    octets name = sized("keyId", 80);
    while (name.size && !name.data[name.size - 1])
        name.size--;
    need(!memchr(name.data, 0, name.size), "KeyID: a zero octet before the padding");
    need(is_utf8(name), "KeyID: not UTF-8");
    put_text("name", name);
}

void key_id_of_spis(void) /* RFC 7717 §5.3 */
{
    put("keyId", join(join(sized("spiI", 8), sized("spiR", 8)), zeros(64)));
}

void spis_of_key_id(void)
{
    octets found = sized("keyId", 80);
    put("spiI", part(found, 0, 8));
    put("spiR", part(found, 8, 16));
}

void secret_for_key_id(void) /* the IKE SA that both SPIs name (RFC 7717 §5.3) */
{
    octets spis = part(sized("keyId", 80), 0, 16), secret = zeros(0);
    const char *sa = json_first(json_member(inputs, "ikeSas"));
    for (; sa; sa = json_next(sa)) {
        octets spi_i = json_hex(json_member(sa, "spiI")), spi_r = json_hex(json_member(sa, "spiR"));
        if (equal(spis, join(spi_i, spi_r)))
            break;
    }
    if (sa) {
        const prf_type *kind = prf_named(json_string(json_member(sa, "prf")));
        secret = prf(kind, json_hex(json_member(sa, "skD")), text("IPPM"));
    }
    put_integer("accept", sa ? 0 : 6);
    put("sharedSecretKey", secret);
}

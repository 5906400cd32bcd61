// SPDX-License-Identifier: Apache-2.0
package main

import (
	"bytes"
	"unicode/utf8"
)

func encodeKeyID(name string) octets { // RFC 4656 §3.1
	need(utf8.ValidString(name), "KeyID: expected a UTF-8 string")
	need(len(name) <= 80 && !bytes.Contains([]byte(name), []byte{0}), "KeyID: too long, or a zero octet")
	return append([]byte(name), make(octets, 80-len(name))...)
}

func decodeKeyID(keyID octets) string {
	name := bytes.TrimRight(keyID, "\x00")
	need(!bytes.Contains(name, []byte{0}), "KeyID: a zero octet before the padding")
	need(utf8.Valid(name), "KeyID: not UTF-8")
	return string(name)
}

// secretForKeyID looks for the IKE SA that a KeyID names by both SPIs (RFC 7717 §5.3).
func (v values) secretForKeyID() object {
	spis := v.sized("keyId", 80)[:16]
	for _, sa := range decode[[]struct{ SpiI, SpiR, Prf, SkD string }](v["ikeSas"]) {
		if bytes.Equal(spis, unhex(sa.SpiI+sa.SpiR)) {
			secret := prfs[sa.Prf].call(unhex(sa.SkD), octets("IPPM"))
			return object{"accept": 0, "sharedSecretKey": secret}
		}
	}
	return object{"accept": 6, "sharedSecretKey": octets{}}
}

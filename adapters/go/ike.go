// SPDX-License-Identifier: Apache-2.0
package main

import (
	"bytes"
	"strings"
)

// prfOf is the prf of an IKE SA.
func (v object) prfOf() prf {
	found, ok := prfs[v.text("prf")]
	need(ok, "prf: not known")
	return found
}

func (v object) prf(key, data octets) octets {
	need(len(key) > 0, "prf key: expected at least 1 octet")
	return v.prfOf().call(key, data)
}

func (v object) prfPlus(key, seed octets, size int) octets { // RFC 7296 §2.13
	need(size >= 0 && size <= 255*v.prfOf().size, "prf+: expected 0 to 255 blocks")
	out := octets{}
	for n, block := 1, (octets)(nil); len(out) < size; n++ {
		block = v.prf(key, join(block, seed, octets{byte(n)}))
		out = append(out, block...)
	}
	return out[:size]
}

func (v object) nonces() (ni, nr octets) {
	ni, nr = v.octets("ni"), v.octets("nr")
	for _, nonce := range []octets{ni, nr} {
		low := v.prfOf().size / 2
		need(len(nonce) >= 16 && len(nonce) >= low && len(nonce) <= 256, "nonce: another size")
	}
	return ni, nr
}

func (v object) skeyseed() (key, seed octets) {
	ni, nr := v.nonces()
	if v.prfOf().aes {
		ni, nr = ni[:8], nr[:8]
	}
	key = join(ni, nr)
	return key, v.prf(key, v.octets("sharedSecret"))
}

// rekeyedSkeyseed is by the prf of the old IKE SA (RFC 7296 §2.18). The secrets of additional key
// exchanges come last (RFC 9370 §2.2.4).
func (v object) rekeyedSkeyseed(ni, nr octets, additional ...octets) octets {
	need(len(v.octets("sharedSecret")) > 0, "g^ir: expected at least 1 octet")
	return v.prf(v.octets("oldSkD"), join(v.octets("sharedSecret"), ni, nr, join(additional...)))
}

func (v object) ikeSaKeys(skeyseed octets) object {
	ni, nr := v.nonces()
	seed := join(ni, nr, v.sized("spiI", 8), v.sized("spiR", 8))
	p, a, e := v.prfOf().size, v.number("integritySize"), v.number("encryptionSize")
	need(a >= 0 && e >= 0, "key size: expected at least 0")
	stream, keys := v.prfPlus(skeyseed, seed, 3*p+2*a+2*e), object{"seed": seed}
	sizes := []int{p, a, a, e, e, p, p}
	for i, name := range strings.Fields("skD skAi skAr skEi skEr skPi skPr") {
		keys[name], stream = stream[:sizes[i]], stream[sizes[i]:]
	}
	return keys
}

func (v object) keymat(secret octets) object {
	ni, nr := v.nonces()
	seed := join(secret, ni, nr)
	return object{"seed": seed, "keymat": v.prfPlus(v.octets("skD"), seed, v.number("length"))}
}

// secretFromSkD is the shared secret of RFC 7717 §5.1, secretFromKeymat that of its proposal.
func (v object) secretFromSkD(skD octets) octets { return v.prf(skD, octets("IPPM")) }

func (v object) secretFromKeymat(keymat octets) octets { return v.prf(keymat, v.sized("sid", 16)) }

func (v object) keyIDFromSpis() octets {
	return join(v.sized("spiI", 8), v.sized("spiR", 8), make(octets, 64))
}

// secretForKeyID looks for the IKE SA that a KeyID names by both SPIs (RFC 7717 §5.3).
func (v object) secretForKeyID() object {
	spis := v.sized("keyId", 80)[:16]
	for _, sa := range v.objects("ikeSas") {
		if bytes.Equal(spis, join(sa.octets("spiI"), sa.octets("spiR"))) {
			return object{"accept": 0, "sharedSecretKey": sa.secretFromSkD(sa.octets("skD"))}
		}
	}
	return object{"accept": 6, "sharedSecretKey": octets{}}
}

// rekeyChain has the nonces fit for the prf that is negotiated, the new one.
func (v object) rekeyChain() object {
	v = v.with(object{"prf": v["newPrf"]})
	ni, nr := v.nonces()
	v.sized("oldSpiI", 8)
	v.sized("oldSpiR", 8)
	ofOld := v.with(object{"prf": v["oldPrf"]})
	seed := ofOld.rekeyedSkeyseed(ni, nr, v.allOctets("additionalSecrets")...)
	out := v.ikeSaKeys(seed)
	secret := v.secretFromSkD(out.octets("skD"))
	return out.with(object{"skeyseed": seed, "sharedSecretKey": secret, "keyId": v.keyIDFromSpis()})
}

func (v object) ppkSkD() octets { // RFC 8784 §3
	return v.prfPlus(v.octets("ppk"), v.octets("primedSkD"), v.prfOf().size)
}

// additionalKeyExchange makes all keys anew after each exchange (RFC 9370 §2.2.2).
func (v object) additionalKeyExchange() object {
	ni, nr := v.nonces()
	out, seeds := object{"skD": v["skD"]}, []octets{}
	for _, secret := range v.allOctets("additionalSecrets") {
		seed := v.prf(out.octets("skD"), join(secret, ni, nr))
		out, seeds = v.ikeSaKeys(seed), append(seeds, seed)
	}
	skD := out["skD"]
	secret := v.secretFromSkD(out.octets("skD"))
	return out.with(object{"skeyseeds": seeds, "lastSkD": skD, "sharedSecretKey": secret})
}

var ikeTypes = types{
	"Prf": func(v object) object { return object{"output": v.prf(v.octets("key"), v.octets("data"))} },
	"PrfPlus": func(v object) object {
		n, p := v.number("length"), v.prfOf().size
		output := v.prfPlus(v.octets("key"), v.octets("seed"), n)
		return object{"blocks": (n + p - 1) / p, "output": output}
	},
	"Skeyseed": func(v object) object {
		key, seed := v.skeyseed()
		return object{"prfKey": key, "skeyseed": seed}
	},
	"IkeSaKeys": func(v object) object { return v.ikeSaKeys(v.octets("skeyseed")) },
	"Keymat":    func(v object) object { return v.keymat(v.octets("sharedSecret")) },
	"RekeyedSkeyseed": func(v object) object {
		return object{"skeyseed": v.rekeyedSkeyseed(v.nonces())}
	},
	"RekeyChain": object.rekeyChain,
	"PpkSkD": func(v object) object {
		skD := v.ppkSkD()
		return object{"skD": skD, "sharedSecretKey": v.secretFromSkD(skD)}
	},
	"PpkRekeyChain": func(v object) object {
		old := v.ppkSkD()
		seed := v.with(object{"oldSkD": old}).rekeyedSkeyseed(v.nonces())
		skD := v.with(object{"integritySize": 0, "encryptionSize": 0}).ikeSaKeys(seed).octets("skD")
		return object{"oldSkD": old, "skeyseed": seed, "skD": skD,
			"sharedSecretKey": v.secretFromSkD(skD)}
	},
	"AdditionalKeyExchange": object.additionalKeyExchange,
	"SharedSecretFromSkD": func(v object) object {
		return object{"sharedSecretKey": v.secretFromSkD(v.octets("skD"))}
	},
	"SharedSecretFromKeymat": func(v object) object {
		return object{"sharedSecretKey": v.secretFromKeymat(v.octets("keymat"))}
	},
	"KeyIdFromSpis": func(v object) object { return object{"keyId": v.keyIDFromSpis()} },
	"SpisFromKeyId": func(v object) object {
		return object{"spiI": v.sized("keyId", 80)[:8], "spiR": v.octets("keyId")[8:16]}
	},
	"SharedSecretForKeyId": object.secretForKeyID,
	"BindingChain": func(v object) object {
		_, seed := v.skeyseed()
		out := v.ikeSaKeys(seed)
		secret := v.secretFromSkD(out.octets("skD"))
		more := object{"skeyseed": seed, "sharedSecretKey": secret, "keyId": v.keyIDFromSpis()}
		return out.with(more).with(v.seal(secret))
	},
	"KeymatChain": func(v object) object {
		out := v.keymat(nil)
		secret := v.secretFromKeymat(out.octets("keymat"))
		return out.with(object{"sharedSecretKey": secret}).with(v.seal(secret))
	},
}

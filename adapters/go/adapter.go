// The cryptography of O/TWAMP over Go's standard library, for `owamp-vectors conform`.
// An example and a cross-check, not for production. SPDX-License-Identifier: Apache-2.0
package main

import (
	"bufio"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
)

type refused string
type octets []byte
type object map[string]any

func (o octets) MarshalJSON() ([]byte, error) { return json.Marshal(hex.EncodeToString(o)) }

func need(condition bool, reason string) {
	if !condition {
		panic(refused(reason))
	}
}

// values are the parameters and inputs of a case.
type values map[string]json.RawMessage

func decode[T any](raw json.RawMessage) (value T) {
	if err := json.Unmarshal(raw, &value); err != nil {
		panic(err)
	}
	return value
}

func unhex(text string) octets {
	value, err := hex.DecodeString(text)
	if err != nil {
		panic(err)
	}
	return value
}

func (v values) text(name string) string   { return decode[string](v[name]) }
func (v values) number(name string) int    { return int(decode[int64](v[name])) }
func (v values) octets(name string) octets { return unhex(v.text(name)) }

func (v values) sized(name string, size int) octets {
	value := v.octets(name)
	need(len(value) == size, fmt.Sprintf("%s: expected %d octets, found %d", name, size, len(value)))
	return value
}

func join(parts ...octets) (all octets) {
	for _, part := range parts {
		all = append(all, part...)
	}
	return all
}

func (v values) prf(key, data octets) octets {
	need(len(key) > 0, "prf key: expected at least 1 octet")
	return prfs[v.text("prf")].call(key, data)
}

func (v values) prfPlus(key, seed octets, size int) (out octets) { // RFC 7296 §2.13
	need(size <= 255*prfs[v.text("prf")].size, "prf+ is not defined for more than 255 blocks")
	for n, block := 1, (octets)(nil); len(out) < size; n++ {
		block = v.prf(key, join(block, seed, octets{byte(n)}))
		out = append(out, block...)
	}
	return out[:size]
}

func (v values) nonces() (ni, nr octets) {
	ni, nr = v.octets("ni"), v.octets("nr")
	for _, nonce := range []octets{ni, nr} {
		low := prfs[v.text("prf")].size / 2
		need(len(nonce) >= 16 && len(nonce) >= low && len(nonce) <= 256, "nonce: another size")
	}
	return ni, nr
}

func (v values) skeyseed() (key, seed octets) {
	ni, nr := v.nonces()
	if prfs[v.text("prf")].aes {
		ni, nr = ni[:8], nr[:8]
	}
	key = join(ni, nr)
	return key, v.prf(key, v.octets("sharedSecret"))
}

func (v values) ikeSaKeys(skeyseed octets) object {
	ni, nr := v.nonces()
	seed := join(ni, nr, v.sized("spiI", 8), v.sized("spiR", 8))
	p, a, e := prfs[v.text("prf")].size, v.number("integritySize"), v.number("encryptionSize")
	stream, keys := v.prfPlus(skeyseed, seed, 3*p+2*a+2*e), object{"seed": seed}
	sizes := []int{p, a, a, e, e, p, p}
	for i, name := range strings.Fields("skD skAi skAr skEi skEr skPi skPr") {
		keys[name], stream = stream[:sizes[i]], stream[sizes[i]:]
	}
	return keys
}

func (v values) keymat(secret octets) object {
	ni, nr := v.nonces()
	seed := join(secret, ni, nr)
	return object{"seed": seed, "keymat": v.prfPlus(v.octets("skD"), seed, v.number("length"))}
}

func (v values) seal(secret octets, out object) object {
	plaintext := join(v.sized("challenge", 16), v.sized("t1", 16), v.sized("t2", 32))
	key := pbkdf2(secret, v.sized("salt", 16), v.number("count"))
	out["tokenKey"], out["plaintext"], out["token"] = key, plaintext, cbc(key, noIV, plaintext, false)
	return out
}

func (v values) checkedSeal(secret octets) object {
	count := v.number("count")
	need(count >= 1024 && count&(count-1) == 0, "Count: expected a power of 2, at least 1024")
	need(count <= v.number("maxCount"), "Count: too large")
	return v.seal(secret, object{"sharedSecret": secret})
}

// answer gives the outputs for a type of group, or nil if it is not supported.
func (v values) answer(kind string) object {
	switch kind {
	case "TokenFromPassphrase":
		need(!strings.ContainsAny(v.text("passphrase"), "\r\n"), "passphrase: a newline")
		return v.checkedSeal(octets(v.text("passphrase")))
	case "TokenFromSharedSecret":
		return v.checkedSeal(v.octets("sharedSecret"))
	case "TokenOpen":
		key := pbkdf2(v.octets("sharedSecret"), v.sized("salt", 16), v.number("count"))
		text := cbc(key, noIV, v.sized("token", 64), true)
		need(hmac.Equal(text[:16], v.sized("challenge", 16)), "Token: another Challenge")
		return object{"tokenKey": key, "t1": text[16:32], "t2": text[32:]}
	case "TestSessionKeys":
		t1, t2, sid := v.sized("t1", 16), v.sized("t2", 32), v.sized("sid", 16)
		t4 := cbc(sid, noIV, t2, false)
		return object{"t3": cbc(sid, noIV, t1, false), "t4FirstBlock": t4[:16],
			"t4SecondBlockInput": xor(t4, t2[16:]), "t4": t4}
	case "ControlKeysFromTestKeys":
		t3, t4, sid := v.sized("t3", 16), v.sized("t4", 32), v.sized("sid", 16)
		return object{"t1": cbc(sid, noIV, t3, true), "t2": cbc(sid, noIV, t4, true)}
	case "OneWayTestSessionKeys":
		t1, t2, sid := v.sized("t1", 16), v.sized("t2", 32), v.sized("sid", 16)
		return object{"t3": mac(sha256.New, t1, sid)[:16], "t4": mac(sha256.New, t2, sid)}
	case "SidLayout":
		return object{"sid": join(v.sized("address", 4), v.sized("timestamp", 8), v.sized("random", 4))}
	case "KeyIdEncode":
		return object{"keyId": encodeKeyID(v.text("name"))}
	case "KeyIdDecode":
		return object{"name": decodeKeyID(v.sized("keyId", 80))}
	case "Prf":
		return object{"output": v.prf(v.octets("key"), v.octets("data"))}
	case "PrfPlus":
		n, p := v.number("length"), prfs[v.text("prf")].size
		return object{"blocks": (n + p - 1) / p, "output": v.prfPlus(v.octets("key"), v.octets("seed"), n)}
	case "Skeyseed":
		key, seed := v.skeyseed()
		return object{"prfKey": key, "skeyseed": seed}
	case "IkeSaKeys":
		return v.ikeSaKeys(v.octets("skeyseed"))
	case "Keymat":
		return v.keymat(v.octets("sharedSecret"))
	case "RekeyedSkeyseed":
		ni, nr := v.nonces()
		return object{"skeyseed": v.prf(v.octets("oldSkD"), join(v.octets("sharedSecret"), ni, nr))}
	case "SharedSecretFromSkD":
		return object{"sharedSecretKey": v.prf(v.octets("skD"), octets("IPPM"))}
	case "SharedSecretFromKeymat":
		return object{"sharedSecretKey": v.prf(v.octets("keymat"), v.sized("sid", 16))}
	case "KeyIdFromSpis":
		return object{"keyId": join(v.sized("spiI", 8), v.sized("spiR", 8), make(octets, 64))}
	case "SpisFromKeyId":
		return object{"spiI": v.sized("keyId", 80)[:8], "spiR": v.octets("keyId")[8:16]}
	case "SharedSecretForKeyId":
		return v.secretForKeyID()
	case "BindingChain":
		_, seed := v.skeyseed()
		out := v.ikeSaKeys(seed)
		secret := v.prf(out["skD"].(octets), octets("IPPM"))
		out["skeyseed"], out["sharedSecretKey"] = seed, secret
		out["keyId"] = join(v.octets("spiI"), v.octets("spiR"), make(octets, 64))
		return v.seal(secret, out)
	case "KeymatChain":
		out := v.keymat(nil)
		secret := v.prf(out["keymat"].(octets), v.sized("sid", 16))
		out["sharedSecretKey"] = secret
		return v.seal(secret, out)
	case "ControlSend":
		return v.controlSend()
	case "ControlReceive":
		return v.controlReceive()
	case "SenderPacketSeal", "ReflectorPacketSeal":
		return v.packetSeal(strings.TrimSuffix(kind, "PacketSeal"))
	case "SenderPacketOpen", "ReflectorPacketOpen":
		return v.packetOpen(strings.TrimSuffix(kind, "PacketOpen"))
	case "Reflect":
		return object{"answer": v.reflect()}
	}
	return nil
}

func respond(line []byte) (response object) {
	var question struct {
		ID                 int64
		Type               string
		Parameters, Inputs values
	}
	if err := json.Unmarshal(line, &question); err != nil {
		panic(err)
	}
	defer func() {
		if problem := recover(); problem != nil {
			response = object{"id": question.ID, "refused": string(problem.(refused))}
		}
	}()
	for name, value := range question.Parameters {
		question.Inputs[name] = value
	}
	if outputs := question.Inputs.answer(question.Type); outputs != nil {
		return object{"id": question.ID, "outputs": outputs}
	}
	return object{"id": question.ID, "unsupported": true}
}

func main() {
	input, output := bufio.NewReader(os.Stdin), json.NewEncoder(os.Stdout)
	for {
		line, err := input.ReadBytes('\n')
		if err == io.EOF {
			return
		}
		if err := output.Encode(respond(line)); err != nil {
			panic(err)
		}
	}
}

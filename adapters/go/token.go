// SPDX-License-Identifier: Apache-2.0
package main

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"strings"
	"unicode/utf8"
)

// tokenKey is what PBKDF2 makes of a shared secret (RFC 4656 §3.1).
func (v object) tokenKey(secret octets) octets {
	return pbkdf2(secret, v.sized("salt", 16), v.number("count"))
}

func (v object) seal(secret octets) object {
	plaintext := join(v.sized("challenge", 16), v.sized("t1", 16), v.sized("t2", 32))
	key := v.tokenKey(secret)
	token := cbc(key, noIV, plaintext, false)
	return object{"tokenKey": key, "plaintext": plaintext, "token": token}
}

// open gives T1 and T2 of a Token, if its Challenge is the one that was sent.
func (v object) open(secret octets) (out object, ok bool) {
	key := v.tokenKey(secret)
	text := cbc(key, noIV, v.sized("token", 64), true)
	ok = hmac.Equal(text[:16], v.sized("challenge", 16))
	return object{"tokenKey": key, "t1": text[16:32], "t2": text[32:]}, ok
}

func checkCount(count, maximum int) {
	need(count >= 1024 && count&(count-1) == 0, "Count: expected a power of 2, at least 1024")
	need(count <= maximum, "Count: too large")
}

func (v object) checkedSeal(secret octets) object {
	checkCount(v.number("count"), v.number("maxCount"))
	return v.seal(secret).with(object{"sharedSecret": secret})
}

// testKeys are T3 and T4, from which controlKeys gives T1 and T2 back (RFC 4656 §4.1.2).
func testKeys(sid, t1, t2 octets) (t3, t4 octets) {
	return cbc(sid, noIV, t1, false), cbc(sid, noIV, t2, false)
}

func controlKeys(sid, t3, t4 octets) (t1, t2 octets) {
	return cbc(sid, noIV, t3, true), cbc(sid, noIV, t4, true)
}

func encodeKeyID(name string) octets { // RFC 4656 §3.1
	need(utf8.ValidString(name), "KeyID: expected a UTF-8 string")
	need(len(name) <= 80 && !strings.Contains(name, "\x00"), "KeyID: too long, or a zero octet")
	return join(octets(name), make(octets, 80-len(name)))
}

func decodeKeyID(keyID octets) string {
	name := bytes.TrimRight(keyID, "\x00")
	need(!bytes.Contains(name, []byte{0}), "KeyID: a zero octet before the padding")
	need(utf8.Valid(name), "KeyID: not UTF-8")
	return string(name)
}

// passphraseOf is the passphrase of a record, refused if the protocol does not allow it.
func passphraseOf(protocol string, record object) octets {
	text := record.text("passphrase")
	need(!strings.ContainsAny(text, "\r\n"), "passphrase: a newline")
	isASCII := strings.IndexFunc(text, func(c rune) bool { return c > 127 }) < 0
	need(isASCII || protocol != "TWAMP", "passphrase: not ASCII") // RFC 5357 §3.1
	return octets(text)
}

func oneWayTestKeys(v object) object {
	t1, t2, sid := v.sized("t1", 16), v.sized("t2", 32), v.sized("sid", 16)
	return object{"t3": mac(sha256.New, t1, sid)[:16], "t4": mac(sha256.New, t2, sid)}
}

var tokenTypes = types{
	"TokenFromPassphrase": func(v object) object {
		return v.checkedSeal(passphraseOf(v.text("protocol"), v))
	},
	"TokenFromSharedSecret": func(v object) object { return v.checkedSeal(v.octets("sharedSecret")) },
	"TokenOpen": func(v object) object {
		out, ok := v.open(v.octets("sharedSecret"))
		need(ok, "Token: another Challenge")
		return out
	},
	"TestSessionKeys": func(v object) object {
		t1, t2 := v.sized("t1", 16), v.sized("t2", 32)
		t3, t4 := testKeys(v.sized("sid", 16), t1, t2)
		return object{"t3": t3, "t4FirstBlock": t4[:16], "t4": t4,
			"t4SecondBlockInput": xor(t4, t2[16:])}
	},
	"ControlKeysFromTestKeys": func(v object) object {
		t1, t2 := controlKeys(v.sized("sid", 16), v.sized("t3", 16), v.sized("t4", 32))
		return object{"t1": t1, "t2": t2}
	},
	"OneWayTestSessionKeys": oneWayTestKeys,
	"RepairedSetUp": func(v object) object {
		greeting, response := v.sized("serverGreeting", 64), v.sized("setUpResponse", 164)
		t2, sid := v.sized("t2", 32), v.sized("sid", 16)
		key := func(from octets, label string, context octets) octets {
			return mac(sha256.New, from, join(octets(label+"\x00"), context))
		}
		client, server := v.octets("clientName"), v.octets("serverName")
		names := join(octets{byte(len(client))}, client, octets{byte(len(server))}, server)
		macKey := key(v.octets("sharedSecret"), "set-up", greeting[32:52])
		return object{"macKey": macKey, "mac": hmac16(macKey, join(names, greeting, response)),
			"clientControlKey": key(t2, "control", octets("client")),
			"serverControlKey": key(t2, "control", octets("server")),
			"senderTestKey":    key(t2, "sender", sid), "reflectorTestKey": key(t2, "reflector", sid)}
	},
	"SidLayout": func(v object) object {
		parts := []octets{v.sized("address", 4), v.sized("timestamp", 8), v.sized("random", 4)}
		return object{"sid": join(parts...)}
	},
	"KeyIdEncode": func(v object) object { return object{"keyId": encodeKeyID(v.text("name"))} },
	"KeyIdDecode": func(v object) object { return object{"name": decodeKeyID(v.sized("keyId", 80))} },
}

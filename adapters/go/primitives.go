// SPDX-License-Identifier: Apache-2.0
package main

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"hash"
)

var noIV = make(octets, 16)

func aes128(key octets) cipher.Block {
	need(len(key) == 16, "AES key: expected 16 octets")
	block, err := aes.NewCipher(key)
	if err != nil {
		panic(err)
	}
	return block
}

// cbc is AES-128-CBC of whole blocks; of one block with IV 0 it is ECB.
func cbc(key, iv, data octets, decrypt bool) octets {
	block := aes128(key)
	mode, out := cipher.NewCBCEncrypter(block, iv), make(octets, len(data))
	if decrypt {
		mode = cipher.NewCBCDecrypter(block, iv)
	}
	mode.CryptBlocks(out, data)
	return out
}

func xor(a, b octets) octets {
	out := make(octets, 16)
	for i := range out {
		out[i] = a[i] ^ b[i]
	}
	return out
}

func mac(hash func() hash.Hash, key, data octets) octets {
	m := hmac.New(hash, key)
	m.Write(data)
	return m.Sum(nil)
}

func hmac16(key, text octets) octets { return mac(sha1.New, key, text)[:16] }

// pbkdf2 gives the first 16 octets of PBKDF2-HMAC-SHA1 (RFC 8018 §5.2).
func pbkdf2(secret, salt octets, count int) octets {
	m := hmac.New(sha1.New, secret)
	m.Write(append(join(salt), 0, 0, 0, 1))
	u := m.Sum(nil)
	out := join(u)
	for i := 1; i < count; i++ {
		m.Reset()
		m.Write(u)
		u = m.Sum(u[:0])
		for j := range out {
			out[j] ^= u[j]
		}
	}
	return out[:16]
}

// cbcMAC is CBC with its last block masked: what XCBC and CMAC have in common.
func cbcMAC(key, data, whole, padded octets) octets {
	start, mask := (len(data)-1)/16*16, padded
	last := join(data[start:], octets{0x80}, noIV)[:16]
	if len(data)-start == 16 {
		mask = whole
	}
	out := cbc(key, noIV, join(data[:start], xor(last, mask)), false)
	return out[len(out)-16:]
}

func xcbc(key, data octets) octets { // RFC 3566 §4
	var k [4]octets
	for n := range k {
		k[n] = cbc(key, noIV, bytes.Repeat([]byte{byte(n)}, 16), false)
	}
	return cbcMAC(k[1], data, k[2], k[3])
}

func double(block octets) octets {
	out := make(octets, 16)
	for i := range out {
		out[i] = block[i] << 1
		if i < 15 {
			out[i] |= block[i+1] >> 7
		}
	}
	out[15] ^= 0x87 * (block[0] >> 7)
	return out
}

func cmac(key, data octets) octets { // RFC 4493 §2.4
	k1 := double(cbc(key, noIV, noIV, false))
	return cbcMAC(key, data, k1, double(k1))
}

type prf struct {
	size int
	aes  bool
	call func(key, data octets) octets
}

func hmacPrf(size int, hash func() hash.Hash) prf {
	return prf{size, false, func(key, data octets) octets { return mac(hash, key, data) }}
}

var prfs = map[string]prf{
	"PRF_HMAC_SHA1":     hmacPrf(20, sha1.New),
	"PRF_HMAC_SHA2_256": hmacPrf(32, sha256.New),
	"PRF_HMAC_SHA2_384": hmacPrf(48, sha512.New384),
	"PRF_HMAC_SHA2_512": hmacPrf(64, sha512.New),
	"PRF_AES128_XCBC": {16, true, func(key, data octets) octets { // RFC 4434 §2
		if len(key) > 16 {
			key = xcbc(noIV, key)
		}
		return xcbc(join(key, noIV)[:16], data)
	}},
	"PRF_AES128_CMAC": {16, true, func(key, data octets) octets { // RFC 4615 §3
		if len(key) != 16 {
			key = cmac(noIV, key)
		}
		return cmac(key, data)
	}},
}

// SPDX-License-Identifier: Apache-2.0
package main

import (
	"crypto/cipher"
	"crypto/hmac"
)

// direction is one of the two of a control connection: one CBC stream, with HMACs of the text since
// the last one.
type direction struct {
	blocks      cipher.BlockMode
	t2, covered octets
}

func sending(t1, t2, iv octets) *direction {
	return &direction{blocks: cipher.NewCBCEncrypter(aes128(t1), iv), t2: t2}
}

func receiving(t1, t2, iv octets) *direction {
	return &direction{blocks: cipher.NewCBCDecrypter(aes128(t1), iv), t2: t2}
}

func (d *direction) crypt(data octets) octets {
	need(len(data)%16 == 0, "control stream: expected whole blocks")
	out := make(octets, len(data))
	d.blocks.CryptBlocks(out, data)
	return out
}

func (d *direction) tag() octets {
	tag := hmac16(d.t2, d.covered)
	d.covered = nil
	return tag
}

func (d *direction) write(text octets) octets {
	d.covered = append(d.covered, text...)
	return d.crypt(text)
}

func (d *direction) writeHmac() (tag, wire octets) {
	tag = d.tag()
	return tag, d.crypt(tag)
}

func (d *direction) read(wire octets) octets {
	text := d.crypt(wire)
	d.covered = append(d.covered, text...)
	return text
}

func (d *direction) checkHmac(wire octets) {
	need(hmac.Equal(d.crypt(wire), d.tag()), "HMAC: another")
}

var streamTypes = types{
	"ControlSend": func(v object) object {
		stream := sending(v.sized("t1", 16), v.sized("t2", 32), v.sized("iv", 16))
		hmacs, plaintext, wire := []octets{}, octets{}, octets{}
		for _, segment := range v.objects("segments") {
			text := segment.octets("text")
			plaintext, wire = join(plaintext, text), join(wire, stream.write(text))
			if segment.flag("hmacAfter") {
				tag, sent := stream.writeHmac()
				hmacs, plaintext, wire = append(hmacs, tag), join(plaintext, tag), join(wire, sent)
			}
		}
		return object{"hmacs": hmacs, "plaintext": plaintext, "wire": wire}
	},
	"ControlReceive": func(v object) object {
		stream := receiving(v.sized("t1", 16), v.sized("t2", 32), v.sized("iv", 16))
		wire, texts := &clearText{v.octets("wire")}, []octets{}
		for _, part := range v.objects("layout") {
			texts = append(texts, stream.read(wire.read(part.number("size"))))
			if part.flag("hmacAfter") {
				stream.checkHmac(wire.read(16))
			}
		}
		wire.end()
		return object{"texts": texts}
	},
}

// SPDX-License-Identifier: Apache-2.0
package main

import (
	"crypto/hmac"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"strings"
)

// layouts are the fields of a test packet before its HMAC; "-" is sent as zeros.
var layouts = map[string]string{
	"Senderfalse":    "sequenceNumber 4 timestamp 8 errorEstimate 2",
	"Sendertrue":     "sequenceNumber 4 - 12 timestamp 8 errorEstimate 2 - 6",
	"Reflectorfalse": " - 2 receiveTimestamp 8 senderSequenceNumber 4 senderTimestamp 8 senderErrorEstimate 2 - 2 senderTtl 1",
	"Reflectortrue":  " receiveTimestamp 8 - 8 senderSequenceNumber 4 - 12 senderTimestamp 8 senderErrorEstimate 2 - 6 senderTtl 1 - 15",
}

// layout gives the fields of a packet, their octets in all, and how many of them are protected.
func (v values) layout(kind string) (fields []string, total, covered int) {
	v.sized("t3", 16)
	v.sized("t4", 32)
	protected := fmt.Sprint(v.text("mode") != "unauthenticated")
	text := layouts["Sender"+protected]
	if kind == "Reflector" {
		text += layouts[kind+protected]
	}
	fields = strings.Fields(text)
	for i := 1; i < len(fields); i += 2 {
		total += size(fields[i])
	}
	return fields, total, map[string]int{"authenticated": 16, "encrypted": total}[v.text("mode")]
}

func size(text string) (n int) {
	fmt.Sscan(text, &n)
	return n
}

func isInteger(name string) bool { return strings.HasSuffix(name, "Number") || name == "senderTtl" }

func (v values) packetSeal(kind string) object {
	fields, _, covered := v.layout(kind)
	var text, tag octets
	for i := 0; i < len(fields); i += 2 {
		name, n := fields[i], size(fields[i+1])
		switch {
		case name == "-":
			text = join(text, noIV[:n])
		case isInteger(name):
			number := v.number(name)
			need(number >= 0 && number < 1<<(8*n), name+": out of range")
			text = join(text, binary.BigEndian.AppendUint64(nil, uint64(number))[8-n:])
		default:
			text = join(text, v.sized(name, n))
		}
	}
	if covered > 0 {
		tag = hmac16(v.octets("t4"), text[:covered])
	}
	sealed := cbc(v.octets("t3"), noIV, text[:covered], false)
	packet := join(sealed, text[covered:], tag, v.octets("padding"))
	return object{"coveredText": text[:covered], "hmac": tag, "packet": packet}
}

func (v values) packetOpen(kind string) object {
	fields, total, covered := v.layout(kind)
	packet, end, tag := v.octets("packet"), total, octets{}
	if covered > 0 {
		end += 16
	}
	need(len(packet) >= end, "test packet: too short")
	text := join(cbc(v.octets("t3"), noIV, packet[:covered], true), packet[covered:total])
	if covered > 0 {
		tag = hmac16(v.octets("t4"), text[:covered])
	}
	need(hmac.Equal(tag, packet[total:end]), "HMAC: another")
	found := object{"padding": packet[end:]}
	for i := 0; i < len(fields); i += 2 {
		n := size(fields[i+1])
		found[fields[i]] = text[:n]
		if isInteger(fields[i]) {
			found[fields[i]] = binary.BigEndian.Uint64(join(noIV[:8-n], text[:n]))
		}
		text = text[n:]
	}
	need(found["errorEstimate"].(octets)[1] != 0, "Multiplier: expected 1 to 255, found 0")
	return found
}

// reflect answers a packet, at the same size if its padding allows (RFC 5357 §4.2).
func (v values) reflect() octets {
	found := v.packetOpen("Sender")
	own := values{"senderTtl": v["ttl"]}
	for name, value := range v {
		own[name] = value
	}
	answered := object{
		"sequenceNumber": 0, "senderSequenceNumber": found["sequenceNumber"],
		"senderTimestamp": found["timestamp"], "senderErrorEstimate": found["errorEstimate"],
		"padding": octets{},
	}
	for name, value := range answered {
		raw, err := json.Marshal(value)
		if err != nil {
			panic(err)
		}
		own[name] = raw
	}
	header := own.packetSeal("Reflector")["packet"].(octets)
	padding, room := found["padding"].(octets), len(v.octets("packet"))-len(header)
	if room < 0 {
		room = 0
	}
	if room < len(padding) {
		padding = padding[:room]
	}
	return join(header, padding)
}

func (v values) controlSend() object {
	t1, t2, iv := v.sized("t1", 16), v.sized("t2", 32), v.sized("iv", 16)
	hmacs, plaintext, from := []octets{}, octets{}, 0
	for _, segment := range decode[[]struct {
		Text      string
		HmacAfter bool
	}](v["segments"]) {
		plaintext = join(plaintext, unhex(segment.Text))
		need(len(plaintext)%16 == 0, "control stream: expected whole blocks")
		if segment.HmacAfter {
			tag := hmac16(t2, plaintext[from:])
			hmacs, plaintext = append(hmacs, tag), join(plaintext, tag)
			from = len(plaintext)
		}
	}
	return object{"hmacs": hmacs, "plaintext": plaintext, "wire": cbc(t1, iv, plaintext, false)}
}

func (v values) controlReceive() object {
	t1, t2, iv, wire := v.sized("t1", 16), v.sized("t2", 32), v.sized("iv", 16), v.octets("wire")
	need(len(wire)%16 == 0, "control stream: expected whole blocks")
	plain, texts, at, from := cbc(t1, iv, wire, true), []octets{}, 0, 0
	for _, part := range decode[[]struct {
		Size      int
		HmacAfter bool
	}](v["layout"]) {
		need(part.Size%16 == 0 && at+part.Size <= len(plain), "control stream: another size")
		texts = append(texts, plain[at:at+part.Size])
		at += part.Size
		if part.HmacAfter {
			need(at+16 <= len(plain), "control stream: another size")
			need(hmac.Equal(hmac16(t2, plain[from:at]), plain[at:at+16]), "HMAC: another")
			at += 16
			from = at
		}
	}
	need(at == len(plain), "control stream: another size")
	return object{"texts": texts}
}

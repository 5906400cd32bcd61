// SPDX-License-Identifier: Apache-2.0
package main

import "crypto/hmac"

const (
	plain     = "#sequenceNumber:4 timestamp:8 errorEstimate:2 "
	spread    = "#sequenceNumber:4 -:12 timestamp:8 errorEstimate:2 -:6 "
	ownPlain  = "-:2 receiveTimestamp:8 #senderSequenceNumber:4 senderTimestamp:8 "
	ownSpread = "receiveTimestamp:8 -:8 #senderSequenceNumber:4 -:12 senderTimestamp:8 "
)

// packetLayouts are the fields of test packets before the HMAC, in clear and protected.
var packetLayouts = map[string]map[bool]layout{
	"Sender": {false: layoutOf(plain), true: layoutOf(spread)},
	"Reflector": {
		false: layoutOf(plain + ownPlain + "senderErrorEstimate:2 -:2 #senderTtl:1"),
		true:  layoutOf(spread + ownSpread + "senderErrorEstimate:2 -:6 #senderTtl:1 -:15"),
	},
}

// packetLayout gives the layout of a packet, and how many of its octets are protected.
func (v object) packetLayout(kind string) (l layout, covered int) {
	if v.text("mode") != "unauthenticated" {
		v.sized("t3", 16)
		v.sized("t4", 32)
	}
	l = packetLayouts[kind][v.text("mode") != "unauthenticated"]
	return l, map[string]int{"authenticated": 16, "encrypted": l.size}[v.text("mode")]
}

func (v object) packetSeal(kind string) object {
	layout, covered := v.packetLayout(kind)
	estimate := v.sized("errorEstimate", 2)
	need(estimate[1] != 0, "Multiplier: expected 1 to 255, found 0")
	estimate = octets{estimate[0] &^ 64, estimate[1]} // Z is sent as zero
	text := layout.pack(v.with(object{"errorEstimate": estimate}))
	if covered == 0 {
		return object{"packet": join(text, v.octets("padding"))}
	}
	tag := hmac16(v.octets("t4"), text[:covered])
	sealed := cbc(v.octets("t3"), noIV, text[:covered], false)
	packet := join(sealed, text[covered:], tag, v.octets("padding"))
	return object{"coveredText": text[:covered], "hmac": tag, "packet": packet}
}

func (v object) packetOpen(kind string) object {
	layout, covered := v.packetLayout(kind)
	packet, end := v.octets("packet"), layout.size
	if covered > 0 {
		end += 16
	}
	need(len(packet) >= end, "test packet: too short")
	text := packet[:layout.size]
	if covered > 0 {
		text = join(cbc(v.octets("t3"), noIV, packet[:covered], true), text[covered:])
		tag := hmac16(v.octets("t4"), text[:covered])
		need(hmac.Equal(tag, packet[layout.size:end]), "HMAC: another")
	}
	found := layout.unpack(text)
	need(found.octets("errorEstimate")[1] != 0, "Multiplier: expected 1 to 255, found 0")
	found["padding"] = packet[end:]
	return found
}

// reflect answers a packet, at the same size if its padding allows (RFC 5357 §4.2).
func (v object) reflect() octets {
	found := v.packetOpen("Sender")
	header := v.with(object{
		"senderSequenceNumber": found["sequenceNumber"], "senderTimestamp": found["timestamp"],
		"senderErrorEstimate": found["errorEstimate"], "senderTtl": v["ttl"], "padding": octets{},
	}).packetSeal("Reflector").octets("packet")
	padding, room := found.octets("padding"), len(v.octets("packet"))-len(header)
	if room < 0 {
		room = 0
	}
	if room < len(padding) {
		padding = padding[:room]
	}
	return join(header, padding)
}

// run gives a Session-Sender's packets; its numbers end where their field does (RFC 4656 §4.1.2).
func (v object) run() object {
	packets, number := []octets{}, v.number("firstSequenceNumber")
	for _, timestamp := range v.allOctets("timestamps") {
		if number < 1<<32 {
			given := object{"sequenceNumber": number, "timestamp": timestamp, "padding": octets{}}
			packets = append(packets, v.with(given).packetSeal("Sender").octets("packet"))
		}
		number++
	}
	return object{"packets": packets}
}

func (v object) unprotected() object { return v.with(object{"mode": "unauthenticated"}) }

var packetTypes = types{
	"SenderPacketBuild":    func(v object) object { return v.unprotected().packetSeal("Sender") },
	"SenderPacketParse":    func(v object) object { return v.unprotected().packetOpen("Sender") },
	"ReflectorPacketBuild": func(v object) object { return v.unprotected().packetSeal("Reflector") },
	"ReflectorPacketParse": func(v object) object { return v.unprotected().packetOpen("Reflector") },
	"ReflectUnprotected":   func(v object) object { return object{"answer": v.unprotected().reflect()} },
	"SenderPacketSeal":     func(v object) object { return v.packetSeal("Sender") },
	"SenderPacketOpen":     func(v object) object { return v.packetOpen("Sender") },
	"ReflectorPacketSeal":  func(v object) object { return v.packetSeal("Reflector") },
	"ReflectorPacketOpen":  func(v object) object { return v.packetOpen("Reflector") },
	"SenderRun":            func(v object) object { return v.run() },
	"SenderRunUnprotected": func(v object) object { return v.unprotected().run() },
	"Reflect":              func(v object) object { return object{"answer": v.reflect()} },
}

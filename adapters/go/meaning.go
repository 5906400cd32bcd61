// SPDX-License-Identifier: Apache-2.0
package main

import (
	"bytes"
	"math/bits"
)

// modeNames are the meanings of the lowest bits of Mode; mixed is that of RFC 5618.
var modeNames = []string{"unauthenticated", "authenticated", "encrypted", "mixed"}

var (
	securityBits = map[string]int{"OWAMP": 7, "TWAMP": 15}
	ikev2Derived = map[string]int{"OWAMP": 16, "TWAMP": 128}
	requestNames = map[string]string{"OWAMP": "Request-Session", "TWAMP": "Request-TW-Session"}
)

// modeBit is the bit of Mode that a name of a mode stands for.
func modeBit(name string) int {
	for index, known := range modeNames {
		if known == name {
			return 1 << index
		}
	}
	panic(refused("mode: not known"))
}

// checkMode says why a Mode is refused; if it is empty, what the Mode means (RFC 4656 §3.1,
// RFC 7717 §5.1).
func checkMode(protocol string, offered, chosen int) (security string, ikev2 bool, problem string) {
	bit := chosen & securityBits[protocol]
	if bits.OnesCount(uint(bit)) != 1 {
		return "", false, "Mode: expected exactly one security bit"
	}
	if bit&offered == 0 {
		return "", false, "Mode: not offered"
	}
	ikev2 = bit != 1 && chosen&offered&ikev2Derived[protocol] != 0 // without a secret, no meaning
	return modeNames[bits.TrailingZeros(uint(bit))], ikev2, ""
}

// problemOf is the field for which no server grants a request, or empty (RFC 4656 §3.5,
// RFC 5357 §3.5).
func problemOf(protocol string, request object) string {
	isSet := func(name string) bool { return request.number(name) != 0 }
	if ipvn := request.number("ipvn"); ipvn != 4 && ipvn != 6 {
		return "IPVN"
	}
	if request.number("typeP")>>30 != 0 && (protocol == "TWAMP" || isSet("confSender")) {
		return "Type-P Descriptor" // only how the server is to send has to be known
	}
	if protocol == "OWAMP" {
		slots := get[[]object](request, "slots")
		if !isSet("confSender") && !isSet("confReceiver") {
			return "Conf-Sender, Conf-Receiver"
		}
		if len(slots) == 0 {
			return "Number of Schedule Slots"
		}
		for _, slot := range slots {
			if slot.number("slotType") > 1 {
				return "Slot Type"
			}
		}
		return ""
	}
	switch {
	case isSet("confSender"):
		return "Conf-Sender"
	case isSet("confReceiver"):
		return "Conf-Receiver"
	case isSet("numberOfSlots"):
		return "Number of Schedule Slots"
	case isSet("numberOfPackets"):
		return "Number of Packets"
	case !bytes.Equal(request.octets("sid"), noIV):
		return "SID"
	}
	return ""
}

var meaningTypes = types{
	"AcceptValue": func(v object) object {
		accept := v.number("accept")
		if accept > 6 { // not assigned (RFC 4656 §3.3)
			accept = 1
		}
		return object{"interpretation": accept}
	},
	"ModeChoice": func(v object) object {
		offered, chosen := v.number("offered"), v.number("chosen")
		security, ikev2, problem := checkMode(v.text("protocol"), offered, chosen)
		need(problem == "", problem)
		return object{"security": security, "ikev2Derived": ikev2}
	},
	"RequestCheck": func(v object) object {
		protocol := v.text("protocol")
		request := parse(requestNames[protocol], v.octets("octets"))
		if field := problemOf(protocol, request); field != "" {
			return object{"accept": 3, "field": field}
		}
		return object{"accept": 0, "field": ""}
	},
	"ErrorEstimate": func(v object) object {
		estimate := v.sized("octets", 2)
		scale, multiplier := estimate[0]&63, estimate[1]
		need(multiplier != 0, "Multiplier: expected 1 to 255, found 0")
		synchronized, withoutZ := estimate[0]&128 != 0, octets{estimate[0] &^ 64, multiplier}
		return object{"synchronized": synchronized, "scale": scale, "multiplier": multiplier,
			"canonical": withoutZ}
	},
}

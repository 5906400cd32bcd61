// SPDX-License-Identifier: Apache-2.0
package main

import (
	"encoding/binary"
	"fmt"
)

const (
	requestFields = "#ipvn:1 #confSender:1 #confReceiver:1 #numberOfSlots:4 #numberOfPackets:4 " +
		"#senderPort:2 #receiverPort:2 senderAddress:16 receiverAddress:16 sid:16 " +
		"#paddingLength:4 startTime:8 timeout:8 #typeP:4 -:8"
	stopFields = "=3:1 #accept:1 -:2 #numberOfSessions:4 -:8"
	fetchData  = "Session data"
)

// messageLayouts are the messages up to the first HMAC, and then their records.
var messageLayouts = map[string]layout{
	"Server-Greeting":       layoutOf("-:12 #modes:4 challenge:16 salt:16 #count:4 -:12"),
	"Set-Up-Response":       layoutOf("#mode:4 keyId:80 token:64 clientIv:16"),
	"Server-Start":          layoutOf("-:15 #accept:1 serverIv:16 startTime:8 -:8"),
	"Request-Session":       layoutOf("=1:1 " + requestFields),
	"Request-TW-Session":    layoutOf("=5:1 " + requestFields),
	"Accept-Session":        layoutOf("#accept:1 -:1 #port:2 sid:16 -:12"),
	"Start-Sessions":        layoutOf("=2:1 -:15"),
	"Start-Ack":             layoutOf("#accept:1 -:15"),
	"Stop-Sessions (OWAMP)": layoutOf(stopFields),
	"Stop-Sessions (TWAMP)": layoutOf(stopFields),
	"Fetch-Session":         layoutOf("=4:1 -:7 #beginSeq:4 #endSeq:4 sid:16"),
	"Fetch-Ack": layoutOf("#accept:1 #finished:1 -:2 #nextSeqno:4 #numberOfSkipRanges:4 " +
		"#numberOfRecords:4"),
}

var (
	slotLayout    = layoutOf("#slotType:1 -:7 parameter:8")
	rangeLayout   = layoutOf("#first:4 #last:4")
	sessionLayout = layoutOf("sid:16 #nextSeqno:4 #numberOfSkipRanges:4")
	recordLayout  = layoutOf("#seqNumber:4 #sendErrorEstimate:2 #receiveErrorEstimate:2 " +
		"sendTimestamp:8 receiveTimestamp:8 #ttl:1")
)

// source is where a message is read from.
type source interface {
	read(size int) octets
	readHmac()
}

// clearText is a source that has all octets, and does not look at HMACs.
type clearText struct{ rest octets }

func (c *clearText) read(size int) octets {
	found := len(c.rest)
	need(size >= 0 && size <= found, fmt.Sprintf("expected %d octets more, found %d", size, found))
	part := c.rest[:size]
	c.rest = c.rest[size:]
	return part
}

func (c *clearText) readHmac() { c.read(16) }

func (c *clearText) end() {
	need(len(c.rest) == 0, fmt.Sprintf("expected no octets more, found %d", len(c.rest)))
}

// parse reads a message that is all of the octets.
func parse(message string, text octets) object {
	from := &clearText{text}
	found := readMessage(from, message)
	from.end()
	return found
}

func inClear(message string) bool {
	return message == "Server-Greeting" || message == "Set-Up-Response" || message == "Server-Start"
}

func readMessage(from source, message string) object {
	layout, ok := messageLayouts[message]
	need(ok, "message: not known")
	found := layout.unpack(from.read(layout.size))
	switch message {
	case "Request-Session":
		from.readHmac()
		found["slots"] = slotLayout.unpackAll(from.read(16 * found.number("numberOfSlots")))
		delete(found, "numberOfSlots")
	case "Stop-Sessions (OWAMP)":
		sessions := []object{}
		for len(sessions) < found.number("numberOfSessions") {
			sessions = append(sessions, readSession(from))
		}
		found["sessions"] = sessions
		delete(found, "numberOfSessions")
	}
	if found["ipvn"] != nil {
		normalize(found)
	}
	if message == "Fetch-Ack" {
		checkFetchAck(found)
	}
	if !inClear(message) {
		from.readHmac()
	}
	return found
}

// normalize has a request say nothing that its reader ignores (RFC 4656 §3.5).
func normalize(request object) {
	request["ipvn"] = request.number("ipvn") & 15 // the other half is MBZ
	for _, name := range []string{"confSender", "confReceiver"} {
		if request.number(name) != 0 {
			request[name] = 1
		}
	}
	for _, name := range []string{"senderAddress", "receiverAddress"} {
		if request.number("ipvn") == 4 {
			request[name] = join(request.octets(name)[:4], noIV[4:])
		}
	}
}

// checkFetchAck has a refusal say nothing else; not finished, it has no numbers (RFC 4656 §3.9).
func checkFetchAck(ack object) {
	counts := []string{"finished", "nextSeqno", "numberOfSkipRanges", "numberOfRecords"}
	for _, name := range counts {
		if ack.number("accept") != 0 {
			ack[name] = 0
		}
	}
	unfinished := ack.number("finished") == 0
	numbers := ack.number("nextSeqno") != 0 || ack.number("numberOfSkipRanges") != 0
	need(!unfinished || !numbers, "Fetch-Ack: not finished, with numbers")
}

func toBlocks(size int) int        { return (size + 15) / 16 * 16 }
func padded(records octets) octets { return join(records, noIV)[:toBlocks(len(records))] }

func readSession(from source) object {
	head := from.read(toBlocks(sessionLayout.size))
	session := sessionLayout.unpack(head[:sessionLayout.size])
	end := sessionLayout.size + rangeLayout.size*session.number("numberOfSkipRanges")
	whole := join(head, from.read(toBlocks(end)-len(head)))
	session["skipRanges"] = skipRanges(whole[sessionLayout.size:end])
	delete(session, "numberOfSkipRanges")
	return session
}

func skipRanges(text octets) []object { // in order and disjoint (RFC 4656 §3.8)
	ranges, floor := rangeLayout.unpackAll(text), 0
	for _, skipped := range ranges {
		first, last := skipped.number("first"), skipped.number("last")
		need(floor <= first && first <= last, "Skip Ranges: expected ascending, disjoint ranges")
		floor = last + 1
	}
	return ranges
}

// readFetchData reads what follows a Fetch-Ack that accepts (RFC 4656 §3.9).
func readFetchData(from source, ack object) object {
	request := readMessage(from, "Request-Session")
	list := func(size int) octets {
		text := from.read(toBlocks(size))
		from.readHmac()
		return text[:size]
	}
	skipped := skipRanges(list(rangeLayout.size * ack.number("numberOfSkipRanges")))
	records := recordLayout.unpackAll(list(recordLayout.size * ack.number("numberOfRecords")))
	return object{"request": request, "skipRanges": skipped, "records": records}
}

// parts builds a message. An HMAC follows each part, unless the message is in clear.
func parts(message string, v object) []octets {
	switch message {
	case fetchData:
		ranges := rangeLayout.packAll(get[[]object](v, "skipRanges"))
		records := recordLayout.packAll(get[[]object](v, "records"))
		request := parts("Request-Session", get[object](v, "request"))
		return append(request, padded(ranges), padded(records))
	case "Request-Session":
		slots := get[[]object](v, "slots")
		head := messageLayouts[message].pack(v.with(object{"numberOfSlots": len(slots)}))
		return []octets{head, slotLayout.packAll(slots)}
	case "Stop-Sessions (OWAMP)":
		sessions := get[[]object](v, "sessions")
		text := messageLayouts[message].pack(v.with(object{"numberOfSessions": len(sessions)}))
		for _, session := range sessions {
			ranges := get[[]object](session, "skipRanges")
			head := sessionLayout.pack(session.with(object{"numberOfSkipRanges": len(ranges)}))
			text = join(text, padded(join(head, rangeLayout.packAll(ranges))))
		}
		return []octets{text}
	}
	return []octets{messageLayouts[message].pack(v)}
}

func parsed(message string, fields object) object {
	sent := fields
	if message == "Request-TW-Session" { // RFC 5357 §3.5
		sent = fields.with(object{"confSender": 0, "confReceiver": 0, "numberOfSlots": 0,
			"numberOfPackets": 0, "sid": noIV})
	}
	canonical := octets{}
	for _, part := range parts(message, sent) {
		canonical = join(canonical, part)
		if !inClear(message) {
			canonical = join(canonical, noIV)
		}
	}
	return object{"fields": fields, "canonical": canonical}
}

var messageTypes = types{
	"MessageParse": func(v object) object {
		return parsed(v.text("message"), parse(v.text("message"), v.octets("octets")))
	},
	"LostPacketRecord": func(v object) object { // Multiplier 1, Scale 64, which has six bits
		estimate := int(binary.BigEndian.Uint16(v.sized("receiveErrorEstimate", 2)))
		return object{"record": recordLayout.pack(v.with(object{
			"sendErrorEstimate": 1, "receiveErrorEstimate": estimate,
			"receiveTimestamp": make(octets, 8), "ttl": ttl,
		}))}
	},
	"FetchDataParse": func(v object) object {
		from := &clearText{v.octets("octets")}
		fields := readFetchData(from, parse("Fetch-Ack", v.octets("fetchAck")))
		from.end()
		return parsed(fetchData, fields)
	},
}

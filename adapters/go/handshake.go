// SPDX-License-Identifier: Apache-2.0
package main

import (
	"bytes"
	"encoding/binary"
)

const (
	ttl      = 255
	onTheWay = 1 << 24 // 2^-8 seconds: how long a test packet takes, and then its answer
)

var unsynchronized = octets{0, 1} // Error Estimate with Multiplier 1

// later is a timestamp with so many 2^-32 seconds added.
func later(timestamp octets, by uint64) octets {
	return binary.BigEndian.AppendUint64(nil, binary.BigEndian.Uint64(timestamp)+by)
}

// credentials are a shared secret and its KeyID; without a KeyID there are none.
type credentials struct {
	secret, keyID octets
	ikev2         bool
}

func byPassphrase(protocol string, record object) credentials {
	return credentials{passphraseOf(protocol, record), encodeKeyID(record.text("name")), false}
}

func (v object) byIkeSa() credentials {
	return credentials{v.secretFromSkD(v.octets("skD")), v.keyIDFromSpis(), true}
}

// byIkeSas are the IKE SAs whose secret is given.
func (v object) byIkeSas() (all []credentials) {
	for _, sa := range v.objects("ikeSas") {
		all = append(all, credentials{sa.octets("sharedSecretKey"), sa.keyIDFromSpis(), true})
	}
	return all
}

func (v object) clientWith(c credentials) *client {
	protocol, mode := v.text("protocol"), modeBit(v.text("security"))
	if c.ikev2 {
		mode |= ikev2Derived[protocol]
	}
	return newClient(protocol, mode, c.secret, c.keyID, v)
}

// serverWith knows some secrets. Of an IKE SA only the SPIs count in KeyID (RFC 7717 §5.3).
func (v object) serverWith(known ...credentials) *server {
	s := &server{v: v.with(object{"modes": v["offeredModes"]})}
	s.protocol = v.text("protocol")
	s.secretOf = func(keyID octets, ikev2 bool) (octets, bool) {
		size := 80
		if ikev2 {
			size = 16
		}
		for _, c := range known {
			if c.keyID != nil && ikev2 == c.ikev2 && bytes.Equal(keyID[:size], c.keyID[:size]) {
				return c.secret, true
			}
		}
		return nil, false
	}
	sids, answers := v.allOctets("sids"), v.objects("policy")
	s.nextSid = func() (sid octets) {
		need(len(sids) > 0 && len(sids[0]) == 16, "sids: expected 16 octets more")
		sid, sids = sids[0], sids[1:]
		return sid
	}
	s.policy = func() (accept, port int) {
		need(len(answers) > 0, "policy: expected one more")
		answer := answers[0]
		answers = answers[1:]
		return answer.number("accept"), answer.number("port")
	}
	return s
}

// run is a whole conversation of a client and a server.
type run struct {
	v          object
	client     *client
	server     *server
	transcript []object
	sessions   []session
	packets    [][]octets // of each session
}

// say carries what one end sends to the other.
func (r *run) say(sender, message string) {
	from, to := &r.client.endpoint, &r.server.endpoint
	if sender == "server" {
		from, to = to, from
	}
	plaintext, wire := from.taken()
	r.transcript = append(r.transcript, object{
		"sender": sender, "message": message, "plaintext": plaintext, "octets": wire,
	})
	to.receive(wire)
	need(to.state != closed, string(to.why))
}

func (r *run) ask(command string, fields object, answer string) {
	r.client.ask(command, fields)
	r.say("client", command)
	r.say("server", answer)
}

// packetKeys are what the packets of a session are sealed with.
func (s session) packetKeys() object {
	keys := object{"mode": s.mode, "t3": s.t3, "t4": s.t4}
	if s.mode == "unauthenticated" {
		keys["t3"], keys["t4"] = make(octets, 16), make(octets, 32)
	}
	return keys
}

// exchange gives the test packets of a session.
func (r *run) exchange(s session) (packets []octets) {
	times, padding := r.v.allOctets("sendTimes"), r.v.number("padding")
	need(0 <= padding && padding < 1<<16, "padding: out of range")
	need(len(times)*(padding+14) <= 1<<19, "sendTimes: more than an answer can have")
	common := s.packetKeys().with(object{"errorEstimate": unsynchronized, "ttl": ttl})
	for number, sent := range times {
		need(len(sent) == 8, "sendTimes: expected 8 octets")
		own := common.with(object{"sequenceNumber": number, "padding": make(octets, padding)})
		own["timestamp"] = sent
		packet := own.packetSeal("Sender").octets("packet")
		packets = append(packets, packet)
		if r.v.text("protocol") == "OWAMP" {
			continue
		}
		own["packet"], own["receiveTimestamp"] = packet, later(sent, onTheWay)
		own["timestamp"] = later(sent, 2*onTheWay)
		answer := own.reflect()
		common.with(object{"packet": answer}).packetOpen("Reflector")
		packets = append(packets, answer)
	}
	return packets
}

// fetch answers Fetch-Session: every packet came.
func (r *run) fetch(sid octets) (ack, data object) {
	records, index := []object{}, 0
	for !bytes.Equal(r.sessions[index].sid, sid) {
		index++
		need(index < len(r.sessions), "Fetch-Session: another SID")
	}
	fetched := r.sessions[index]
	for _, packet := range r.packets[index] {
		found := fetched.packetKeys().with(object{"packet": packet}).packetOpen("Sender")
		sent := found.octets("timestamp")
		estimate := int(binary.BigEndian.Uint16(found.octets("errorEstimate")))
		records = append(records, object{
			"seqNumber": found["sequenceNumber"], "ttl": ttl,
			"sendTimestamp": sent, "receiveTimestamp": later(sent, onTheWay),
			"sendErrorEstimate": estimate, "receiveErrorEstimate": estimate,
		})
	}
	ack = object{"accept": 0, "finished": 1, "nextSeqno": len(records),
		"numberOfSkipRanges": 0, "numberOfRecords": len(records)}
	request := fetched.request.with(object{"sid": sid, "receiverPort": fetched.port})
	return ack, object{"request": request, "skipRanges": []object{}, "records": records}
}

func (v object) converse(c credentials) object {
	r := &run{v: v, client: v.clientWith(c), server: v.serverWith(c)}
	defer r.client.hangUp()
	r.server.fetch = r.fetch
	r.server.start()
	defer r.server.hangUp()
	r.say("server", "Server-Greeting")
	r.say("client", "Set-Up-Response")
	r.say("server", "Server-Start")
	protocol, sessions := v.text("protocol"), []object{}
	for _, text := range v.allOctets("requests") {
		command := requestNames[protocol]
		r.ask(command, parse(command, text), "Accept-Session")
	}
	r.ask("Start-Sessions", object{}, "Start-Ack")
	r.sessions = r.server.sessions
	for _, s := range r.sessions {
		packets := r.exchange(s)
		r.packets = append(r.packets, packets)
		sessions = append(sessions, object{"sid": s.sid, "t3": s.t3, "t4": s.t4, "packets": packets})
	}
	sent := len(v.allOctets("sendTimes"))
	r.client.sendStop("confReceiver", r.client.stop("confReceiver", sent))
	r.say("client", "Stop-Sessions")
	if protocol == "OWAMP" {
		r.server.sendStop("confSender", r.server.stop("confSender", sent))
		r.say("server", "Stop-Sessions")
		for _, s := range r.sessions {
			if s.request.number("confReceiver") != 0 {
				all := object{"beginSeq": 0, "endSeq": 1<<32 - 1, "sid": s.sid}
				r.ask("Fetch-Session", all, "Fetch-Ack and session data")
			}
		}
	}
	out := object{"transcript": r.transcript, "sessions": sessions,
		"keyId": v.unused(80), "sharedSecret": octets{}, "tokenKey": octets{}}
	if c.keyID != nil {
		tokenKey := v.tokenKey(c.secret)
		out = out.with(object{"keyId": c.keyID, "sharedSecret": c.secret, "tokenKey": tokenKey})
	}
	return out
}

var handshakeTypes = types{
	"OpenHandshake": func(v object) object { return v.converse(credentials{}) },
	"PassphraseHandshake": func(v object) object {
		return v.converse(byPassphrase(v.text("protocol"), v))
	},
	"Ikev2Handshake": func(v object) object { return v.converse(v.byIkeSa()) },
}

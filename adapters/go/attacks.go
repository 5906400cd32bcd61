// SPDX-License-Identifier: Apache-2.0
package main

import "bytes"

const offered = 7 // Modes of the server

var synchronized = octets{0x80, 1} // Error Estimate with Multiplier 1

// twServer has one shared secret, and one SID for every session.
func (v object) twServer(keyID octets) *server {
	s := &server{endpoint: endpoint{protocol: "TWAMP"}, v: v}
	s.secretOf = func(asked octets, _ bool) (octets, bool) {
		if bytes.Equal(asked, keyID) {
			return v.octets("sharedSecret"), true
		}
		return nil, false
	}
	s.nextSid = func() octets { return v.sized("sid", 16) }
	return s.start()
}

func (v object) twClient(keyID octets) *client {
	return newClient("TWAMP", v.number("mode"), v.octets("sharedSecret"), keyID, v)
}

// twRequest is Request-TW-Session from what is between its command number and its HMAC.
func twRequest(parameters octets) octets { return join(octets{5}, parameters) }

func parseRequest(parameters octets) object {
	return parse("Request-TW-Session", join(twRequest(parameters), noIV))
}

// give has an end receive octets, and gives what it answers; it must not close the connection.
func (e *endpoint) give(received octets) octets {
	e.receive(received)
	need(e.state != closed, string(e.why))
	_, wire := e.taken()
	return wire
}

// connect gives the messages of a connection with one session, and the session.
func (v object) connect() (out object, opened session) {
	keyID := encodeKeyID(v.text("keyName"))
	s := v.with(object{"modes": offered}).twServer(keyID)
	defer s.hangUp()
	c := v.twClient(keyID)
	defer c.hangUp()
	greeting := s.give(nil)
	response := c.give(greeting)
	start := s.give(response)
	c.give(start)
	c.ask("Request-TW-Session", parseRequest(v.octets("parameters")))
	request := c.give(nil)
	answer := s.give(request)
	c.give(answer)
	need(len(c.sessions) == 1, "Accept-Session: not 0")
	opened = c.sessions[0]
	return object{
		"serverGreeting": greeting, "setUpResponse": response, "serverStart": start,
		"requestSession": request, "acceptSession": answer, "t3": opened.t3, "t4": opened.t4,
	}, opened
}

// sealSender is the sender's packet of a case, under the keys of a session.
func (v object) sealSender(keys object) octets {
	more := object{"errorEstimate": synchronized, "padding": octets{}}
	return v.with(keys).with(more).packetSeal("Sender").octets("packet")
}

func (v object) sessionRun() object {
	out, opened := v.connect()
	keys := opened.packetKeys()
	packet := v.sealSender(keys)
	answer := keys.with(object{
		"sequenceNumber": 0, "timestamp": v["reflectorTimestamp"], "errorEstimate": synchronized,
		"receiveTimestamp": v["receiveTimestamp"], "packet": packet, "ttl": ttl,
	}).reflect()
	returned := keys.with(object{"packet": answer}).packetOpen("Reflector")
	return out.with(object{"senderPacket": packet, "reflectorPacket": answer,
		"returnedSequenceNumber": returned["senderSequenceNumber"]})
}

func (v object) controlKeysFromLostTestKeys() object {
	out, opened := v.connect()
	t1, t2 := controlKeys(v.sized("sid", 16), opened.t3, opened.t4)
	text := cbc(t1, v.octets("clientIv"), out.octets("requestSession"), true)
	return out.with(object{"recoveredT1": t1, "recoveredT2": t2, "decryptedRequest": text})
}

// tokenForged puts a Token together from the first blocks of those with which clients answer chosen
// Challenges: E(challenge), E of that, and so on, which decrypts to zero keys.
func (v object) tokenForged() object {
	keyID := encodeKeyID(v.text("keyName"))
	v = v.with(object{"modes": offered})
	s := v.twServer(keyID)
	defer s.hangUp()
	greeting := s.give(nil)
	token, chosen, answers := octets{}, []octets{}, []octets{}
	next, t2s := v.octets("challenge"), v.allOctets("clientT2")
	for index, t1 := range v.allOctets("clientT1") {
		need(index < len(t2s), "clientT2: too few")
		c := v.with(object{"t1": t1, "t2": t2s[index]}).twClient(keyID)
		defer c.hangUp()
		response := c.give(parts("Server-Greeting", v.with(object{"challenge": next}))[0])
		answer := parse("Set-Up-Response", response).octets("token")
		chosen, answers = append(chosen, next), append(answers, answer)
		next = answer[:16]
		token = join(token, next)
	}
	forged := v.with(object{"keyId": keyID, "token": token})
	keys, ok := forged.open(v.octets("sharedSecret"))
	need(ok, "Token: another Challenge")
	response := parts("Set-Up-Response", forged)[0]
	start := s.give(response)
	adversary := sending(keys.octets("t1"), keys.octets("t2"), v.octets("clientIv"))
	request := adversary.write(twRequest(v.octets("parameters")))
	_, tag := adversary.writeHmac()
	request = join(request, tag)
	answer := s.give(request)
	need(len(s.sessions) == 1, "Accept-Session: not 0")
	return object{
		"serverGreeting": greeting, "chosenChallenges": chosen, "clientTokens": answers,
		"token": token, "t1": keys["t1"], "t2": keys["t2"], "setUpResponse": response,
		"serverStart": start, "accept": start[15], "requestSession": request,
		"acceptSession": answer, "t3": s.sessions[0].t3, "t4": s.sessions[0].t4,
	}
}

// ownPacketToSender puts the protected part and the HMAC of a sender's packet into a reflector's.
func (v object) ownPacketToSender() object {
	t3, t4 := testKeys(v.sized("sid", 16), v.sized("t1", 16), v.sized("t2", 32))
	keys := object{"t3": t3, "t4": t4, "mode": v["testMode"]}
	packet := v.sealSender(keys)
	need(len(packet) == 48, "testMode: not a protected one")
	claimed := v.with(keys).with(object{
		"mode": "authenticated", "timestamp": v["reflectorTimestamp"], "senderTtl": ttl,
		"errorEstimate": synchronized, "senderErrorEstimate": synchronized, "padding": octets{},
	}).packetSeal("Reflector").octets("packet")
	size := 32 // what of the sender's packet is encrypted
	if v.text("testMode") == "authenticated" {
		size = 16
	}
	reflected := join(packet[:size], claimed[size:96], packet[32:])
	found := keys.with(object{"packet": reflected}).packetOpen("Reflector")
	neverSent := found.number("senderSequenceNumber") > v.number("sequenceNumber")
	need(!neverSent, "Sender Sequence Number: never sent")
	return object{"t3": t3, "t4": t4, "senderPacket": packet, "reflectedPacket": reflected,
		"acceptedSequenceNumber": found["sequenceNumber"]}
}

func (v object) packetToOtherSession() object {
	t1, t2 := v.sized("t1", 16), v.sized("t2", 32)
	keysOf := func(sid octets) object {
		t3, t4 := testKeys(sid, t1, t2)
		if v.text("keys") == "shared" {
			t3, t4 = t1, t2
		}
		return object{"t3": t3, "t4": t4, "mode": v["testMode"]}
	}
	sender, receiver := keysOf(v.sized("senderSid", 16)), keysOf(v.sized("receiverSid", 16))
	packet := v.sealSender(sender)
	received := packet
	if v.text("testMode") == "authenticated" { // the Timestamp is in clear
		received = join(packet[:16], v.sized("receivedTimestamp", 8), packet[24:])
	}
	found := receiver.with(object{"packet": received}).packetOpen("Sender")
	return object{
		"senderT3": sender["t3"], "senderT4": sender["t4"], "senderPacket": packet,
		"receiverT3": receiver["t3"], "receiverT4": receiver["t4"], "receivedPacket": received,
		"acceptedSequenceNumber": found["sequenceNumber"],
	}
}

var attackTypes = types{
	"SessionRun":                  object.sessionRun,
	"ControlKeysFromLostTestKeys": object.controlKeysFromLostTestKeys,
	"TokenForged":                 object.tokenForged,
	"OwnPacketToSender":           object.ownPacketToSender,
	"PacketToOtherSession":        object.packetToOtherSession,
}

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
	s.policy = func() (accept, port int) { return 0, v.number("port") }
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

// twEnds are the client and the server of a case.
func (v object) twEnds() (*client, *server) {
	keyID := encodeKeyID(v.text("keyName"))
	return v.twClient(keyID), object{"modes": offered}.with(v).twServer(keyID)
}

// connect gives the messages of a connection with one session, and the client's session. With
// changedMode, Mode is changed on the way: it is in the first four octets of the client's answer.
func (v object) connect(c *client, s *server) (out object, opened session) {
	out = object{}
	greeting := s.give(nil)
	response := c.give(greeting)
	taken := response
	if v["changedMode"] != nil {
		taken = join(integer(v.number("changedMode"), 4), response[4:])
		out["changedSetUpResponse"] = taken
	}
	start := s.give(taken)
	c.give(start)
	c.ask("Request-TW-Session", parseRequest(v.octets("parameters")))
	request := c.give(nil)
	answer := s.give(request)
	c.give(answer)
	need(len(c.sessions) == 1, "Accept-Session: not 0")
	opened = c.sessions[0]
	return out.with(object{
		"serverGreeting": greeting, "setUpResponse": response, "serverStart": start,
		"requestSession": request, "acceptSession": answer, "t3": opened.t3, "t4": opened.t4,
	}), opened
}

// sealSender is the sender's packet of a case, under the keys of a session.
func (v object) sealSender(keys object) octets {
	more := object{"errorEstimate": synchronized, "padding": octets{}}
	return v.with(keys).with(more).packetSeal("Sender").octets("packet")
}

// reflectSender is the reflector's answer to a packet of a case.
func (v object) reflectSender(keys object, packet octets) octets {
	return keys.with(object{
		"sequenceNumber": 0, "timestamp": v["reflectorTimestamp"], "errorEstimate": synchronized,
		"receiveTimestamp": v["receiveTimestamp"], "packet": packet, "ttl": ttl,
	}).reflect()
}

func (v object) sessionRun() object {
	c, s := v.twEnds()
	defer c.hangUp()
	defer s.hangUp()
	out, opened := v.connect(c, s)
	keys := opened.packetKeys()
	packet := v.sealSender(keys)
	answer := v.reflectSender(keys, packet)
	returned := keys.with(object{"packet": answer}).packetOpen("Reflector")
	return out.with(object{"senderPacket": packet, "reflectorPacket": answer,
		"returnedSequenceNumber": returned["senderSequenceNumber"]})
}

// tokenForged puts a Token together from the first blocks of those with which clients answer chosen
// Challenges. Each such block decrypts to its Challenge, so the next Challenge is that block XOR
// what is to come out.
func (v object) tokenForged() object {
	wanted := join(v.sized("wantedT1", 16), v.sized("wantedT2", 32))
	t1s, t2s := v.allOctets("clientT1"), v.allOctets("clientT2")
	need(len(t1s) == 4 && len(t2s) == 4, "clientT1, clientT2: expected those of 4 clients")
	token, chosen, answers := octets{}, []octets{}, []octets{}
	for n, next := 0, v.sized("challenge", 16); n < 4; n++ {
		client := v.with(object{"challenge": next, "t1": t1s[n], "t2": t2s[n]})
		answer := client.seal(v.octets("sharedSecret")).octets("token")
		chosen, answers = append(chosen, next), append(answers, answer)
		token = join(token, answer[:16])
		if n < 3 {
			next = xor(answer, wanted[16*n:])
		}
	}
	keys, ok := v.with(object{"token": token}).open(v.octets("sharedSecret"))
	need(ok, "Token: another Challenge")
	return object{
		"tokenKey": keys["tokenKey"], "chosenChallenges": chosen, "clientTokens": answers,
		"token": token, "serverT1": keys["t1"], "serverT2": keys["t2"],
	}
}

// forgedTokenAccepted has a server meet who knows t1 and t2 of a Token, and no shared secret.
func (v object) forgedTokenAccepted() object {
	keyID := encodeKeyID(v.text("keyName"))
	s := v.with(object{"modes": offered}).twServer(keyID)
	defer s.hangUp()
	greeting := s.give(nil)
	response := parts("Set-Up-Response", v.with(object{"keyId": keyID}))[0]
	start := s.give(response)
	adversary := sending(v.sized("t1", 16), v.sized("t2", 32), v.octets("clientIv"))
	request := adversary.write(twRequest(v.octets("parameters")))
	_, tag := adversary.writeHmac()
	request = join(request, tag)
	answer := s.give(request)
	need(len(s.sessions) == 1, "Accept-Session: not 0")
	return object{
		"serverGreeting": greeting, "setUpResponse": response, "serverStart": start,
		"accept": start[15], "requestSession": request, "acceptSession": answer,
		"t3": s.sessions[0].t3, "t4": s.sessions[0].t4,
	}
}

// modeChanged has the reflector get a packet in clear, from anybody, if that is its mode.
func (v object) modeChanged() object {
	c, s := v.twEnds()
	defer c.hangUp()
	defer s.hangUp()
	out, opened := v.connect(c, s)
	c.ask("Start-Sessions", object{})
	begin := c.give(nil)
	ack := s.give(begin)
	c.give(ack)
	atServer, source := s.sessions[0], opened
	if atServer.mode == "unauthenticated" {
		source = atServer
	}
	packet := v.sealSender(source.packetKeys())
	return out.with(object{"startSessions": begin, "startAck": ack, "senderPacket": packet,
		"reflectorPacket": v.reflectSender(atServer.packetKeys(), packet)})
}

func (v object) controlKeysFromLostTestKeys() object {
	t1, t2 := controlKeys(v.sized("sid", 16), v.sized("t3", 16), v.sized("t4", 32))
	text := cbc(t1, v.sized("clientIv", 16), v.sized("requestSession", 112), true)
	return object{"recoveredT1": t1, "recoveredT2": t2, "decryptedRequest": text}
}

// testSession is what the packets of a session are sealed with; shared keys are of no RFC.
func (v object) testSession() object {
	t1, t2 := v.sized("t1", 16), v.sized("t2", 32)
	t3, t4 := testKeys(v.sized("sid", 16), t1, t2)
	if v.text("keys") == "shared" {
		t3, t4 = t1, t2
	}
	return object{"t3": t3, "t4": t4, "mode": v["testMode"]}
}

func (v object) packetOfSession() object {
	keys := v.testSession()
	return keys.with(object{"senderPacket": v.sealSender(keys)})
}

func (v object) packetTaken() object {
	kind := "Sender"
	if v.text("role") == "Session-Sender" {
		kind = "Reflector"
	}
	found := v.testSession().with(object{"packet": v["receivedPacket"]}).packetOpen(kind)
	wasSent := kind == "Sender" || found.number("senderSequenceNumber") < v.number("sent")
	need(wasSent, "Sender Sequence Number: never sent")
	return object{"acceptedSequenceNumber": found["sequenceNumber"]}
}

var attackTypes = types{
	"SessionRun":                  object.sessionRun,
	"TokenForged":                 object.tokenForged,
	"ForgedTokenAccepted":         object.forgedTokenAccepted,
	"ModeChanged":                 object.modeChanged,
	"ControlKeysFromLostTestKeys": object.controlKeysFromLostTestKeys,
	"PacketOfSession":             object.packetOfSession,
	"PacketTaken":                 object.packetTaken,
}

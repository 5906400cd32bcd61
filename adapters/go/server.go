// SPDX-License-Identifier: Apache-2.0
package main

import (
	"bytes"
	"encoding/binary"
)

var refusedFetch = object{"accept": 1, "finished": 0, "nextSeqno": 0,
	"numberOfSkipRanges": 0, "numberOfRecords": 0}

// server is a Server. v has modes, challenge, salt, count, serverIv, startTime.
type server struct {
	endpoint
	v         object
	secretOf  func(keyID octets, ikev2 bool) (secret octets, known bool)
	nextSid   func() octets
	policy    func() (accept, port int)              // for the next request that may be granted
	receivers []octets                               // the addresses to which packets may go; none: all
	fetch     func(sid octets) (ack, session object) // no session: the ack refuses
	sids      map[string]bool                        // that the connection has had
}

func (s *server) start() *server {
	s.sids = map[string]bool{string(noIV): true} // zeros are no SID
	s.converse(s.v, func() {
		s.send("Server-Greeting", s.v)
		response := readMessage(s, "Set-Up-Response")
		if response.number("mode")&securityBits[s.protocol] == 0 {
			return // the client declines
		}
		s.authenticate(response)
		for {
			s.obey()
		}
	})
	return s
}

func (s *server) refuse(accept int, why string) {
	s.send("Server-Start", object{"accept": accept, "serverIv": s.v.unused(16), "startTime": noIV[:8]})
	panic(refused(why))
}

func (s *server) authenticate(response object) {
	mode := response.number("mode")
	security, ikev2, problem := checkMode(s.protocol, s.v.number("modes"), mode)
	if problem != "" {
		s.refuse(3, problem)
	}
	s.security = security
	iv, keys := s.v.unused(16), object{}
	if s.isProtected() {
		secret, known := s.secretOf(response.octets("keyId"), ikev2)
		if ikev2 && !known {
			s.refuse(6, "KeyID: no such IKE SA")
		}
		// An unknown KeyID costs the same work, and gets the same answer, as a wrong passphrase.
		opened, ok := s.v.with(object{"token": response["token"]}).open(secret)
		if !known || !ok {
			s.refuse(1, "Token: another Challenge")
		}
		iv, keys = s.v.sized("serverIv", 16), opened
	}
	start := object{"accept": 0, "serverIv": iv, "startTime": s.v["startTime"]}
	text := parts("Server-Start", start)[0]
	s.write(text[:32])
	if s.isProtected() {
		s.protect(keys.octets("t1"), keys.octets("t2"), iv, response.octets("clientIv"))
	}
	s.write(text[32:])
	s.state, s.held = ready, 0
}

func (s *server) obey() {
	command := s.peek(16)[0]
	name := commands[s.protocol][command]
	switch {
	case name == "":
		need(s.protocol == "TWAMP", "Command Number: not one of OWAMP")
		s.read(16)
		s.readHmac()
		s.refuseRequest(3)
		panic(refused("Command Number: not one of TWAMP")) // nobody knows how long it is
	case command == 2:
		readMessage(s, name)
		accept := 1
		if s.state == ready && len(s.sessions) > 0 {
			accept, s.state = 0, testing
		}
		s.send("Start-Ack", object{"accept": accept})
	case command == 3:
		s.readStop("confReceiver")
	case command == 4:
		ack, data := refusedFetch, object(nil)
		if sid := readMessage(s, name).octets("sid"); s.state == ready {
			ack, data = s.fetch(sid)
		}
		s.send("Fetch-Ack", ack)
		if data != nil {
			s.send(fetchData, data)
		}
	default:
		s.grant(readMessage(s, name))
	}
}

func (s *server) answerRequest(accept, port int, sid octets) {
	s.send("Accept-Session", object{"accept": accept, "port": port, "sid": sid})
}

func (s *server) unusedPort() int { return int(binary.BigEndian.Uint16(s.v.unused(2))) }

func (s *server) refuseRequest(accept int) {
	port := 0 // RFC 5357 §3.5
	if s.protocol == "OWAMP" {
		port = s.unusedPort()
	}
	s.answerRequest(accept, port, s.v.unused(16))
}

// mayReceive says whether packets may go to the receiver of a request (RFC 4656 §6.2).
func (s *server) mayReceive(request object) bool {
	address, size := request.octets("receiverAddress"), 16
	if request.number("ipvn") == 4 {
		size = 4
	}
	for _, known := range s.receivers {
		if bytes.Equal(known, address[:size]) {
			return true
		}
	}
	isEnd := s.protocol == "TWAMP" && bytes.Equal(address[:size], noIV[:size]) // RFC 5357 §3.5
	return len(s.receivers) == 0 || isEnd
}

func (s *server) newSid() octets {
	for tries := 0; tries < 8; tries++ {
		if sid := s.nextSid(); !s.sids[string(sid)] {
			return sid
		}
	}
	panic(refused("SID: none that is new"))
}

func (s *server) grant(request object) {
	sends, receives := request.number("confSender") != 0, request.number("confReceiver") != 0
	named := sends && !receives // the client receives, and so has made the SID
	sid := request.octets("sid")
	switch {
	case s.state == testing:
		s.refuseRequest(1)
		return
	case problemOf(s.protocol, request) != "", !s.mayReceive(request), named && s.sids[string(sid)]:
		s.refuseRequest(3)
		return
	}
	accept, port := s.policy()
	if accept != 0 {
		s.refuseRequest(accept)
		return
	}
	if sends && receives {
		port = s.unusedPort() // both ends are the server's
	}
	answered := s.v.unused(16)
	if !named {
		sid = s.newSid()
		answered = sid
	}
	s.sids[string(sid)] = true
	s.answerRequest(0, port, answered)
	s.accept(request, sid, port)
}

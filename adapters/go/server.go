// SPDX-License-Identifier: Apache-2.0
package main

// server is a Server. v has modes, challenge, salt, count, serverIv, startTime, and the port that
// it accepts; without one it accepts the port that is asked for.
type server struct {
	endpoint
	v         object
	secretOf  func(keyID octets, ikev2 bool) (secret octets, known bool)
	nextSid   func() octets
	nextSeqno int                                    // in its Stop-Sessions, for each session
	fetch     func(sid octets) (ack, session object) // no session: the ack refuses
}

func (s *server) start() *server {
	s.converse(func() {
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
	s.send("Server-Start", object{"accept": accept, "serverIv": noIV, "startTime": noIV[:8]})
	panic(refused(why))
}

func (s *server) authenticate(response object) {
	mode := response.number("mode")
	security, ikev2, problem := checkMode(s.protocol, s.v.number("modes"), mode)
	if problem != "" {
		s.refuse(3, problem)
	}
	s.security = security
	iv, keys := noIV, object{}
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
	s.state = ready
}

func (s *server) obey() {
	command := s.peek(16)[0]
	name := commands[s.protocol][command]
	need(s.state != testing || command == 3, "Command Number: expected 3 while testing")
	switch {
	case name == "":
		need(s.protocol == "TWAMP", "Command Number: not one of OWAMP")
		s.answerRequest(3, 0, noIV)
		panic(refused("Command Number: not one of TWAMP")) // nobody knows how long it is
	case command == 2:
		readMessage(s, name)
		accept := 1
		if len(s.sessions) > 0 {
			accept, s.state = 0, testing
		}
		s.send("Start-Ack", object{"accept": accept})
	case command == 3:
		s.readStop("confReceiver")
		if s.protocol == "OWAMP" {
			s.sendStop("confSender", s.nextSeqno)
		}
	case command == 4:
		ack, data := s.fetch(readMessage(s, name).octets("sid"))
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

func (s *server) grant(request object) {
	if problemOf(s.protocol, request) != "" {
		s.answerRequest(3, 0, noIV)
		return
	}
	sends, receives := request.number("confSender") != 0, request.number("confReceiver") != 0
	port := request.number("receiverPort")
	if sends {
		port = request.number("senderPort")
	}
	if s.v["port"] != nil {
		port = s.v.number("port")
	}
	if sends && !receives { // the client receives, and so has made the SID
		s.answerRequest(0, port, noIV)
		s.accept(request, request.octets("sid"), port)
		return
	}
	sid := s.nextSid()
	s.answerRequest(0, port, sid)
	s.accept(request, sid, port)
}

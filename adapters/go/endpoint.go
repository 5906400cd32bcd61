// SPDX-License-Identifier: Apache-2.0
package main

import "bytes"

const messageLimit = 1 << 20 // octets of text between two HMACs, unless a case says otherwise

var commands = map[string]map[byte]string{
	"OWAMP": {
		1: "Request-Session", 2: "Start-Sessions", 3: "Stop-Sessions (OWAMP)", 4: "Fetch-Session",
	},
	"TWAMP": {2: "Start-Sessions", 3: "Stop-Sessions (TWAMP)", 5: "Request-TW-Session"},
}

type state int

const (
	settingUp state = iota
	ready
	waiting // for the answer to a command
	testing
	closed
)

// session is a test session that was accepted; t3 and t4 are empty if its packets are open.
type session struct {
	request     object
	sid, t3, t4 octets
	port        int
	mode        string
}

// endpoint is one end of a control connection: octets in, octets out. Its conversation reads
// messages as from a file, in a goroutine that runs only while receive waits for it.
type endpoint struct {
	protocol, security string
	state              state
	why                refused // the connection was closed
	t1, t2             octets
	sessions           []session
	stopSent, stopRead bool

	plaintext, wire octets // to be sent
	in, out         *direction
	inbox, ahead    octets // received, and of that decrypted but not read
	held, limit     int    // octets since the last HMAC, and how many there may be
	pieces          chan octets
	hungry          chan struct{}
}

// unused is what fills a field that the RFCs call unused: octets that a case may give.
func (v object) unused(size int) octets {
	if v["unused"] == nil {
		return make(octets, size)
	}
	return bytes.Repeat(v.sized("unused", 1), size)
}

func (e *endpoint) converse(v object, conversation func()) {
	e.limit = messageLimit
	if v["messageLimit"] != nil {
		e.limit = v.number("messageLimit")
	}
	e.pieces, e.hungry = make(chan octets), make(chan struct{})
	go func() {
		defer close(e.hungry)
		defer func() {
			e.state = closed
			if problem := recover(); problem != nil {
				e.why = problem.(refused)
			}
		}()
		conversation()
	}()
	<-e.hungry
}

// receive lets the conversation go on until it needs more octets or is over.
func (e *endpoint) receive(piece octets) {
	if e.state != closed {
		e.pieces <- piece
		<-e.hungry
	}
}

// hangUp ends the conversation, if it is not over.
func (e *endpoint) hangUp() {
	if e.state != closed {
		close(e.pieces)
		<-e.hungry
	}
}

func (e *endpoint) next(size int) octets {
	for len(e.inbox) < size {
		e.hungry <- struct{}{}
		piece, ok := <-e.pieces
		need(ok, "connection: ended")
		e.inbox = append(e.inbox, piece...)
	}
	part := e.inbox[:size]
	e.inbox = e.inbox[size:]
	return part
}

// peek gives the next octets of text, and leaves them to be read.
func (e *endpoint) peek(size int) octets {
	if missing := size - len(e.ahead); missing > 0 {
		e.held += missing
		need(e.held <= e.limit, "message: too long")
		part := e.next(missing)
		if e.in != nil {
			part = e.in.read(part)
		}
		e.ahead = join(e.ahead, part)
	}
	return e.ahead[:size]
}

func (e *endpoint) read(size int) octets {
	text := e.peek(size)
	e.ahead = e.ahead[size:]
	return text
}

func (e *endpoint) readHmac() {
	wire := e.next(16)
	if e.in != nil {
		e.in.checkHmac(wire)
	}
	e.held = 0
}

func (e *endpoint) put(text, wire octets) {
	e.plaintext, e.wire = join(e.plaintext, text), join(e.wire, wire)
}

func (e *endpoint) write(text octets) {
	wire := text
	if e.out != nil {
		wire = e.out.write(text)
	}
	e.put(text, wire)
}

func (e *endpoint) send(message string, fields object) {
	for _, part := range parts(message, fields) {
		e.write(part)
		switch {
		case inClear(message):
		case e.out != nil:
			e.put(e.out.writeHmac())
		default:
			e.put(noIV, noIV)
		}
	}
}

// taken is what is to be sent: as plaintext, and on the wire.
func (e *endpoint) taken() (plaintext, wire octets) {
	plaintext, wire = e.plaintext, e.wire
	e.plaintext, e.wire = nil, nil
	return plaintext, wire
}

func (e *endpoint) protect(t1, t2, ownIV, peerIV octets) {
	e.t1, e.t2 = t1, t2
	e.out, e.in = sending(t1, t2, ownIV), receiving(t1, t2, peerIV)
}

func (e *endpoint) isProtected() bool { return e.security != "unauthenticated" }

func (e *endpoint) accept(request object, sid octets, port int) {
	opened := session{request: request, sid: sid, port: port, mode: "unauthenticated"}
	if e.isProtected() && e.security != "mixed" { // RFC 5618: mixed is open for test packets
		opened.mode = e.security
		opened.t3, opened.t4 = testKeys(sid, e.t1, e.t2)
	}
	e.sessions = append(e.sessions, opened)
}

// checkStop has Stop-Sessions account for its sender's sessions, in which sendsIn is set
// (RFC 4656 §3.8), or for all (RFC 5357 §3.8).
func (e *endpoint) checkStop(stop object, sendsIn string) {
	if e.protocol == "TWAMP" {
		need(stop.number("numberOfSessions") == len(e.sessions), "Number of Sessions: another")
		return
	}
	records, missing := get[[]object](stop, "sessions"), map[string]int{}
	for _, open := range e.sessions {
		if open.request.number(sendsIn) != 0 {
			missing[string(open.sid)]++
		}
	}
	for _, record := range records {
		sid := string(record.octets("sid"))
		need(missing[sid] > 0, "Stop-Sessions: a SID that is not its sender's")
		missing[sid]--
	}
	for _, count := range missing {
		need(count == 0, "Stop-Sessions: a session left out")
	}
}

// stop is Stop-Sessions with a record for each session in which sendsIn is set.
func (e *endpoint) stop(sendsIn string, nextSeqno int) object {
	records := []object{}
	for _, open := range e.sessions {
		if open.request.number(sendsIn) != 0 {
			record := object{"sid": open.sid, "nextSeqno": nextSeqno, "skipRanges": []object{}}
			records = append(records, record)
		}
	}
	return object{"accept": 0, "sessions": records, "numberOfSessions": len(e.sessions)}
}

func (e *endpoint) sendStop(sendsIn string, stop object) {
	need(e.state == testing && !e.stopSent, "Stop-Sessions: not now")
	e.checkStop(stop, sendsIn)
	e.send(commands[e.protocol][3], stop)
	e.stopSent = true
	e.endTest()
}

func (e *endpoint) readStop(sendsIn string) {
	stop := readMessage(e, commands[e.protocol][3])
	need(e.state == testing && !e.stopRead, "Stop-Sessions: not now")
	e.checkStop(stop, sendsIn)
	e.stopRead = true
	e.endTest()
}

// endTest ends the test after Stop-Sessions of the client, and in OWAMP that of the server.
func (e *endpoint) endTest() {
	if e.protocol == "TWAMP" || e.stopSent && e.stopRead {
		e.state, e.sessions, e.stopSent, e.stopRead = ready, nil, false, false
	}
}

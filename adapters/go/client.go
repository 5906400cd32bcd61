// SPDX-License-Identifier: Apache-2.0
package main

import "bytes"

// client is a Control-Client. v has what it draws: t1, t2, clientIv.
type client struct {
	endpoint
	mode          int
	secret, keyID octets
	v             object

	asked   string // the command to which it waits for the answer
	request object // its fields
}

func newClient(protocol string, mode int, secret, keyID octets, v object) *client {
	c := &client{mode: mode, secret: secret, keyID: keyID, v: v}
	c.protocol = protocol
	c.converse(v, func() {
		c.setUp()
		for {
			c.hear()
		}
	})
	return c
}

// ask sends a command.
func (c *client) ask(command string, fields object) {
	need(c.state == ready, "client: not ready")
	c.send(command, fields)
	c.asked, c.request, c.state = command, fields, waiting
}

func (c *client) maxCount() int {
	if c.v["maxCount"] != nil {
		return c.v.number("maxCount")
	}
	return 32768 // RFC 5357 §6
}

// say sends a command as its user words it, unless a client must not.
func (c *client) say(text octets) {
	need(c.state == ready || c.state == testing, "client: not ready")
	command := commands[c.protocol][text[0]]
	fields := parse(command, text)
	if text[0] == 3 {
		c.sendStop("confReceiver", fields)
		return
	}
	if command == requestNames[c.protocol] {
		need(problemOf(c.protocol, fields) == "", "request: not one that a server grants")
		allowed := parsed(command, fields).octets("canonical")
		need(bytes.Equal(allowed, text), "request: not one that a client may send")
	}
	c.ask(command, fields)
}

func (c *client) setUp() {
	greeting := readMessage(c, "Server-Greeting")
	need(greeting.number("modes") != 0, "Modes: no service")
	need(c.mode&^greeting.number("modes") == 0, "Modes: not the one that is wanted")
	security, _, problem := checkMode(c.protocol, greeting.number("modes"), c.mode)
	need(problem == "", problem)
	c.security = security
	keyID, token, iv := c.v.unused(80), c.v.unused(64), c.v.unused(16)
	if c.isProtected() {
		checkCount(greeting.number("count"), c.maxCount())
		keyID, token = c.keyID, c.v.with(greeting).seal(c.secret).octets("token")
		iv = c.v.sized("clientIv", 16)
	}
	c.send("Set-Up-Response", object{"mode": c.mode, "keyId": keyID, "token": token, "clientIv": iv})
	start := c.read(32) // Server-Start up to what is encrypted
	accept, serverIV := start[15], start[16:]
	if c.isProtected() && accept == 0 {
		c.protect(c.v.octets("t1"), c.v.octets("t2"), iv, serverIV)
	}
	c.read(16)
	need(accept == 0, "Accept: not 0")
	c.state = ready
}

func (c *client) hear() {
	c.peek(16)
	if c.state == testing && c.protocol == "OWAMP" {
		c.readStop("confSender")
		return
	}
	need(c.state == waiting, "a message that nobody asked for")
	c.state = c.readAnswer()
}

func (c *client) readAnswer() state {
	switch c.asked {
	case "Start-Sessions":
		need(readMessage(c, "Start-Ack").number("accept") == 0, "Start-Ack: not 0")
		return testing
	case "Fetch-Session":
		if ack := readMessage(c, "Fetch-Ack"); ack.number("accept") == 0 {
			readFetchData(c, ack)
		}
	default:
		answer := readMessage(c, "Accept-Session")
		sid := answer.octets("sid")
		if c.request.number("confSender") != 0 && c.request.number("confReceiver") == 0 {
			sid = c.request.octets("sid") // the client receives, and so has made the SID
		}
		if answer.number("accept") == 0 {
			c.accept(c.request, sid, answer.number("port"))
		}
	}
	return ready
}

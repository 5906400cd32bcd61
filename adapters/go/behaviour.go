// SPDX-License-Identifier: Apache-2.0
package main

// behaviour gives an end what is received, and what it sends: at first, then for each of that. then
// is what its user does after each.
func (v object) behaviour(e *endpoint, then func()) object {
	defer e.hangUp()
	_, wire := e.taken()
	sent, ending := []octets{wire}, "open"
	for _, piece := range v.allOctets("received") {
		e.receive(piece)
		then()
		_, wire := e.taken()
		sent = append(sent, wire)
	}
	if e.state == closed {
		ending = "closed"
	}
	return object{"sent": sent, "ending": ending}
}

func refuseFetch(octets) (ack, session object) {
	return object{"accept": 1, "finished": 0, "nextSeqno": 0,
		"numberOfSkipRanges": 0, "numberOfRecords": 0}, nil
}

var behaviourTypes = types{
	"ServerBehaviour": func(v object) object {
		c := credentials{secret: octets(v.text("passphrase")), ikev2: v.flag("ikev2")}
		if c.ikev2 {
			c.keyID = join(octetsOf(v["name"], "name"), make(octets, 64))
		} else {
			c.keyID = encodeKeyID(v.text("name"))
		}
		s := v.serverWith(c)
		s.fetch = refuseFetch
		return v.behaviour(&s.start().endpoint, func() {})
	},
	"ClientBehaviour": func(v object) object {
		c, commandsLeft := v.clientWith(v.byPassphrase()), v.allOctets("commands")
		return v.behaviour(&c.endpoint, func() {
			if c.state != ready || len(commandsLeft) == 0 {
				return
			}
			text := commandsLeft[0]
			commandsLeft = commandsLeft[1:]
			need(len(text) > 0 && text[0] != 3, "command: not for a client that is ready")
			command := commands[c.protocol][text[0]]
			c.ask(command, parse(command, text))
		})
	},
}

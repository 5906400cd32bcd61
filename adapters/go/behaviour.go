// SPDX-License-Identifier: Apache-2.0
package main

// behaviour lets an end receive, and say what it is told to: what it sends at first, then after each
// step. One that may not say something says nothing.
func (v object) behaviour(e *endpoint, say func(text octets)) object {
	defer e.hangUp()
	_, wire := e.taken()
	sent, ending := []octets{wire}, "open"
	for _, step := range v.objects("steps") {
		if step.text("do") == "receive" {
			e.receive(step.octets("octets"))
		} else {
			attempt(func() { say(step.octets("octets")) })
		}
		_, wire := e.taken()
		sent = append(sent, wire)
	}
	if e.state == closed {
		ending = "closed"
	}
	return object{"sent": sent, "ending": ending}
}

// attempt does something that may be refused.
func attempt(do func()) {
	defer func() {
		if problem := recover(); problem != nil {
			_ = problem.(refused)
		}
	}()
	do()
}

// allSecrets are the passphrases and IKE SAs of a case.
func (v object) allSecrets() (all []credentials) {
	for _, secret := range v.objects("secrets") {
		all = append(all, byPassphrase(v.text("protocol"), secret))
	}
	return append(all, v.byIkeSas()...)
}

var behaviourTypes = types{
	"ServerBehaviour": func(v object) object {
		s := v.serverWith(v.allSecrets()...)
		s.receivers = v.allOctets("receivers")
		s.fetch = func(octets) (ack, session object) { return refusedFetch, nil }
		return v.behaviour(&s.start().endpoint, func(text octets) {
			s.sendStop("confSender", parse("Stop-Sessions (OWAMP)", text))
		})
	},
	"ClientBehaviour": func(v object) object {
		known := append(v.byIkeSas(), byPassphrase(v.text("protocol"), v)) // an IKE SA's, if any
		c := v.clientWith(known[0])
		return v.behaviour(&c.endpoint, c.say)
	},
}

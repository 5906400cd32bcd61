// SPDX-License-Identifier: Apache-2.0
package main

const keymatSize = 72

// participant takes the steps of a trace: from what a step gives to its results.
type participant struct {
	step func(given object) object
	end  *endpoint // of a control connection, if it is one
}

// trace makes each participant at its first step, as that may need another's session.
type trace struct {
	makers  map[string]func() participant
	playing map[string]participant
	derive  func(v object) object // test keys by another KDF than RFC 4656's, if it is set
}

func (t *trace) participant(name string) participant {
	if _, ok := t.playing[name]; !ok {
		need(t.makers[name] != nil, "participant: not known")
		t.playing[name] = participant{} // a session that names itself finds no end
		t.playing[name] = t.makers[name]()
	}
	return t.playing[name]
}

// controlEnd steps an end of a control connection; ask sends a request, if it can.
func (t *trace) controlEnd(e *endpoint, ask func(request object)) participant {
	known := 0
	return participant{end: e, step: func(given object) object {
		sent := e.give(given.octets("received"))
		if parameters := given.octets("request"); len(parameters) > 0 {
			ask(parseRequest(parameters))
			sent = e.give(nil)
		}
		if len(e.sessions) == known {
			return object{"sent": sent}
		}
		opened := &e.sessions[known]
		if t.derive != nil {
			keys := t.derive(object{"t1": e.t1, "t2": e.t2, "sid": opened.sid})
			opened.t3, opened.t4 = keys.octets("t3"), keys.octets("t4")
		}
		known = len(e.sessions)
		return object{"sent": sent, "sid": opened.sid, "t3": opened.t3, "t4": opened.t4}
	}}
}

func (t *trace) serverEnd(v object) participant {
	return t.controlEnd(&v.twServer(v.sized("keyId", 80)).endpoint, func(object) {
		panic(refused("request: a server asks for nothing"))
	})
}

func (t *trace) clientEnd(v object) participant {
	c := v.twClient(v.sized("keyId", 80))
	return t.controlEnd(&c.endpoint, func(request object) { c.ask("Request-TW-Session", request) })
}

// sessionEnd is an end of a test session, with the keys of the client or server that set it up.
func (t *trace) sessionEnd(v object) participant {
	keys := object{"t3": v["t3"], "t4": v["t4"]}
	if name := v.text("session"); name != "" {
		end := t.participant(name).end
		need(end != nil && len(end.sessions) > 0, "session: not set up")
		keys = object{"t3": end.sessions[0].t3, "t4": end.sessions[0].t4}
	}
	own := keys.with(object{"mode": v["testMode"], "errorEstimate": synchronized, "ttl": ttl,
		"padding": octets{}})
	next := v.number("firstSequenceNumber")
	return participant{step: func(given object) object {
		packet := given.octets("received")
		values := own.with(given).with(object{"packet": packet, "sequenceNumber": next})
		switch role := v.text("role"); {
		case role == "Session-Receiver":
			return object{"taken": values.packetOpen("Sender")["sequenceNumber"]}
		case role == "Session-Reflector":
			next++
			return object{"sent": values.reflect()}
		case len(packet) == 0:
			next++
			return object{"sent": values.packetSeal("Sender")["packet"]}
		}
		found := values.packetOpen("Reflector")
		neverSent := found.number("senderSequenceNumber") >= next
		need(!neverSent, "Sender Sequence Number: never sent")
		return object{"taken": found["sequenceNumber"],
			"takenOfSender": found["senderSequenceNumber"]}
	}}
}

func ikeEnd(v object) participant {
	v = v.with(object{"prf": "PRF_HMAC_SHA2_256", "integritySize": 20, "encryptionSize": 16,
		"sharedSecret": v["gIr"], "length": keymatSize})
	_, seed := v.skeyseed()
	if len(v.octets("oldSkD")) > 0 {
		seed = v.rekeyedSkeyseed(v.nonces())
	}
	skD := v.ikeSaKeys(seed).octets("skD")
	return participant{step: func(given object) object {
		switch given.text("derive") {
		case "":
			return object{"skeyseed": seed, "skD": skD}
		case `prf(SK_d, "IPPM")`:
			return object{"sharedSecret": v.secretFromSkD(skD)}
		}
		keymat := v.with(object{"skD": skD}).keymat(nil).octets("keymat")
		secret := v.with(object{"sid": given["received"]}).secretFromKeymat(keymat)
		return object{"keymat": keymat, "sharedSecret": secret}
	}}
}

func (v object) traceRun(derive func(v object) object) object {
	t := &trace{map[string]func() participant{}, map[string]participant{}, derive}
	defer func() {
		for _, playing := range t.playing {
			if playing.end != nil {
				playing.end.hangUp()
			}
		}
	}()
	for list, make := range map[string]func(object) participant{
		"servers": t.serverEnd, "clients": t.clientEnd, "sessions": t.sessionEnd, "ikeSas": ikeEnd,
	} {
		for _, record := range v.objects(list) {
			make, record := make, record
			t.makers[record.text("name")] = func() participant { return make(record) }
		}
	}
	none, results := octets{}, []object{}
	for _, given := range v.objects("steps") {
		result := object{
			"participant": given["participant"], "rule": given["rule"], "sent": none, "sid": none,
			"t3": none, "t4": none, "taken": 0, "takenOfSender": 0, "skeyseed": none, "skD": none,
			"keymat": none, "sharedSecret": none,
		}
		taken := t.participant(given.text("participant")).step(given)
		results = append(results, result.with(taken))
	}
	return object{"results": results}
}

var traceTypes = types{
	"TraceRun":       func(v object) object { return v.traceRun(nil) },
	"OneWayTraceRun": func(v object) object { return v.traceRun(oneWayTestKeys) },
}

// The two ends of a control connection: octets in, octets and events out.
// SPDX-License-Identifier: Apache-2.0
"use strict";
const { Direction, NO_IV, Refused, need, seal, testKeys, unseal } = require("./cryptography");
const meaning = require("./meaning");
const m = require("./messages");

const LIMIT = 2 ** 20; // octets between two HMACs
const COMMANDS = {
  OWAMP: { 1: "Request-Session", 2: "Start-Sessions", 3: "Stop-Sessions", 4: "Fetch-Session" },
  TWAMP: { 2: "Start-Sessions", 3: "Stop-Sessions", 5: "Request-TW-Session" },
};

class Endpoint {
  constructor(config) {
    Object.assign(this, { config, protocol: config.protocol, state: "setting up", sessions: [] });
    Object.assign(this, { inbox: m.NONE, events: [], held: 0, stopSent: false, stopped: false });
    this.take();
    this.conversation = this.converse();
    this.step = this.conversation.next();
  }

  take() { // what is to be sent: as plaintext, and on the wire
    const taken = { plaintext: this.plaintext, octets: this.outbox };
    this.plaintext = this.outbox = m.NONE;
    return taken;
  }

  put(plaintext, octets = plaintext) {
    this.plaintext = Buffer.concat([this.plaintext, plaintext]);
    this.outbox = Buffer.concat([this.outbox, octets]);
  }

  send(name, fields) {
    for (const text of m.parts(name, fields)) {
      this.put(text, this.out?.write(text));
      if (m.CLEAR.includes(name)) continue;
      const { tag, octets } = this.out?.writeHmac() ?? { tag: NO_IV };
      this.put(tag, octets);
    }
  }

  receive(octets) { // the events; a broken rule ends the connection
    if (this.state === "closed") return [];
    this.inbox = Buffer.concat([this.inbox, octets]);
    try {
      while (!this.step.done && this.inbox.length >= this.wanted()) this.feed();
      if (this.step.done) this.close();
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      this.close(error.message);
    }
    return this.events.splice(0);
  }

  wanted() {
    return this.step.value === m.HMAC ? 16 : this.step.value;
  }

  feed() {
    const [size, isHmac] = [this.wanted(), this.step.value === m.HMAC];
    let part = this.inbox.subarray(0, size);
    this.inbox = this.inbox.subarray(size);
    if (this.in && isHmac) this.in.check(part);
    else if (this.in) part = this.in.read(part);
    this.held = isHmac ? 0 : this.held + size;
    this.step = this.conversation.next(part);
    need(this.step.done || this.held + this.wanted() <= LIMIT, "message: too long");
  }

  close(why = "") {
    if (this.state !== "closed") this.events.push({ closed: true, why });
    this.state = "closed";
  }

  protect(t1, t2, ownIv, peerIv) {
    this.keys = { t1, t2 };
    this.out = Direction.sending(t1, t2, ownIv);
    this.in = Direction.receiving(t1, t2, peerIv);
  }

  open(request, sid, port) {
    const { security } = this.mode;
    const mode = ["authenticated", "encrypted"].includes(security) ? security : "unauthenticated";
    const isOpen = mode === "unauthenticated";
    const keys = isOpen ? { t3: m.NONE, t4: m.NONE } : testKeys(sid, this.keys.t1, this.keys.t2);
    this.sessions.push({ request, sid, port, mode, ...keys });
  }

  // Stop-Sessions must account for the sessions of its sender (RFC 4656 §3.8, RFC 5357 §3.8).
  checkStop(stop, sendsIn) {
    if (this.protocol === "TWAMP") {
      need(stop.numberOfSessions === this.sessions.length, "Number of Sessions: another");
      return;
    }
    const own = this.sessions.filter((session) => session.request[sendsIn]);
    const names = (items) => items.map(({ sid }) => sid.toString("hex")).sort().join();
    need(names(stop.sessions) === names(own), "Stop-Sessions: other SIDs");
  }

  sendStop(sendsIn, sessions) {
    const fields = { accept: 0, numberOfSessions: this.sessions.length };
    if (this.protocol === "OWAMP") fields.sessions = sessions;
    this.checkStop(fields, sendsIn);
    this.send(`Stop-Sessions (${this.protocol})`, fields);
    this.stopSent = true;
    this.endTest();
  }

  *readStop(first, sendsIn) {
    const stop = yield* m.read(`Stop-Sessions (${this.protocol})`, first);
    need(this.state === "testing" && !this.stopped, "Stop-Sessions: not now");
    this.checkStop(stop, sendsIn);
    this.stopped = true;
    this.events.push({ stop });
    this.endTest();
  }

  endTest() {
    if (this.protocol === "OWAMP" && !(this.stopSent && this.stopped)) return;
    Object.assign(this, { state: "ready", sessions: [], stopSent: false, stopped: false });
  }
}

// config: protocol, security, secret, keyId, ikev2, t1, t2, clientIv
class Client extends Endpoint {
  ask(name, fields = {}) {
    need(this.state === "ready", "not ready");
    this.send(name, fields);
    Object.assign(this, { pending: { name, fields }, state: "waiting" });
  }

  *converse() {
    const { config } = this;
    const greeting = yield* m.read("Server-Greeting");
    need(greeting.modes, "Modes: no service");
    const mode = meaning.MODES[config.security] + (config.ikev2 ? meaning.IKEV2_DERIVED[this.protocol] : 0);
    this.mode = meaning.chooseMode(this.protocol, greeting.modes, mode);
    const isProtected = config.security !== "unauthenticated";
    let response = { keyId: Buffer.alloc(80), token: Buffer.alloc(64), clientIv: NO_IV };
    if (isProtected) {
      const { count } = greeting;
      need(count >= 1024 && count <= 32768 && !(count & (count - 1)), "Count: not allowed");
      const { token } = seal(config.secret, { ...greeting, t1: config.t1, t2: config.t2 });
      response = { keyId: config.keyId, token, clientIv: config.clientIv };
    }
    this.send("Set-Up-Response", { mode, ...response });
    const clear = yield 32;
    const accept = clear[15];
    if (isProtected && !accept) {
      this.protect(config.t1, config.t2, config.clientIv, clear.subarray(16));
    }
    yield 16; // Start-Time
    need(!accept, "Accept: not 0");
    this.state = "ready";
    for (;;) {
      const first = yield 16;
      if (this.state === "testing" && this.protocol === "OWAMP") {
        yield* this.readStop(first, "confSender");
      } else {
        need(this.state === "waiting", "a message that nobody asked for");
        this.state = yield* this.readReply(first, this.pending);
      }
    }
  }

  *readReply(first, { name, fields }) {
    if (name === "Start-Sessions") {
      const { accept } = yield* m.read("Start-Ack", first);
      return accept ? "ready" : "testing";
    }
    if (name === "Fetch-Session") {
      const ack = yield* m.read("Fetch-Ack", first);
      if (!ack.accept) yield* m.readFetched(ack);
      return "ready";
    }
    const { accept, port, sid } = yield* m.read("Accept-Session", first);
    const isReceiver = fields.confSender && !fields.confReceiver; // and so has made the SID
    if (!accept) this.open(fields, isReceiver ? fields.sid : sid, port);
    return "ready";
  }
}

// config: protocol, modes, count, challenge, salt, serverIv, startTime; nextSid();
// secretOf(KeyID, whether from IKEv2): the shared secret, if there is one; port, or as asked for
class Server extends Endpoint {
  *converse() {
    this.send("Server-Greeting", this.config);
    const response = yield* m.read("Set-Up-Response");
    if (!(response.mode & meaning.SECURITY_BITS[this.protocol])) return; // the client declines
    if (!this.authenticate(response)) return;
    for (;;) {
      const first = yield 16;
      yield* this.obey(first, COMMANDS[this.protocol][first[0]]);
      if (this.state === "closed") return;
    }
  }

  refuse(accept, why) {
    this.send("Server-Start", { accept, serverIv: NO_IV, startTime: Buffer.alloc(8) });
    this.close(why);
    return false;
  }

  authenticate({ mode, keyId, token, clientIv }) {
    const { config } = this;
    let keys;
    try {
      this.mode = meaning.chooseMode(this.protocol, config.modes, mode);
    } catch (error) {
      return this.refuse(3, error.message);
    }
    const isProtected = this.mode.security !== "unauthenticated";
    if (isProtected) {
      const secret = config.secretOf(keyId, this.mode.ikev2Derived);
      if (!secret && this.mode.ikev2Derived) return this.refuse(6, "no such IKE SA");
      try { // an unknown KeyID costs the same work as a wrong passphrase
        keys = unseal(secret ?? m.NONE, { ...config, token });
      } catch (error) {
        return this.refuse(1, error.message);
      }
      if (!secret) return this.refuse(1, "KeyID: not known");
    }
    const serverIv = isProtected ? config.serverIv : NO_IV;
    const [start] = m.parts("Server-Start", { accept: 0, serverIv, startTime: config.startTime });
    if (isProtected) this.protect(keys.t1, keys.t2, serverIv, clientIv);
    this.put(start.subarray(0, 32));
    this.put(start.subarray(32), this.out?.write(start.subarray(32)));
    this.state = "ready";
    return true;
  }

  *obey(first, name) {
    need(this.state !== "testing" || name === "Stop-Sessions", "expected Stop-Sessions");
    need(!this.fetching, "a command before the answer to the last");
    if (!name) {
      need(this.protocol === "TWAMP", "Command Number: not one of OWAMP");
      this.send("Accept-Session", { accept: 3, port: 0, sid: NO_IV });
      this.close("Command Number: not one of TWAMP"); // nobody knows how long it is
    } else if (name === "Stop-Sessions") {
      yield* this.readStop(first, "confReceiver");
    } else if (name === "Start-Sessions") {
      yield* m.read(name, first);
      this.send("Start-Ack", { accept: this.sessions.length ? 0 : 1 });
      if (this.sessions.length) this.state = "testing";
    } else if (name === "Fetch-Session") {
      this.events.push({ fetch: yield* m.read(name, first) });
      this.fetching = true;
    } else {
      this.grant(yield* m.read(name, first));
    }
  }

  grant(request) {
    if (meaning.problemOf(this.protocol, request)) {
      this.send("Accept-Session", { accept: 3, port: 0, sid: NO_IV });
      return;
    }
    const isReceiver = request.confReceiver || !request.confSender; // and so makes the SID
    const sid = isReceiver ? this.config.nextSid() : request.sid;
    const asked = request.confSender ? request.senderPort : request.receiverPort;
    const port = this.config.port ?? asked;
    this.send("Accept-Session", { accept: 0, port, sid: isReceiver ? sid : NO_IV });
    this.open(request, sid, port);
  }

  answerFetch(ack, data) {
    this.fetching = false;
    this.send("Fetch-Ack", ack);
    if (data) this.send("Session data", data);
  }
}

module.exports = { Client, Server };

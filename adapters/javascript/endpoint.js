// What both ends of a control connection have in common: octets in, octets and events out.
// SPDX-License-Identifier: Apache-2.0
"use strict";
const { Direction, NO_IV, Refused, need, testKeys } = require("./cryptography");
const m = require("./messages");

const LIMIT = 2 ** 20; // octets between two HMACs, unless it is configured

class Endpoint {
  constructor(config) {
    Object.assign(this, { config, protocol: config.protocol, state: "setting up", sessions: [] });
    Object.assign(this, { inbox: m.NONE, events: [], held: 0, stopSent: false, stopped: false });
    this.limit = config.messageLimit ?? LIMIT;
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
    const isOver = this.step.value !== m.HMAC && this.held + this.step.value > this.limit;
    need(this.step.done || !isOver, "message: too long");
  }

  close(why = "") {
    if (this.state !== "closed") this.events.push({ closed: true, why });
    this.state = "closed";
  }

  unused(size) { // what fills a field that the RFCs call unused
    return Buffer.alloc(size, this.config.unused ?? 0);
  }

  begin() { // the set-up is over
    Object.assign(this, { state: "ready", held: 0 });
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

  sendStop(sendsIn, { accept, sessions }) {
    need(this.state === "testing" && !this.stopSent, "Stop-Sessions: not now");
    const fields = { accept, numberOfSessions: this.sessions.length };
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
    this.endTest();
  }

  endTest() { // the next round begins with nothing of this one
    if (this.protocol === "OWAMP" && !(this.stopSent && this.stopped)) return;
    Object.assign(this, { state: "ready", sessions: [], stopSent: false, stopped: false });
  }
}

module.exports = { Endpoint };

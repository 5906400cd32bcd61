// The Control-Client. SPDX-License-Identifier: Apache-2.0
"use strict";
const { need, seal } = require("./cryptography");
const { Endpoint } = require("./endpoint");
const meaning = require("./meaning");
const m = require("./messages");

const MAX_COUNT = 32768; // unless it is configured (RFC 5357 §6)
const isCount = (count) => count >= 1024 && Number.isInteger(Math.log2(count));

// config: protocol, security, secret, keyId, ikev2, t1, t2, clientIv, maxCount
class Client extends Endpoint {
  ask(name, fields = {}) {
    need(this.state === "ready", "not ready");
    if (name === meaning.requestOf(this.protocol)) {
      need(meaning.mayBeSent(this.protocol, fields), "a request that its client must not send");
    }
    this.send(name, fields);
    Object.assign(this, { pending: { name, fields }, state: "waiting" });
  }

  *converse() {
    const greeting = yield* m.read("Server-Greeting");
    this.checkGreeting(greeting);
    yield* this.setUp(greeting);
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

  checkGreeting({ modes, count }) {
    const { config, protocol } = this;
    const derived = config.ikev2 ? meaning.IKEV2_DERIVED[protocol] : 0;
    this.bits = meaning.MODES[config.security] + derived;
    this.mode = { security: config.security, ikev2Derived: Boolean(config.ikev2) };
    need(modes, "Modes: no service");
    need((this.bits & modes) === this.bits, "Mode: not offered");
    this.isProtected = config.security !== "unauthenticated";
    need(isCount(count) || !this.isProtected, "Count: not allowed");
    const isLimited = this.isProtected || protocol === "TWAMP"; // else nothing is made with it
    need(count <= (config.maxCount ?? MAX_COUNT) || !isLimited, "Count: too large");
  }

  *setUp(greeting) {
    const { config, bits } = this;
    let response = { keyId: this.unused(80), token: this.unused(64), clientIv: this.unused(16) };
    if (this.isProtected) {
      const { token } = seal(config.secret, { ...greeting, t1: config.t1, t2: config.t2 });
      response = { keyId: config.keyId, token, clientIv: config.clientIv };
    }
    this.send("Set-Up-Response", { mode: bits, ...response });
    const clear = yield 32;
    const accept = clear[15];
    if (this.isProtected && !accept) {
      this.protect(config.t1, config.t2, config.clientIv, clear.subarray(16));
    }
    yield 16; // Start-Time
    need(!accept, "Accept: not 0");
    this.begin();
  }

  *readReply(first, { name, fields }) {
    if (name === "Start-Sessions") {
      const { accept } = yield* m.read("Start-Ack", first);
      need(!accept, "Accept of Start-Ack: not 0"); // RFC 4656 §3.7
      return "testing";
    }
    if (name === "Fetch-Session") {
      const ack = yield* m.read("Fetch-Ack", first);
      if (!ack.accept) yield* m.readFetched(ack);
      return "ready";
    }
    const { accept, port, sid } = yield* m.read("Accept-Session", first);
    if (!accept) this.open(fields, meaning.namesSid(fields) ? fields.sid : sid, port);
    return "ready";
  }

  sendStop(stop) {
    super.sendStop("confReceiver", stop);
  }
}

module.exports = { Client };

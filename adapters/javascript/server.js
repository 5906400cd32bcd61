// The Server. SPDX-License-Identifier: Apache-2.0
"use strict";
const { Refused, need, unseal } = require("./cryptography");
const { Endpoint } = require("./endpoint");
const meaning = require("./meaning");
const m = require("./messages");

const COMMANDS = {
  OWAMP: { 1: "Request-Session", 2: "Start-Sessions", 3: "Stop-Sessions", 4: "Fetch-Session" },
  TWAMP: { 2: "Start-Sessions", 3: "Stop-Sessions", 5: "Request-TW-Session" },
};
const [OK, FAILURE, NOT_SUPPORTED, NO_IKE_SA] = [0, 1, 3, 6]; // values of Accept

const SID_TRIES = 8; // then the random source is broken

// config: protocol, modes, count, challenge, salt, serverIv, startTime, receivers; nextSid();
// secretOf(KeyID, whether from IKEv2): the shared secret, if there is one; decide(request):
// { accept, port }; results(fetch): { ack, data }, if there are any
class Server extends Endpoint {
  *converse() {
    this.sids = [Buffer.alloc(16)]; // zeros are no SID
    this.send("Server-Greeting", this.config);
    const response = yield* m.read("Set-Up-Response");
    if (!(response.mode & meaning.SECURITY_BITS[this.protocol])) return; // the client declines
    if (!this.authenticate(response)) return;
    for (;;) {
      const first = yield 16;
      yield* this.obey(first, COMMANDS[this.protocol][first[0]]);
    }
  }

  refuse(accept, why) {
    const fields = { accept, serverIv: this.unused(16), startTime: Buffer.alloc(8) };
    this.send("Server-Start", fields);
    this.close(why);
    return false;
  }

  authenticate({ mode, keyId, token, clientIv }) {
    const { config } = this;
    let keys;
    try {
      this.mode = meaning.chooseMode(this.protocol, config.modes, mode);
    } catch (error) {
      return this.refuse(NOT_SUPPORTED, error.message);
    }
    const isProtected = this.mode.security !== "unauthenticated";
    if (isProtected) {
      const secret = config.secretOf(keyId, this.mode.ikev2Derived);
      if (!secret && this.mode.ikev2Derived) return this.refuse(NO_IKE_SA, "no such IKE SA");
      try { // an unknown KeyID costs the same work as a wrong passphrase
        keys = unseal(secret ?? m.NONE, { ...config, token });
      } catch (error) {
        return this.refuse(FAILURE, error.message);
      }
      if (!secret) return this.refuse(FAILURE, "KeyID: not known");
    }
    const serverIv = isProtected ? config.serverIv : this.unused(16);
    const [start] = m.parts("Server-Start", { accept: OK, serverIv, startTime: config.startTime });
    if (isProtected) this.protect(keys.t1, keys.t2, serverIv, clientIv);
    this.put(start.subarray(0, 32));
    this.put(start.subarray(32), this.out?.write(start.subarray(32)));
    this.begin();
    return true;
  }

  *obey(first, name) {
    if (name === "Stop-Sessions") {
      yield* this.readStop(first, "confReceiver");
      return;
    }
    if (!name) {
      need(this.protocol === "TWAMP", "Command Number: not one of OWAMP");
      yield m.HMAC; // nobody knows how long it is: one block, RFC 5357 §3.5
      this.decline(NOT_SUPPORTED);
      need(false, "Command Number: not one of TWAMP");
    }
    const command = yield* m.read(name, first);
    if (name === "Start-Sessions") this.start();
    else if (name === "Fetch-Session") this.fetch(command);
    else this.request(command);
  }

  answer(accept, port, sid = this.unused(16)) {
    this.send("Accept-Session", { accept, port, sid });
  }

  decline(accept) { // with Port 0 in TWAMP (RFC 5357 §3.5)
    this.answer(accept, this.protocol === "TWAMP" ? 0 : this.unusedPort());
  }

  unusedPort() {
    return this.unused(2).readUInt16BE();
  }

  start() {
    const mayStart = this.state === "ready" && this.sessions.length > 0;
    this.send("Start-Ack", { accept: mayStart ? OK : FAILURE });
    if (mayStart) this.state = "testing";
  }

  fetch(command) {
    const found = this.state === "ready" ? this.config.results?.(command) : undefined;
    this.send("Fetch-Ack", found?.ack ?? { ...m.NO_RESULTS, accept: FAILURE });
    if (found) this.send("Session data", found.data);
  }

  request(request) {
    const { accept, port } = this.judge(request);
    if (accept) {
      this.decline(accept);
      return;
    }
    const isNamed = this.protocol === "OWAMP" && meaning.namesSid(request);
    const sid = isNamed ? request.sid : this.newSid();
    this.sids.push(sid);
    const isPortUsed = !(request.confSender && request.confReceiver); // RFC 4656 §3.5
    this.answer(OK, isPortUsed ? port : this.unusedPort(), isNamed ? undefined : sid);
    this.open(request, sid, port);
  }

  judge(request) {
    if (this.state === "testing") return { accept: FAILURE }; // RFC 4656 §3.4
    if (meaning.problemOf(this.protocol, request)) return { accept: NOT_SUPPORTED };
    if (!this.mayReceive(request)) return { accept: NOT_SUPPORTED };
    const isTaken = meaning.namesSid(request) && this.isKnown(request.sid);
    return isTaken ? { accept: NOT_SUPPORTED } : this.config.decide(request);
  }

  // To no third party (RFC 4656 §6.2); in TWAMP, zeros are an end of the connection (RFC 5357 §3.5).
  mayReceive({ ipvn, receiverAddress }) {
    const { receivers = [] } = this.config;
    const address = receiverAddress.subarray(0, ipvn === 4 ? 4 : 16);
    const isKnown = receivers.some((receiver) => receiver.equals(address));
    const isEnd = this.protocol === "TWAMP" && address.every((octet) => octet === 0);
    return isKnown || isEnd || receivers.length === 0;
  }

  isKnown(sid) {
    return this.sids.some((known) => known.equals(sid));
  }

  newSid() {
    for (let tries = 0; tries < SID_TRIES; tries++) {
      const sid = this.config.nextSid();
      if (!this.isKnown(sid)) return sid;
    }
    throw new Refused("SID: the same again");
  }

  sendStop(stop) {
    super.sendStop("confSender", stop);
  }
}

module.exports = { Server };

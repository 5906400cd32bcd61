// Recorded traces of the models, played by this implementation's own endpoints.
// SPDX-License-Identifier: Apache-2.0
"use strict";
const { NO_IV, need, TYPES: cryptography } = require("./cryptography");
const { PRFS, TYPES: ikev2 } = require("./ikev2");
const { ERROR_ESTIMATE, TTL, give, nameOf } = require("./attacks");
const { Client } = require("./client");
const meaning = require("./meaning");
const m = require("./messages");
const { packetOpen, packetSeal, reflect } = require("./packets");
const { Server } = require("./server");

const REQUEST = "Request-TW-Session";
const PRF = PRFS.PRF_HMAC_SHA2_256;

const nothing = () => ({
  sent: m.NONE, sid: m.NONE, t3: m.NONE, t4: m.NONE, taken: 0, takenOfSender: 0,
  skeyseed: m.NONE, skD: m.NONE, keymat: m.NONE, sharedSecret: m.NONE,
});

// Each maker of a participant gives its steps: from what a step is given to its result.
const MAKERS = {
  servers: (v, run) => controlEnd(new Server({
    ...v, protocol: "TWAMP", nextSid: () => v.sid, decide: () => ({ accept: 0, port: v.port }),
    secretOf: (keyId) => (v.keyId.equals(keyId) ? v.sharedSecret : undefined),
  }), run),
  clients(v, run) {
    const [ikev2, security] = [Boolean(v.mode & meaning.IKEV2_DERIVED.TWAMP), nameOf(v.mode & 15)];
    const given = { ...v, ikev2, security, protocol: "TWAMP", secret: v.sharedSecret };
    return controlEnd(new Client(given), run);
  },
  sessions: sessionEnd,
  ikeSas: ikeEnd,
};

// With a KDF of its own, an end has the test keys that this gives.
function controlEnd(end, { derive }) {
  let opened = 0;
  const step = ({ received, request }) => {
    let sent = give(end, received);
    if (request.length) {
      const text = Buffer.concat([Buffer.from([5]), request, NO_IV]);
      end.ask(REQUEST, m.parsed(m.read(REQUEST), text));
      sent = end.take().octets;
    }
    if (end.sessions.length === opened) return { sent };
    const [session] = end.sessions.slice(opened);
    const { sid } = session;
    const { t3, t4 } = derive ? Object.assign(session, derive({ ...end.keys, sid })) : session;
    opened = end.sessions.length;
    return { sent, sid, t3, t4 };
  };
  return { step, end };
}

function sessionEnd(v, { playing }) {
  const { t3, t4 } = v.session ? playing[v.session].end.sessions[0] : v;
  const keys = { t3, t4, mode: v.testMode, errorEstimate: ERROR_ESTIMATE, ttl: TTL };
  let next = v.firstSequenceNumber;
  const steps = {
    "Session-Receiver": ({ received }) =>
      ({ taken: packetOpen("Sender", { ...keys, packet: received }).sequenceNumber }),
    "Session-Reflector"(given) {
      const sent = reflect({ ...keys, ...given, sequenceNumber: next }, given.received);
      next += 1;
      return { sent };
    },
    "Session-Sender"(given) {
      if (!given.received.length) {
        const fields = { ...given, sequenceNumber: next, padding: m.NONE };
        next += 1;
        return { sent: packetSeal("Sender", { ...keys, ...fields }).packet };
      }
      const found = packetOpen("Reflector", { ...keys, packet: given.received });
      need(found.senderSequenceNumber < next, "Sender Sequence Number: never sent");
      return { taken: found.sequenceNumber, takenOfSender: found.senderSequenceNumber };
    },
  };
  return { step: steps[v.role] };
}

function ikeEnd(v) {
  const given = { ...v, sharedSecret: v.gIr, integritySize: 20, encryptionSize: 16 };
  const type = v.oldSkD.length ? "RekeyedSkeyseed" : "Skeyseed";
  const { skeyseed } = ikev2[type](given, PRF);
  const { skD } = ikev2.IkeSaKeys({ ...given, skeyseed }, PRF);
  const step = ({ derive, received }) => {
    if (!derive) return { skeyseed, skD };
    if (!derive.includes("KEYMAT")) {
      return { sharedSecret: ikev2.SharedSecretFromSkD({ skD }, PRF).sharedSecretKey };
    }
    const wanted = { ...v, skD, sharedSecret: m.NONE, length: 72 };
    const { keymat } = ikev2.Keymat(wanted, PRF);
    const values = { keymat, sid: received };
    const { sharedSecretKey } = ikev2.SharedSecretFromKeymat(values, PRF);
    return { keymat, sharedSecret: sharedSecretKey };
  };
  return { step };
}

function trace(v, derive) {
  const [makers, playing] = [{}, {}];
  for (const [kind, make] of Object.entries(MAKERS)) {
    for (const record of v[kind]) {
      makers[record.name] = () => make(record, { playing, derive });
    }
  }
  const results = v.steps.map(({ participant, rule, ...given }) => {
    playing[participant] ??= makers[participant]();
    const result = playing[participant].step(given);
    return { participant, rule, ...nothing(), ...result };
  });
  return { results };
}

const TYPES = {
  TraceRun: (v) => trace(v),
  OneWayTraceRun: (v) => trace(v, cryptography.OneWayTestSessionKeys),
};

module.exports = { TYPES };

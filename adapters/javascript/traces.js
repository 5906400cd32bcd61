// Recorded traces of the models, played by this implementation's own endpoints.
// SPDX-License-Identifier: Apache-2.0
"use strict";
const { NO_IV, need } = require("./cryptography");
const { PRFS, TYPES: ikev2 } = require("./ikev2");
const { ERROR_ESTIMATE, TTL, give, nameOf } = require("./attacks");
const { Client } = require("./client");
const meaning = require("./meaning");
const m = require("./messages");
const { packetOpen, packetSeal, reflect } = require("./packets");
const { Server } = require("./server");

const SENT_BEFORE = 2000; // the Sequence Numbers below it; no step says how many were sent
const REQUEST = "Request-TW-Session";
const PRF = PRFS.PRF_HMAC_SHA2_256;

const nothing = () => ({
  sent: m.NONE, sid: m.NONE, t3: m.NONE, t4: m.NONE, taken: 0, takenOfSender: 0,
  skeyseed: m.NONE, skD: m.NONE, keymat: m.NONE, sharedSecret: m.NONE,
});

// Each maker of a participant gives its steps: from what a step is given to its result.
const MAKERS = {
  servers: (v) => controlEnd(new Server({
    ...v, protocol: "TWAMP", nextSid: () => v.sid, decide: () => ({ accept: 0, port: v.port }),
    secretOf: (keyId) => (v.keyId.equals(keyId) ? v.sharedSecret : undefined),
  })),
  clients(v) {
    const [ikev2, security] = [Boolean(v.mode & meaning.IKEV2_DERIVED.TWAMP), nameOf(v.mode & 15)];
    const given = { ...v, ikev2, security, protocol: "TWAMP", secret: v.sharedSecret };
    return controlEnd(new Client(given));
  },
  sessions: sessionEnd,
  ikeSas: ikeEnd,
};

function controlEnd(end) {
  let opened = 0;
  const step = ({ received, request }) => {
    let sent = give(end, received);
    if (request.length) {
      const text = Buffer.concat([Buffer.from([5]), request, NO_IV]);
      end.ask(REQUEST, m.parsed(m.read(REQUEST), text));
      sent = end.take().octets;
    }
    if (end.sessions.length === opened) return { sent };
    const [{ sid, t3, t4 }] = end.sessions.slice(opened);
    opened = end.sessions.length;
    return { sent, sid, t3, t4 };
  };
  return { step, end };
}

function sessionEnd(v, others) {
  const { t3, t4 } = v.session ? others[v.session].end.sessions[0] : v;
  const keys = { t3, t4, mode: v.testMode, errorEstimate: ERROR_ESTIMATE, ttl: TTL };
  const steps = {
    "Session-Receiver": ({ received }) =>
      ({ taken: packetOpen("Sender", { ...keys, packet: received }).sequenceNumber }),
    "Session-Reflector": (given) =>
      ({ sent: reflect({ ...keys, ...given }, given.received) }),
    "Session-Sender"(given) {
      if (!given.received.length) {
        return { sent: packetSeal("Sender", { ...keys, ...given, padding: m.NONE }).packet };
      }
      const found = packetOpen("Reflector", { ...keys, packet: given.received });
      need(found.senderSequenceNumber < SENT_BEFORE, "Sender Sequence Number: never sent");
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

const TYPES = {
  TraceRun(v) {
    const [makers, playing] = [{}, {}];
    for (const [kind, make] of Object.entries(MAKERS)) {
      for (const record of v[kind]) makers[record.name] = () => make(record, playing);
    }
    const results = v.steps.map(({ participant, rule, ...given }) => {
      playing[participant] ??= makers[participant]();
      const result = playing[participant].step(given);
      return { participant, rule, ...nothing(), ...result };
    });
    return { results };
  },
};

module.exports = { TYPES };

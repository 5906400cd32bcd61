// Whole conversations over a control connection, and how one end of it behaves.
// SPDX-License-Identifier: Apache-2.0
"use strict";
const { need, tokenKey } = require("./cryptography");
const { keyIdOf, secretFromSkD } = require("./ikev2");
const { Client, Server } = require("./connection");
const meaning = require("./meaning");
const m = require("./messages");
const { packetOpen, packetSeal, reflect } = require("./packets");

const SID_ADDRESS = Buffer.from([192, 0, 2, 1]); // what the cases take for the server's
const ERROR_ESTIMATE = Buffer.from([0, 1]); // not synchronized, Multiplier 1
const TTL = 255;
const NO_KEYS = { t3: Buffer.alloc(16), t4: Buffer.alloc(32) };

// A clock that shows a time, and so many 2^-32 seconds more at each reading.
function ticking(start, tick = 2n ** 32n) {
  let now = start.readBigUInt64BE() - tick;
  return () => {
    const octets = Buffer.alloc(8);
    octets.writeBigUInt64BE((now += tick));
    return octets;
  };
}

function serverOf(v, credentials) {
  const [clock, random] = [ticking(v.sidTime), [...v.sidRandom]];
  const isKnown = (keyId, ikev2) =>
    credentials && ikev2 === Boolean(credentials.ikev2) && keyId.equals(credentials.keyId);
  const nextSid = () => Buffer.concat([SID_ADDRESS, clock(), random.shift()]);
  return new Server({
    ...v, modes: v.offeredModes, nextSid,
    secretOf: (keyId, ikev2) => (isKnown(keyId, ikev2) ? credentials.secret : undefined),
  });
}

const clientOf = (v, credentials) => new Client({ ...v, ...credentials });
const byPassphrase = (v) =>
  ({ secret: Buffer.from(v.passphrase), keyId: meaning.encodeKeyId(v.name), ikev2: false });
const byIkeSa = (v, prf) => ({ secret: secretFromSkD(prf, v.skD), keyId: keyIdOf(v), ikev2: true });

class Conversation {
  constructor(v, credentials) {
    this.v = v;
    this.client = clientOf(v, credentials);
    this.server = serverOf(v, credentials);
    this.clock = ticking(v.packetTime);
    this.transcript = [];
  }

  say(sender, message) {
    const receiver = sender === "client" ? "server" : "client";
    const taken = this[sender].take();
    this.transcript.push({ sender, message, ...taken });
    const closed = this[receiver].receive(taken.octets).find((event) => event.closed);
    need(!closed, closed?.why);
  }

  ask(name, reply, fields) {
    this.client.ask(name, fields);
    this.say("client", name);
    if (reply) this.say("server", reply);
  }

  setUp() {
    this.say("server", "Server-Greeting");
    this.say("client", "Set-Up-Response");
    this.say("server", "Server-Start");
  }

  exchange({ mode, t3, t4 }) { // the test packets of a session
    const keys = mode === "unauthenticated" ? NO_KEYS : { t3, t4 };
    const common = { ...keys, mode, errorEstimate: ERROR_ESTIMATE, ttl: TTL };
    const packets = [];
    for (let sequenceNumber = 0; sequenceNumber < this.v.packets; sequenceNumber++) {
      const padding = Buffer.alloc(this.v.padding);
      const sent = { ...common, sequenceNumber, timestamp: this.clock(), padding };
      packets.push(packetSeal("Sender", sent).packet);
      if (this.v.protocol === "OWAMP") continue;
      const [receiveTimestamp, timestamp] = [this.clock(), this.clock()];
      const own = { ...common, receiveTimestamp, timestamp };
      packets.push(reflect(own, packets.at(-1), sequenceNumber));
      packetOpen("Reflector", { ...common, packet: packets.at(-1) });
    }
    return packets;
  }

  stop(sessions) {
    const records = (sendsIn) => sessions.filter((session) => session.request[sendsIn])
      .map(({ sid }) => ({ sid, nextSeqno: this.v.packets, skipRanges: [] }));
    this.client.sendStop("confReceiver", records("confReceiver"));
    this.say("client", "Stop-Sessions");
    if (this.v.protocol === "TWAMP") return;
    this.server.sendStop("confSender", records("confSender"));
    this.say("server", "Stop-Sessions");
  }

  fetch({ request, sid, port, mode, t3, t4 }, packets) { // each came 2^-8 seconds after it was sent
    const keys = mode === "unauthenticated" ? NO_KEYS : { t3, t4 };
    const records = packets.map((packet) => {
      const found = packetOpen("Sender", { ...keys, mode, packet });
      const clock = ticking(found.timestamp, 2n ** 24n);
      const estimate = found.errorEstimate.readUInt16BE();
      return {
        seqNumber: found.sequenceNumber, sendErrorEstimate: estimate,
        receiveErrorEstimate: estimate, sendTimestamp: clock(), receiveTimestamp: clock(), ttl: TTL,
      };
    });
    this.ask("Fetch-Session", null, { beginSeq: 0, endSeq: 2 ** 32 - 1, sid });
    const numbers = { numberOfSkipRanges: 0, numberOfRecords: records.length };
    const ack = { accept: 0, finished: 1, nextSeqno: records.length, ...numbers };
    const original = { ...request, sid, receiverPort: port };
    this.server.answerFetch(ack, { request: original, skipRanges: [], records });
    this.say("server", "Fetch-Ack and session data");
  }
}

function converse(v, credentials) {
  const run = new Conversation(v, credentials);
  const request = meaning.requestOf(v.protocol);
  run.setUp();
  for (const octets of v.requests) {
    run.ask(request, "Accept-Session", m.parsed(m.read(request), octets));
  }
  run.ask("Start-Sessions", "Start-Ack");
  const { sessions } = run.server;
  const sent = sessions.map((session) => run.exchange(session));
  run.stop(sessions);
  sessions.forEach((session, index) => {
    const isFetched = v.protocol === "OWAMP" && session.request.confReceiver;
    if (isFetched) run.fetch(session, sent[index]);
  });
  return {
    keyId: credentials?.keyId ?? Buffer.alloc(80),
    sharedSecret: credentials?.secret ?? m.NONE,
    tokenKey: credentials ? tokenKey(credentials.secret, v) : m.NONE,
    transcript: run.transcript,
    sessions: sessions.map(({ sid, t3, t4 }, index) => ({ sid, t3, t4, packets: sent[index] })),
  };
}

// What one end sends for each message that it receives; `react` is its user.
function behaviour(end, received, react) {
  const sent = [end.take().octets];
  for (const octets of received) {
    react(end.receive(octets));
    sent.push(end.take().octets);
  }
  return { sent, ending: end.state === "closed" ? "closed" : "open" };
}

const REFUSAL = { accept: 1, finished: 0, nextSeqno: 0, numberOfSkipRanges: 0, numberOfRecords: 0 };
const NAMES = { 2: "Start-Sessions", 4: "Fetch-Session" };

const TYPES = {
  OpenHandshake: (v) => converse(v),
  PassphraseHandshake: (v) => converse(v, byPassphrase(v)),
  Ikev2Handshake: (v, prf) => converse(v, byIkeSa(v, prf)),
  ServerBehaviour(v) {
    const keyId = v.ikev2 && Buffer.concat([Buffer.from(v.name, "hex"), Buffer.alloc(64)]);
    const secret = Buffer.from(v.passphrase);
    const server = serverOf(v, v.ikev2 ? { secret, keyId, ikev2: true } : byPassphrase(v));
    return behaviour(server, v.received, (events) => {
      for (const event of events) {
        const own = server.sessions.filter((session) => session.request.confSender);
        const records = own.map(({ sid }) => ({ sid, nextSeqno: 0, skipRanges: [] }));
        if (event.stop && v.protocol === "OWAMP") server.sendStop("confSender", records);
        if (event.fetch) server.answerFetch(REFUSAL);
      }
    });
  },
  ClientBehaviour(v) {
    const client = clientOf(v, byPassphrase(v));
    const commands = [...v.commands];
    return behaviour(client, v.received, () => {
      if (!["ready", "testing"].includes(client.state) || !commands.length) return;
      const octets = commands.shift();
      if (octets[0] === 3) {
        const stop = m.parsed(m.read(`Stop-Sessions (${v.protocol})`), octets);
        client.sendStop("confReceiver", stop.sessions);
      } else {
        const name = NAMES[octets[0]] ?? meaning.requestOf(v.protocol);
        client.ask(name, m.parsed(m.read(name), octets));
      }
    });
  },
};

module.exports = { TYPES };

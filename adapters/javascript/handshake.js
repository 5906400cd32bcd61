// Whole conversations over a control connection. SPDX-License-Identifier: Apache-2.0
"use strict";
const { Client } = require("./client");
const { need, passphraseOf, tokenKey } = require("./cryptography");
const { keyIdOf, secretFromSkD } = require("./ikev2");
const meaning = require("./meaning");
const m = require("./messages");
const { packetOpen, packetSeal, reflect } = require("./packets");
const { Server } = require("./server");

const ERROR_ESTIMATE = Buffer.from([0, 1]); // not synchronized, Multiplier 1
const TTL = 255;

const ON_THE_WAY = 2n ** 24n; // 2^-8 s: how long a test packet takes, and its answer

function later(time, delay) { // modulo an NTP era
  const octets = Buffer.alloc(8);
  octets.writeBigUInt64BE(BigInt.asUintN(64, time.readBigUInt64BE() + delay));
  return octets;
}

// The server of a case: what it knows, and what it is configured to say.
function serverOf(v, known) {
  const [sids, decisions] = [[...v.sids], [...v.policy]];
  const partOf = (keyId, ikev2) => (ikev2 ? keyId.subarray(0, 16) : keyId); // RFC 7717 §5.3
  return new Server({
    ...v, unused: v.unused[0], modes: v.offeredModes,
    nextSid() {
      need(sids.length, "SID: no more");
      return sids.shift();
    },
    decide: () => decisions.shift() ?? { accept: 4 },
    secretOf: (keyId, ikev2) => known.find((item) =>
      item.ikev2 === ikev2 && partOf(item.keyId, ikev2).equals(partOf(keyId, ikev2)))?.secret,
  });
}

const clientOf = (v, credentials) => new Client({ ...v, unused: v.unused[0], ...credentials });
const byPassphrase = (protocol, record) => ({
  secret: passphraseOf(protocol, record), keyId: meaning.encodeKeyId(record.name), ikev2: false,
});
const byIkeSa = (v, prf) => ({ secret: secretFromSkD(prf, v.skD), keyId: keyIdOf(v), ikev2: true });

class Conversation {
  constructor(v, credentials) {
    this.v = v;
    this.client = clientOf(v, credentials);
    this.server = serverOf(v, credentials ? [credentials] : []);
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
    this.say("server", reply);
  }

  setUp() {
    this.say("server", "Server-Greeting");
    this.say("client", "Set-Up-Response");
    this.say("server", "Server-Start");
  }

  exchange({ mode, t3, t4 }) { // the test packets of a session
    const common = { t3, t4, mode, errorEstimate: ERROR_ESTIMATE, ttl: TTL };
    const packets = [];
    this.v.sendTimes.forEach((timestamp, sequenceNumber) => {
      const padding = Buffer.alloc(this.v.padding);
      const sent = { ...common, sequenceNumber, timestamp, padding };
      packets.push(packetSeal("Sender", sent).packet);
      if (this.v.protocol === "OWAMP") return;
      const receiveTimestamp = later(timestamp, ON_THE_WAY);
      const answered = later(timestamp, 2n * ON_THE_WAY);
      const own = { ...common, receiveTimestamp, timestamp: answered, sequenceNumber };
      packets.push(reflect(own, packets.at(-1)));
    });
    return packets;
  }

  stop(sessions) {
    const records = (sendsIn) => sessions.filter((session) => session.request[sendsIn])
      .map(({ sid }) => ({ sid, nextSeqno: this.v.sendTimes.length, skipRanges: [] }));
    this.client.sendStop({ accept: 0, sessions: records("confReceiver") });
    this.say("client", "Stop-Sessions");
    if (this.v.protocol === "TWAMP") return;
    this.server.sendStop({ accept: 0, sessions: records("confSender") });
    this.say("server", "Stop-Sessions");
  }

  fetch({ request, sid, port, mode, t3, t4 }, packets) {
    const records = packets.map((packet) => {
      const found = packetOpen("Sender", { t3, t4, mode, packet });
      const estimate = found.errorEstimate.readUInt16BE();
      return {
        seqNumber: found.sequenceNumber, sendErrorEstimate: estimate,
        receiveErrorEstimate: estimate, sendTimestamp: found.timestamp,
        receiveTimestamp: later(found.timestamp, ON_THE_WAY), ttl: TTL,
      };
    });
    const numbers = { numberOfSkipRanges: 0, numberOfRecords: records.length };
    const ack = { accept: 0, finished: 1, nextSeqno: records.length, ...numbers };
    const original = { ...request, sid, receiverPort: port };
    const data = { request: original, skipRanges: [], records };
    this.server.config.results = () => ({ ack, data });
    const command = { beginSeq: 0, endSeq: 2 ** 32 - 1, sid };
    this.ask("Fetch-Session", "Fetch-Ack and session data", command);
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
    if (session.request.confReceiver) run.fetch(session, sent[index]); // in TWAMP it is 0
  });
  return {
    keyId: credentials?.keyId ?? Buffer.alloc(80, v.unused[0]),
    sharedSecret: credentials?.secret ?? m.NONE,
    tokenKey: credentials ? tokenKey(credentials.secret, v) : m.NONE,
    transcript: run.transcript,
    sessions: sessions.map(({ sid, t3, t4 }, index) => ({ sid, t3, t4, packets: sent[index] })),
  };
}

const TYPES = {
  OpenHandshake: (v) => converse(v),
  PassphraseHandshake: (v) => converse(v, byPassphrase(v.protocol, v)),
  Ikev2Handshake: (v, prf) => converse(v, byIkeSa(v, prf)),
};

module.exports = { TYPES, byPassphrase, clientOf, serverOf };

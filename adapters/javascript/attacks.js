// What the models find, played against this implementation's own endpoints.
// SPDX-License-Identifier: Apache-2.0
"use strict";
const {
  Direction, NO_IV, aes, controlKeys, need, testKeys, tokenKey, unseal, xor,
} = require("./cryptography");
const { Client } = require("./client");
const meaning = require("./meaning");
const m = require("./messages");
const { packetOpen, packetSeal, reflect } = require("./packets");
const { Server } = require("./server");

const OFFERED = 7; // Modes of the server
const ERROR_ESTIMATE = Buffer.from([0x80, 1]); // synchronized, Multiplier 1
const TTL = 255;
const ANY = { mode: 4, keyName: "any", clientIv: NO_IV }; // what the Token does not depend on
const REQUEST = "Request-TW-Session";

const nameOf = (mode) => Object.keys(meaning.MODES).find((name) => meaning.MODES[name] === mode);
const requestOf = (v) => Buffer.concat([Buffer.from([5]), v.parameters]);
const parse = (text) => m.parsed(m.read(REQUEST), Buffer.concat([text, NO_IV]));

function clientOf(v) {
  const [keyId, security] = [meaning.encodeKeyId(v.keyName), nameOf(v.mode)];
  return new Client({ ...v, protocol: "TWAMP", security, keyId, secret: v.sharedSecret });
}

function serverOf(v) {
  const known = meaning.encodeKeyId(v.keyName);
  return new Server({
    modes: OFFERED, ...v, protocol: "TWAMP", nextSid: () => v.sid,
    decide: () => ({ accept: 0, port: v.port }),
    secretOf: (keyId) => (keyId.equals(known) ? v.sharedSecret : undefined),
  });
}

function give(end, octets) {
  const closed = end.receive(octets).find((event) => event.closed);
  need(!closed, closed?.why);
  return end.take().octets;
}

// What is sent if Mode is changed on the way: it is in the first four octets.
function changeMode(setUpResponse, mode) {
  const changed = Buffer.from(setUpResponse);
  changed.writeUInt32BE(mode);
  return changed;
}

// A connection with one session: its messages, and T3 and T4 of both ends. Mode can be changed.
function connect(v, client = clientOf(v), server = serverOf(v)) {
  const serverGreeting = server.take().octets;
  const setUpResponse = give(client, serverGreeting);
  const change = v.changedMode === undefined
    ? {} : { changedSetUpResponse: changeMode(setUpResponse, v.changedMode) };
  const serverStart = give(server, change.changedSetUpResponse ?? setUpResponse);
  give(client, serverStart);
  client.ask(REQUEST, parse(requestOf(v)));
  const requestSession = client.take().octets;
  const acceptSession = give(server, requestSession);
  give(client, acceptSession);
  const [{ t3, t4, mode }] = client.sessions;
  const setUp = { serverGreeting, setUpResponse, ...change, serverStart };
  const sent = { ...setUp, requestSession, acceptSession, t3, t4 };
  return { sent, keys: { t3, t4, mode } };
}

const senderPacket = (keys, v) => packetSeal("Sender", {
  ...keys, sequenceNumber: v.sequenceNumber, timestamp: v.timestamp, errorEstimate: ERROR_ESTIMATE,
  padding: m.NONE,
}).packet;

// Of a session: as RFC 4656 §4.1.2 makes them, or those of the connection, as in no RFC.
const sessionKeys = ({ keys, sid, t1, t2 }) =>
  (keys === "shared" ? { t3: t1, t4: t2 } : testKeys(sid, t1, t2));

function reflectorPacket(keys, v, packet) {
  const times = { receiveTimestamp: v.receiveTimestamp, timestamp: v.reflectorTimestamp };
  const own = { ...keys, ...times, sequenceNumber: 0, errorEstimate: ERROR_ESTIMATE, ttl: TTL };
  return reflect(own, packet);
}

const TYPES = {
  SessionRun(v) {
    const { sent, keys } = connect(v);
    const packet = senderPacket(keys, v);
    const answer = reflectorPacket(keys, v, packet);
    const returned = packetOpen("Reflector", { ...keys, packet: answer });
    const returnedSequenceNumber = returned.senderSequenceNumber;
    return { ...sent, senderPacket: packet, reflectorPacket: answer, returnedSequenceNumber };
  },
  TokenForged(v) {
    const wanted = [v.wantedT1, v.wantedT2.subarray(0, 16), v.wantedT2.subarray(16)];
    const [chosenChallenges, clientTokens, blocks] = [[v.challenge], [], []];
    v.clientT1.forEach((t1, index) => {
      const client = clientOf({ ...v, ...ANY, t1, t2: v.clientT2[index] });
      const lure = { modes: OFFERED, challenge: chosenChallenges[index], salt: v.salt };
      const [greeting] = m.parts("Server-Greeting", { ...lure, count: v.count });
      const response = give(client, greeting);
      clientTokens.push(m.parsed(m.read("Set-Up-Response"), response).token);
      blocks.push(clientTokens[index].subarray(0, 16));
      if (wanted[index]) chosenChallenges.push(xor(blocks[index], wanted[index]));
    });
    const token = Buffer.concat(blocks);
    const { t1: serverT1, t2: serverT2 } = unseal(v.sharedSecret, { ...v, token });
    const key = tokenKey(v.sharedSecret, v);
    return { tokenKey: key, chosenChallenges, clientTokens, token, serverT1, serverT2 };
  },
  ForgedTokenAccepted(v) {
    const server = serverOf(v);
    const serverGreeting = server.take().octets;
    const keyId = meaning.encodeKeyId(v.keyName);
    const [setUpResponse] = m.parts("Set-Up-Response", { ...v, keyId });
    const serverStart = give(server, setUpResponse);
    const adversary = Direction.sending(v.t1, v.t2, v.clientIv);
    const request = adversary.write(requestOf(v));
    const requestSession = Buffer.concat([request, adversary.writeHmac().octets]);
    const acceptSession = give(server, requestSession);
    const [{ t3, t4 }] = server.sessions;
    const accept = serverStart[15];
    const sent = { serverGreeting, setUpResponse, serverStart, accept };
    return { ...sent, requestSession, acceptSession, t3, t4 };
  },
  ModeChanged(v) {
    const [client, server] = [clientOf(v), serverOf(v)];
    const { sent, keys } = connect(v, client, server);
    client.ask("Start-Sessions");
    const startSessions = client.take().octets;
    const startAck = give(server, startSessions);
    give(client, startAck);
    const [atServer] = server.sessions;
    const isFromAnybody = atServer.mode === "unauthenticated";
    const packet = senderPacket(isFromAnybody ? atServer : keys, v);
    const answer = reflectorPacket(atServer, v, packet);
    return { ...sent, startSessions, startAck, senderPacket: packet, reflectorPacket: answer };
  },
  ControlKeysFromLostTestKeys(v) {
    const { t1, t2 } = controlKeys(v.sid, v.t3, v.t4);
    const text = aes("cbc", t1, v.clientIv, v.requestSession, true);
    return { recoveredT1: t1, recoveredT2: t2, decryptedRequest: text };
  },
  PacketOfSession(v) {
    const keys = sessionKeys(v);
    return { ...keys, senderPacket: senderPacket({ ...keys, mode: v.testMode }, v) };
  },
  PacketTaken(v) {
    const given = { ...sessionKeys(v), mode: v.testMode, packet: v.receivedPacket };
    const isSender = v.role === "Session-Sender";
    const found = packetOpen(isSender ? "Reflector" : "Sender", given);
    const isOfOwn = !isSender || found.senderSequenceNumber < v.sent;
    need(isOfOwn, "Sender Sequence Number: never sent");
    return { acceptedSequenceNumber: found.sequenceNumber };
  },
};

module.exports = { ERROR_ESTIMATE, TTL, TYPES, give, nameOf };

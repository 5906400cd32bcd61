// What the models find, played against this implementation's own endpoints.
// SPDX-License-Identifier: Apache-2.0
"use strict";
const {
  Direction, NO_IV, aes, checkSizes, controlKeys, need, testKeys, unseal,
} = require("./cryptography");
const { Client, Server } = require("./connection");
const meaning = require("./meaning");
const m = require("./messages");
const { packetOpen, packetSeal, reflect } = require("./packets");

const OFFERED = 7; // Modes of the server
const ERROR_ESTIMATE = Buffer.from([0x80, 1]); // synchronized, Multiplier 1
const TTL = 255;
const REQUEST = "Request-TW-Session";

const nameOf = (mode) => Object.keys(meaning.MODES).find((name) => meaning.MODES[name] === mode);
const requestOf = (v) => Buffer.concat([Buffer.from([5]), v.parameters]);
const parse = (text) => m.parsed(m.read(REQUEST), Buffer.concat([text, NO_IV]));

function clientOf(v) {
  const [keyId, security] = [meaning.encodeKeyId(v.keyName), nameOf(v.mode)];
  return new Client({ ...v, protocol: "TWAMP", security, keyId, secret: v.sharedSecret });
}

function serverOf(v) {
  checkSizes(v, { sid: 16 });
  const known = meaning.encodeKeyId(v.keyName);
  return new Server({
    ...v, protocol: "TWAMP", modes: OFFERED, nextSid: () => v.sid,
    secretOf: (keyId) => (keyId.equals(known) ? v.sharedSecret : undefined),
  });
}

function give(end, octets) {
  const closed = end.receive(octets).find((event) => event.closed);
  need(!closed, closed?.why);
  return end.take().octets;
}

// A connection with one session: its messages, and T3 and T4.
function connect(v) {
  const [client, server] = [clientOf(v), serverOf(v)];
  const serverGreeting = server.take().octets;
  const setUpResponse = give(client, serverGreeting);
  const serverStart = give(server, setUpResponse);
  give(client, serverStart);
  client.ask(REQUEST, parse(requestOf(v)));
  const requestSession = client.take().octets;
  const acceptSession = give(server, requestSession);
  give(client, acceptSession);
  const [{ t3, t4, mode }] = client.sessions;
  const setUp = { serverGreeting, setUpResponse, serverStart };
  const sent = { ...setUp, requestSession, acceptSession, t3, t4 };
  return { sent, keys: { t3, t4, mode } };
}

const senderPacket = (keys, v) => packetSeal("Sender", {
  ...keys, sequenceNumber: v.sequenceNumber, timestamp: v.timestamp, errorEstimate: ERROR_ESTIMATE,
  padding: m.NONE,
}).packet;

const TYPES = {
  SessionRun(v) {
    const { sent, keys } = connect(v);
    const packet = senderPacket(keys, v);
    const times = { receiveTimestamp: v.receiveTimestamp, timestamp: v.reflectorTimestamp };
    const own = { ...keys, ...times, errorEstimate: ERROR_ESTIMATE, ttl: TTL };
    const answer = reflect(own, packet, 0);
    const returned = packetOpen("Reflector", { ...keys, packet: answer });
    const returnedSequenceNumber = returned.senderSequenceNumber;
    return { ...sent, senderPacket: packet, reflectorPacket: answer, returnedSequenceNumber };
  },
  ControlKeysFromLostTestKeys(v) {
    const { sent } = connect(v);
    const { t1, t2 } = controlKeys(v.sid, sent.t3, sent.t4);
    const text = aes("cbc", t1, v.clientIv, sent.requestSession, true);
    return { ...sent, recoveredT1: t1, recoveredT2: t2, decryptedRequest: text };
  },
  TokenForged(v) {
    const server = serverOf(v);
    const serverGreeting = server.take().octets;
    const [chosen, clientTokens] = [[v.challenge], []];
    v.clientT1.forEach((t1, index) => {
      const client = clientOf({ ...v, t1, t2: v.clientT2[index] });
      const lure = { modes: OFFERED, challenge: chosen.at(-1), salt: v.salt, count: v.count };
      const response = give(client, m.parts("Server-Greeting", lure)[0]);
      clientTokens.push(m.parsed(m.read("Set-Up-Response"), response).token);
      chosen.push(clientTokens.at(-1).subarray(0, 16));
    });
    const token = Buffer.concat(chosen.slice(1));
    const { t1, t2 } = unseal(v.sharedSecret, { ...v, token });
    const fields = { mode: v.mode, keyId: meaning.encodeKeyId(v.keyName), token, clientIv: v.clientIv };
    const [setUpResponse] = m.parts("Set-Up-Response", fields);
    const serverStart = give(server, setUpResponse);
    const adversary = Direction.sending(t1, t2, v.clientIv);
    const request = adversary.write(requestOf(v));
    const requestSession = Buffer.concat([request, adversary.writeHmac().octets]);
    const acceptSession = give(server, requestSession);
    const [{ t3, t4 }] = server.sessions;
    return {
      serverGreeting, chosenChallenges: chosen.slice(0, -1), clientTokens, token, t1, t2,
      setUpResponse, serverStart, accept: serverStart[15], requestSession, acceptSession, t3, t4,
    };
  },
  OwnPacketToSender(v) {
    const keys = { ...testKeys(v.sid, v.t1, v.t2), mode: v.testMode };
    const packet = senderPacket(keys, v);
    const claimed = {
      sequenceNumber: 0, timestamp: v.reflectorTimestamp, errorEstimate: ERROR_ESTIMATE,
      receiveTimestamp: v.receiveTimestamp, senderSequenceNumber: v.senderSequenceNumber,
      senderTimestamp: v.senderTimestamp, senderErrorEstimate: ERROR_ESTIMATE, senderTtl: TTL,
      padding: m.NONE,
    };
    const isAuthenticated = v.testMode === "authenticated";
    const clear = packetSeal("Reflector", { ...keys, mode: "authenticated", ...claimed }).packet;
    const size = isAuthenticated ? 16 : 32; // what of the sender's packet is encrypted
    const parts = [packet.subarray(0, size), clear.subarray(size, 96), packet.subarray(-16)];
    const reflectedPacket = Buffer.concat(parts);
    const found = packetOpen("Reflector", { ...keys, packet: reflectedPacket });
    need(found.senderSequenceNumber <= v.sequenceNumber, "Sender Sequence Number: never sent");
    const acceptedSequenceNumber = found.sequenceNumber;
    const { t3, t4 } = keys;
    return { t3, t4, senderPacket: packet, reflectedPacket, acceptedSequenceNumber };
  },
  PacketToOtherSession(v) {
    const keysOf = (sid) =>
      (v.keys === "shared" ? { t3: v.t1, t4: v.t2 } : testKeys(sid, v.t1, v.t2));
    const [sender, receiver] = [keysOf(v.senderSid), keysOf(v.receiverSid)];
    const packet = senderPacket({ ...sender, mode: v.testMode }, v);
    const received = Buffer.from(packet);
    if (v.testMode === "authenticated") v.receivedTimestamp.copy(received, 16); // in clear
    const found = packetOpen("Sender", { ...receiver, mode: v.testMode, packet: received });
    return {
      senderT3: sender.t3, senderT4: sender.t4, receiverT3: receiver.t3, receiverT4: receiver.t4,
      senderPacket: packet, receivedPacket: received, acceptedSequenceNumber: found.sequenceNumber,
    };
  },
};

module.exports = { ERROR_ESTIMATE, TTL, TYPES, give, nameOf };

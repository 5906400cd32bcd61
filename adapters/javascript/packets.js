// Test packets of OWAMP and TWAMP, sealed, opened and reflected.
// SPDX-License-Identifier: Apache-2.0
"use strict";
const crypto = require("node:crypto");
const { NO_IV, aes, checkSizes, hmac16, need, sized } = require("./cryptography");

const NONE = Buffer.alloc(0);

// The fields of a test packet before its HMAC, with their sizes; "mbz" is sent as zeros.
const PLAIN = "sequenceNumber:4 timestamp:8 errorEstimate:2";
const PADDED = "sequenceNumber:4 mbz:12 timestamp:8 errorEstimate:2 mbz:6";
const LAYOUTS = {
  Sender: { open: PLAIN, closed: PADDED },
  Reflector: {
    open: `${PLAIN} mbz:2 receiveTimestamp:8 senderSequenceNumber:4 senderTimestamp:8 \
senderErrorEstimate:2 mbz:2 senderTtl:1`,
    closed: `${PADDED} receiveTimestamp:8 mbz:8 senderSequenceNumber:4 mbz:12 senderTimestamp:8 \
senderErrorEstimate:2 mbz:6 senderTtl:1 mbz:15`,
  },
};
const INTEGERS = ["sequenceNumber", "senderSequenceNumber", "senderTtl"];
function layoutOf(kind, v) {
  const isOpen = (v.mode ?? "unauthenticated") === "unauthenticated";
  if (!isOpen) checkSizes(v, { t3: 16, t4: 32 });
  const layout = LAYOUTS[kind][isOpen ? "open" : "closed"];
  const fields = layout.split(" ").map((field) => field.split(":")).map(([a, b]) => [a, Number(b)]);
  const total = fields.reduce((sum, [, size]) => sum + size, 0);
  return { fields, total, covered: { authenticated: 16, encrypted: total }[v.mode] ?? 0 };
}

const blocks = (v, data, decrypt) =>
  aes(v.mode === "authenticated" ? "ecb" : "cbc", v.t3, NO_IV, data, decrypt);

// An Error Estimate to be sent: without Z, and never with Multiplier 0 (RFC 4656 §4.1.2).
function ownEstimate(octets) {
  const [high, multiplier] = sized("Error Estimate", octets, 2);
  need(multiplier, "Multiplier: expected 1 to 255, found 0");
  return Buffer.from([high & 0xbf, multiplier]);
}

function packetSeal(kind, given) {
  const v = { ...given, errorEstimate: ownEstimate(given.errorEstimate) };
  const { fields, covered } = layoutOf(kind, v);
  const text = Buffer.concat(fields.map(([name, size]) => {
    if (name === "mbz") return Buffer.alloc(size);
    if (!INTEGERS.includes(name)) return sized(name, v[name], size);
    need(v[name] >= 0 && v[name] < 256 ** size, `${name}: out of range`);
    const octets = Buffer.alloc(size);
    octets.writeUIntBE(v[name], 0, size);
    return octets;
  }));
  const coveredText = text.subarray(0, covered);
  const tag = covered ? hmac16(v.t4, coveredText) : coveredText;
  const sealed = covered ? blocks(v, coveredText) : coveredText;
  const parts = [sealed, text.subarray(covered), tag, v.padding];
  return { coveredText, hmac: tag, packet: Buffer.concat(parts) };
}

function packetOpen(kind, v) {
  const { fields, total, covered } = layoutOf(kind, v);
  const end = total + (covered ? 16 : 0);
  need(v.packet.length >= end, `test packet: expected at least ${end} octets`);
  const text = Buffer.from(v.packet.subarray(0, total));
  if (covered) blocks(v, text.subarray(0, covered), true).copy(text);
  const tag = covered ? hmac16(v.t4, text.subarray(0, covered)) : NONE;
  need(crypto.timingSafeEqual(tag, v.packet.subarray(total, end)), "HMAC: another", "HMAC");
  const found = { padding: v.packet.subarray(end) };
  let at = 0;
  for (const [name, size] of fields) {
    const octets = text.subarray(at, (at += size));
    if (name !== "mbz") found[name] = INTEGERS.includes(name) ? octets.readUIntBE(0, size) : octets;
  }
  need(found.errorEstimate[1] !== 0, "Multiplier: expected 1 to 255, found 0");
  return found;
}

// The answer of a Session-Reflector, as long as the packet if its padding allows.
function reflect(v, packet) {
  const found = packetOpen("Sender", { ...v, packet });
  const values = {
    ...v, senderSequenceNumber: found.sequenceNumber, padding: NONE,
    senderTimestamp: found.timestamp, senderErrorEstimate: found.errorEstimate, senderTtl: v.ttl,
  };
  const header = packetSeal("Reflector", values).packet;
  const room = Math.max(0, packet.length - header.length);
  return Buffer.concat([header, found.padding.subarray(0, room)]);
}

// A Session-Sender's packets; its numbers end where their field does (RFC 4656 §4.1.2).
function run(v) {
  const numbered = v.timestamps.slice(0, Math.max(0, 2 ** 32 - v.firstSequenceNumber));
  const packets = numbered.map((timestamp, place) => packetSeal("Sender", {
    ...v, timestamp, sequenceNumber: v.firstSequenceNumber + place, padding: NONE,
  }).packet);
  return { packets };
}

const TYPES = {
  SenderPacketBuild: (v) => packetSeal("Sender", v),
  SenderPacketParse: (v) => packetOpen("Sender", v),
  ReflectorPacketBuild: (v) => packetSeal("Reflector", v),
  ReflectorPacketParse: (v) => packetOpen("Reflector", v),
  ReflectUnprotected: (v) => ({ answer: reflect(v, v.packet) }),
  SenderPacketSeal: (v) => packetSeal("Sender", v),
  SenderPacketOpen: (v) => packetOpen("Sender", v),
  ReflectorPacketSeal: (v) => packetSeal("Reflector", v),
  ReflectorPacketOpen: (v) => packetOpen("Reflector", v),
  SenderRun: run,
  SenderRunUnprotected: run,
  Reflect: (v) => ({ answer: reflect(v, v.packet) }),
};

module.exports = { TYPES, packetOpen, packetSeal, reflect };

// Every message of OWAMP-Control and TWAMP-Control in plaintext, and what their fields mean.
// SPDX-License-Identifier: Apache-2.0
"use strict";
const { need, sized } = require("./cryptography");

const HMAC = "HMAC"; // what a reader asks for in place of a number of octets
const NONE = Buffer.alloc(0);
const NO_RESULTS = { finished: 0, nextSeqno: 0, numberOfSkipRanges: 0, numberOfRecords: 0 };
const REQUEST = `ipvn:1 confSender:1 confReceiver:1 numberOfSlots:4 numberOfPackets:4 senderPort:2 \
receiverPort:2 senderAddress:16 receiverAddress:16 sid:16 paddingLength:4 startTime:8 timeout:8 \
typeP:4 mbz:8`;
const LOST = 0x3f01; // S 0, Multiplier 1; Scale 64, which does not fit, is 63
const STOP = "=3:1 accept:1 mbz:2 numberOfSessions:4 mbz:8";

// Fields with their sizes; up to 4 octets they are integers; "=1" is a constant.
const LAYOUTS = {
  "Server-Greeting": "mbz:12 modes:4 challenge:16 salt:16 count:4 mbz:12",
  "Set-Up-Response": "mode:4 keyId:80 token:64 clientIv:16",
  "Server-Start": "mbz:15 accept:1 serverIv:16 startTime:8 mbz:8",
  "Request-Session": `=1:1 ${REQUEST}`,
  "Request-TW-Session": `=5:1 ${REQUEST}`,
  "Accept-Session": "accept:1 mbz:1 port:2 sid:16 mbz:12",
  "Start-Sessions": "=2:1 mbz:15",
  "Start-Ack": "accept:1 mbz:15",
  "Stop-Sessions (OWAMP)": STOP,
  "Stop-Sessions (TWAMP)": STOP,
  "Fetch-Session": "=4:1 mbz:7 beginSeq:4 endSeq:4 sid:16",
  "Fetch-Ack": "accept:1 finished:1 mbz:2 nextSeqno:4 numberOfSkipRanges:4 numberOfRecords:4",
  slot: "slotType:1 mbz:7 parameter:8",
  skipRange: "first:4 last:4",
  session: "sid:16 nextSeqno:4 numberOfSkipRanges:4",
  record: `seqNumber:4 sendErrorEstimate:2 receiveErrorEstimate:2 sendTimestamp:8 \
receiveTimestamp:8 ttl:1`,
};
const CLEAR = ["Server-Greeting", "Set-Up-Response", "Server-Start"]; // without an HMAC

for (const [name, layout] of Object.entries(LAYOUTS)) {
  LAYOUTS[name] = layout.split(" ").map((field) => field.split(":"))
    .map(([field, size]) => ({ name: field, size: Number(size) }));
}
const sizeOf = (layout) => LAYOUTS[layout].reduce((sum, { size }) => sum + size, 0);
const pad = (size) => (16 - (size % 16)) % 16;
const padded = (octets) => Buffer.concat([octets, Buffer.alloc(pad(octets.length))]);

function unpack(layout, octets) {
  const found = {};
  let at = 0;
  for (const { name, size } of LAYOUTS[layout]) {
    const part = octets.subarray(at, (at += size));
    if (name.startsWith("=")) need(part[0] === Number(name.slice(1)), "another command number");
    else if (name !== "mbz") found[name] = size > 4 ? part : part.readUIntBE(0, size);
  }
  if ("ipvn" in found) found.ipvn &= 15; // the other half is MBZ
  return found;
}

function pack(layout, values) {
  return Buffer.concat(LAYOUTS[layout].map(({ name, size }) => {
    if (name !== "mbz" && size > 4) return sized(name, values[name], size);
    const octets = Buffer.alloc(size);
    if (name.startsWith("=")) octets[0] = Number(name.slice(1));
    else if (name !== "mbz") octets.writeUIntBE(values[name], 0, size);
    return octets;
  }));
}

function unpackAll(layout, octets) {
  const size = sizeOf(layout);
  const starts = Array.from({ length: octets.length / size }, (_, index) => index * size);
  return starts.map((start) => unpack(layout, octets.subarray(start, start + size)));
}

const packAll = (layout, items) => Buffer.concat(items.map((item) => pack(layout, item)));

function skipRanges(octets) { // in order and disjoint (RFC 4656 §3.8)
  const ranges = unpackAll("skipRange", octets);
  let floor = 0;
  for (const { first, last } of ranges) {
    need(first >= floor && last >= first, "Skip Ranges: expected ascending, disjoint ranges");
    floor = last + 1;
  }
  return ranges;
}

// Readers are generators: they yield how many octets they want, or HMAC, and are given them.
function* readSession() {
  const size = sizeOf("session");
  const head = yield size + pad(size);
  const { numberOfSkipRanges, ...session } = unpack("session", head);
  const end = size + 8 * numberOfSkipRanges;
  const rest = yield end + pad(end) - head.length;
  return { ...session, skipRanges: skipRanges(Buffer.concat([head, rest]).subarray(size, end)) };
}

const BODIES = { // what follows the fixed part of a message
  *"Request-Session"({ numberOfSlots, ...fields }) {
    yield HMAC;
    const slots = unpackAll("slot", yield 16 * numberOfSlots);
    yield HMAC;
    return { ...fields, slots };
  },
  *"Stop-Sessions (OWAMP)"({ accept, numberOfSessions }) {
    const sessions = [];
    while (sessions.length < numberOfSessions) sessions.push(yield* readSession());
    yield HMAC;
    return { accept, sessions };
  },
};

function* read(name, first = NONE) {
  const rest = yield sizeOf(name) - first.length;
  const fields = unpack(name, Buffer.concat([first, rest]));
  if (name in BODIES) return yield* BODIES[name](fields);
  if (!CLEAR.includes(name)) yield HMAC;
  return fields;
}

function* readFetched(ack) { // the session data after Fetch-Ack (RFC 4656 §3.9)
  const request = yield* read("Request-Session");
  const [ranges, records] = [8 * ack.numberOfSkipRanges, 25 * ack.numberOfRecords];
  const skipped = skipRanges((yield ranges + pad(ranges)).subarray(0, ranges));
  yield HMAC;
  const received = unpackAll("record", (yield records + pad(records)).subarray(0, records));
  yield HMAC;
  return { request, skipRanges: skipped, records: received };
}

// The value of a reader that is given these octets, and needs all of them.
function parsed(reader, octets) {
  let at = 0;
  let step = reader.next();
  while (!step.done) {
    const end = at + (step.value === HMAC ? 16 : step.value);
    need(end <= octets.length, `expected at least ${end} octets, found ${octets.length}`);
    step = reader.next(octets.subarray(at, end));
    at = end;
  }
  need(at === octets.length, `expected ${at} octets, found ${octets.length}`);
  return step.value;
}

const octetOf = (flag) => Number(Boolean(flag));

const NOT_OF_TWAMP = { // RFC 5357 §3.5
  confSender: 0, confReceiver: 0, numberOfSlots: 0, numberOfPackets: 0, sid: Buffer.alloc(16),
};

// The fields as their sender may send them.
function sendable(name, fields) {
  if (name === "Fetch-Ack") { // RFC 4656 §3.9
    const { accept, finished } = fields;
    if (accept) return { ...NO_RESULTS, accept };
    return finished ? fields : { ...fields, nextSeqno: 0, numberOfSkipRanges: 0 };
  }
  if (!("ipvn" in fields)) return fields;
  const addressOf = (address) => // RFC 4656 §3.5
    (fields.ipvn === 4 ? Buffer.concat([address.subarray(0, 4)], 16) : address);
  return {
    ...fields, confSender: octetOf(fields.confSender), confReceiver: octetOf(fields.confReceiver),
    senderAddress: addressOf(fields.senderAddress),
    receiverAddress: addressOf(fields.receiverAddress),
    ...(name === "Request-TW-Session" ? NOT_OF_TWAMP : {}),
  };
}

// The parts of a message; an HMAC follows each, unless it is in clear.
function parts(name, given) {
  const fields = sendable(name, given);
  if (name === "Session data") {
    const [skipped, records] = [fields.skipRanges, fields.records];
    const lists = [packAll("skipRange", skipped), packAll("record", records)].map(padded);
    return [...parts("Request-Session", fields.request), ...lists];
  }
  const { slots, sessions } = fields;
  const counts = { numberOfSlots: slots?.length, numberOfSessions: sessions?.length };
  if (slots) return [pack(name, { ...fields, ...counts }), packAll("slot", slots)];
  if (!sessions) return [pack(name, fields)];
  const records = sessions.map((session) => {
    const record = { ...session, numberOfSkipRanges: session.skipRanges.length };
    const ranges = packAll("skipRange", session.skipRanges);
    return padded(Buffer.concat([pack("session", record), ranges]));
  });
  return [Buffer.concat([pack(name, { ...fields, ...counts }), ...records])];
}

function canonical(name, fields) {
  const hmac = Buffer.alloc(CLEAR.includes(name) ? 0 : 16);
  return Buffer.concat(parts(name, fields).flatMap((part) => [part, hmac]));
}

const TYPES = {
  MessageParse(v) {
    const fields = parsed(read(v.message), v.octets);
    return { fields, canonical: canonical(v.message, fields) };
  },
  FetchDataParse(v) {
    const fields = parsed(readFetched(parsed(read("Fetch-Ack"), v.fetchAck)), v.octets);
    return { fields, canonical: canonical("Session data", fields) };
  },
  LostPacketRecord: (v) => ({
    record: pack("record", {
      ...v, receiveErrorEstimate: sized("Error Estimate", v.receiveErrorEstimate, 2).readUInt16BE(),
      sendErrorEstimate: LOST, receiveTimestamp: Buffer.alloc(8), ttl: 255,
    }),
  }),
};

module.exports = { CLEAR, HMAC, NONE, NO_RESULTS, TYPES, parsed, parts, read, readFetched };

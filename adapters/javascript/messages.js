// Every message of OWAMP-Control and TWAMP-Control in plaintext, and what their fields mean.
// SPDX-License-Identifier: Apache-2.0
"use strict";
const { PRFS, need, secretFromSkD, sized } = require("./cryptography");

const HMAC = "HMAC"; // what a reader asks for in place of a number of octets
const NONE = Buffer.alloc(0);
const REQUEST = `ipvn:1 confSender:1 confReceiver:1 numberOfSlots:4 numberOfPackets:4 senderPort:2 \
receiverPort:2 senderAddress:16 receiverAddress:16 sid:16 paddingLength:4 startTime:8 timeout:8 \
typeP:4 mbz:8`;
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
  const rest = end > head.length ? yield end + pad(end) - head.length : NONE;
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

// The parts of a message; an HMAC follows each, unless it is in clear.
function parts(name, fields) {
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

const MODES = { unauthenticated: 1, authenticated: 2, encrypted: 4, mixed: 8 };
const IKEV2_DERIVED = { OWAMP: 16, TWAMP: 128 };
const SECURITY_BITS = { OWAMP: 7, TWAMP: 15 };

function chooseMode(protocol, offered, chosen) { // RFC 4656 §3.1, RFC 7717 §5.1
  const bits = chosen & SECURITY_BITS[protocol];
  const security = Object.keys(MODES).find((name) => MODES[name] === bits);
  need(security, "Mode: expected exactly one security bit");
  need(bits & offered, "Mode: not offered");
  const ikev2Derived = (chosen & IKEV2_DERIVED[protocol]) !== 0;
  const mayBe = (offered & IKEV2_DERIVED[protocol]) !== 0 && bits !== 1;
  need(mayBe || !ikev2Derived, "Mode: IKEv2Derived not offered, or without protection");
  return { security, ikev2Derived };
}

// The field for which no server grants a request, or "" (RFC 4656 §3.5, RFC 5357 §3.5).
function problemOf(protocol, request) {
  if (![4, 6].includes(request.ipvn)) return "IPVN";
  if (protocol === "OWAMP") {
    if (!request.confSender && !request.confReceiver) return "Conf-Sender, Conf-Receiver";
    if (!request.slots.length) return "Number of Schedule Slots";
    return request.slots.some((slot) => slot.slotType > 1) ? "Slot Type" : "";
  }
  const zeros = {
    "Conf-Sender": request.confSender, "Conf-Receiver": request.confReceiver,
    "Number of Schedule Slots": request.numberOfSlots,
    "Number of Packets": request.numberOfPackets, SID: request.sid.some((octet) => octet),
  };
  return Object.keys(zeros).find((name) => zeros[name]) ?? "";
}

const requestOf = (protocol) => (protocol === "OWAMP" ? "Request-Session" : "Request-TW-Session");
const counted = (accept) => (accept <= 6 ? accept : 1); // RFC 4656 §3.3

function encodeKeyId(name) {
  const octets = Buffer.from(name);
  need(octets.toString() === name, "KeyID: expected a UTF-8 string");
  need(octets.length <= 80 && !octets.includes(0), "KeyID: too long, or with a zero octet");
  return Buffer.concat([octets, Buffer.alloc(80)], 80);
}

function decodeKeyId(keyId) {
  const end = sized("KeyID", keyId, 80).findLastIndex((octet) => octet) + 1;
  const octets = keyId.subarray(0, end);
  need(!octets.includes(0), "KeyID: a zero octet before the padding");
  const name = octets.toString();
  need(Buffer.from(name).equals(octets), "KeyID: not UTF-8");
  return name;
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
  AcceptValue: (v) => ({ interpretation: counted(v.accept) }),
  ModeChoice: (v) => chooseMode(v.protocol, v.offered, v.chosen),
  RequestCheck(v) {
    const field = problemOf(v.protocol, parsed(read(requestOf(v.protocol)), v.octets));
    return { accept: field ? 3 : 0, field };
  },
  ErrorEstimate(v) {
    const [high, multiplier] = sized("Error Estimate", v.octets, 2);
    need(multiplier, "Multiplier: expected 1 to 255, found 0");
    const withoutZ = Buffer.from([high & 0xbf, multiplier]);
    return { synchronized: high > 127, scale: high & 63, multiplier, canonical: withoutZ };
  },
  KeyIdEncode: (v) => ({ keyId: encodeKeyId(v.name) }),
  KeyIdDecode: (v) => ({ name: decodeKeyId(v.keyId) }),
  SharedSecretForKeyId(v) {
    const spis = sized("KeyID", v.keyId, 80).subarray(0, 16).toString("hex");
    const sa = v.ikeSas.find(({ spiI, spiR }) => spiI + spiR === spis);
    if (!sa) return { accept: 6, sharedSecretKey: NONE };
    return { accept: 0, sharedSecretKey: secretFromSkD(PRFS[sa.prf], Buffer.from(sa.skD, "hex")) };
  },
};

module.exports = {
  CLEAR, HMAC, IKEV2_DERIVED, MODES, NONE, SECURITY_BITS, TYPES, chooseMode, encodeKeyId, parsed,
  parts, problemOf, read, readFetched, requestOf,
};

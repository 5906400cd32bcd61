// What the fields of the messages mean: Mode, requests, Accept, Error Estimate, KeyID.
// SPDX-License-Identifier: Apache-2.0
"use strict";
const { need, sized } = require("./cryptography");
const m = require("./messages");

const MODES = { unauthenticated: 1, authenticated: 2, encrypted: 4, mixed: 8 };
const IKEV2_DERIVED = { OWAMP: 16, TWAMP: 128 };
const SECURITY_BITS = { OWAMP: 7, TWAMP: 15 };

function chooseMode(protocol, offered, chosen) { // RFC 4656 §3.1, RFC 7717 §5.1
  const bits = chosen & SECURITY_BITS[protocol];
  const security = Object.keys(MODES).find((name) => MODES[name] === bits);
  need(security, "Mode: expected exactly one security bit", "negotiation");
  need(bits & offered, "Mode: not offered", "negotiation");
  const ikev2 = chosen & offered & IKEV2_DERIVED[protocol]; // not offered, it has no meaning
  return { security, ikev2Derived: Boolean(ikev2) && security !== "unauthenticated" };
}

// What is 0 in TWAMP, by the names of the fields (RFC 5357 §3.5).
const zerosOf = (request) => ({
  "Conf-Sender": request.confSender, "Conf-Receiver": request.confReceiver,
  "Number of Schedule Slots": request.numberOfSlots,
  "Number of Packets": request.numberOfPackets, SID: request.sid.some((octet) => octet),
});

// The field for which no server grants a request, or "" (RFC 4656 §3.5, RFC 5357 §3.5).
function problemOf(protocol, request) {
  if (protocol === "TWAMP") {
    const zeros = zerosOf(request);
    const wrong = Object.keys(zeros).find((name) => zeros[name]);
    if (wrong) return wrong;
  }
  if (![4, 6].includes(request.ipvn)) return "IPVN";
  const isToSend = protocol === "TWAMP" || request.confSender;
  if (request.typeP >>> 30 && isToSend) return "Type-P Descriptor";
  if (protocol === "TWAMP") return "";
  if (!request.confSender && !request.confReceiver) return "Conf-Sender, Conf-Receiver";
  if (!request.slots.length) return "Number of Schedule Slots";
  return request.slots.some((slot) => slot.slotType > 1) ? "Slot Type" : "";
}

// Whether its client may send a request (RFC 4656 §3.5, RFC 5357 §3.5).
function mayBeSent(protocol, request) {
  const { confSender, confReceiver } = request;
  if (protocol === "OWAMP") return Boolean((confSender || confReceiver) && request.slots.length);
  return !Object.values(zerosOf(request)).some(Boolean);
}

// Whether a request has the SID of its session: it is made by who receives (RFC 4656 §3.5).
const namesSid = ({ confSender, confReceiver }) => Boolean(confSender && !confReceiver);

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
  AcceptValue: (v) => ({ interpretation: counted(v.accept) }),
  ModeChoice: (v) => chooseMode(v.protocol, v.offered, v.chosen),
  RequestCheck(v) {
    const field = problemOf(v.protocol, m.parsed(m.read(requestOf(v.protocol)), v.octets));
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
};

module.exports = {
  IKEV2_DERIVED, MODES, SECURITY_BITS, TYPES, chooseMode, encodeKeyId, mayBeSent,
  namesSid, problemOf, requestOf,
};

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
  IKEV2_DERIVED, MODES, SECURITY_BITS, TYPES, chooseMode, encodeKeyId, problemOf, requestOf,
};

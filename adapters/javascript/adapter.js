// The cryptography of O/TWAMP over node:crypto, for `owamp-vectors conform -- node adapter.js`.
// An example and a cross-check, not for production. SPDX-License-Identifier: Apache-2.0
"use strict";
const crypto = require("node:crypto");

class Refused extends Error {}
const NO_IV = Buffer.alloc(16);
const PRFS = {
  PRF_HMAC_SHA1: { hash: "sha1", size: 20 }, PRF_HMAC_SHA2_256: { hash: "sha256", size: 32 },
  PRF_HMAC_SHA2_384: { hash: "sha384", size: 48 }, PRF_HMAC_SHA2_512: { hash: "sha512", size: 64 },
  PRF_AES128_XCBC: { aes: xcbc, size: 16 }, PRF_AES128_CMAC: { aes: cmac, size: 16 },
};
const need = (condition, reason) => { if (!condition) throw new Refused(reason); };

function sized(name, octets, size) {
  need(octets.length === size, `${name}: expected ${size} octets, found ${octets.length}`);
  return octets;
}

const checkSizes = (v, sizes) =>
  Object.entries(sizes).map(([name, size]) => sized(name, v[name], size));
const hmac = (hash, key, ...parts) =>
  crypto.createHmac(hash, key).update(Buffer.concat(parts)).digest();
const hmac16 = (key, text) => hmac("sha1", key, text).subarray(0, 16);
const xor = (a, b) => Buffer.from(a.map((octet, index) => octet ^ b[index]));

// AES-128 of whole blocks, without padding; mode "ecb" has no IV.
function aes(mode, key, iv, data, decrypt = false) {
  const make = decrypt ? crypto.createDecipheriv : crypto.createCipheriv;
  const cipher = make(`aes-128-${mode}`, key, mode === "ecb" ? null : iv).setAutoPadding(false);
  return Buffer.concat([cipher.update(data), cipher.final()]);
}

// The last block of CBC with the last one masked: what XCBC and CMAC have in common.
function cbcMac(key, data, whole, padded) {
  const start = Math.floor(Math.max(0, data.length - 1) / 16) * 16;
  const padding = Buffer.concat([Buffer.from([0x80]), NO_IV]);
  const block = Buffer.concat([data.subarray(start), padding], 16);
  const last = xor(block, data.length - start === 16 ? whole : padded);
  return aes("cbc", key, NO_IV, Buffer.concat([data.subarray(0, start), last])).subarray(-16);
}

function xcbcMac(key, data) { // RFC 3566 §4
  const [k1, k2, k3] = [1, 2, 3].map((n) => aes("ecb", key, null, Buffer.alloc(16, n)));
  return cbcMac(k1, data, k2, k3);
}

function xcbc(key, data) { // RFC 4434 §2
  return xcbcMac(key.length > 16 ? xcbcMac(NO_IV, key) : Buffer.concat([key, NO_IV], 16), data);
}

function cmacMac(key, data) { // RFC 4493 §2.4
  const double = (block) => {
    const shifted = Buffer.from(block.map((octet, i) => (octet << 1) | ((block[i + 1] ?? 0) >> 7)));
    if (block[0] & 0x80) shifted[15] ^= 0x87;
    return shifted;
  };
  const k1 = double(aes("ecb", key, null, NO_IV));
  return cbcMac(key, data, k1, double(k1));
}

function cmac(key, data) { // RFC 4615 §3
  return cmacMac(key.length === 16 ? key : cmacMac(NO_IV, key), data);
}

function prf(p, key, ...parts) {
  need(key.length > 0, "prf key: expected at least 1 octet");
  return p.hash ? hmac(p.hash, key, ...parts) : p.aes(key, Buffer.concat(parts));
}

function prfPlus(p, key, seed, size) { // RFC 7296 §2.13
  need(size <= 255 * p.size, "prf+ is not defined for more than 255 blocks");
  const blocks = [];
  let block = Buffer.alloc(0);
  for (let n = 1; (n - 1) * p.size < size; n++) {
    block = prf(p, key, block, seed, Buffer.from([n]));
    blocks.push(block);
  }
  return Buffer.concat(blocks).subarray(0, size);
}

function checkNonces(p, v) {
  const low = Math.max(16, p.size / 2);
  const fits = [v.ni, v.nr].every((nonce) => nonce.length >= low && nonce.length <= 256);
  need(fits, `nonce: expected ${low} to 256 octets`);
  return [v.ni, v.nr];
}

function skeyseed(p, v) {
  const nonces = checkNonces(p, v);
  const prfKey = Buffer.concat(p.aes ? nonces.map((nonce) => nonce.subarray(0, 8)) : nonces);
  return { prfKey, skeyseed: prf(p, prfKey, v.sharedSecret) };
}

function ikeSaKeys(p, v, seedKey) {
  const nonces = checkNonces(p, v);
  const seed = Buffer.concat([...nonces, ...checkSizes(v, { spiI: 8, spiR: 8 })]);
  const [a, e] = [v.integritySize, v.encryptionSize];
  const sizes = { skD: p.size, skAi: a, skAr: a, skEi: e, skEr: e, skPi: p.size, skPr: p.size };
  const stream = prfPlus(p, seedKey, seed, 3 * p.size + 2 * a + 2 * e);
  const keys = { seed };
  let at = 0;
  for (const [name, size] of Object.entries(sizes)) keys[name] = stream.subarray(at, (at += size));
  return keys;
}

function keymat(p, v, secret) {
  const seed = Buffer.concat([secret, ...checkNonces(p, v)]);
  return { seed, keymat: prfPlus(p, v.skD, seed, v.length) };
}

const secretFromKeymat = (p, material, sid) => prf(p, material, sized("SID", sid, 16));
const secretFromSkD = (p, skD) => prf(p, skD, Buffer.from("IPPM"));
const keyIdOf = (v) => Buffer.concat([...checkSizes(v, { spiI: 8, spiR: 8 }), Buffer.alloc(64)]);
const tokenKey = (secret, v) =>
  crypto.pbkdf2Sync(secret, sized("Salt", v.salt, 16), v.count, 16, "sha1");

function seal(secret, v) {
  const plaintext = Buffer.concat(checkSizes(v, { challenge: 16, t1: 16, t2: 32 }));
  const key = tokenKey(secret, v);
  return { tokenKey: key, plaintext, token: aes("cbc", key, NO_IV, plaintext) };
}

function checkedSeal(secret, v) {
  const allowed = v.count >= 1024 && v.count <= v.maxCount && Number.isInteger(Math.log2(v.count));
  need(allowed, `Count: expected a power of 2 from 1024 to ${v.maxCount}`);
  return seal(secret, v);
}

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
  checkSizes(v, { t3: 16, t4: 32 });
  const layout = LAYOUTS[kind][v.mode === "unauthenticated" ? "open" : "closed"];
  const fields = layout.split(" ").map((field) => field.split(":")).map(([a, b]) => [a, Number(b)]);
  const total = fields.reduce((sum, [, size]) => sum + size, 0);
  return { fields, total, covered: { authenticated: 16, encrypted: total }[v.mode] ?? 0 };
}

const blocks = (v, data, decrypt) =>
  aes(v.mode === "authenticated" ? "ecb" : "cbc", v.t3, NO_IV, data, decrypt);

function packetSeal(kind, v) {
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
  const parts = [blocks(v, coveredText), text.subarray(covered), tag, v.padding];
  return { coveredText, hmac: tag, packet: Buffer.concat(parts) };
}

function packetOpen(kind, v) {
  const { fields, total, covered } = layoutOf(kind, v);
  const end = total + (covered ? 16 : 0);
  need(v.packet.length >= end, `test packet: expected at least ${end} octets`);
  const text = Buffer.from(v.packet.subarray(0, total));
  blocks(v, text.subarray(0, covered), true).copy(text);
  const tag = covered ? hmac16(v.t4, text.subarray(0, covered)) : NO_IV.subarray(16);
  need(crypto.timingSafeEqual(tag, v.packet.subarray(total, end)), "HMAC: another");
  const found = { padding: v.packet.subarray(end) };
  let at = 0;
  for (const [name, size] of fields) {
    const octets = text.subarray(at, (at += size));
    if (name !== "mbz") found[name] = INTEGERS.includes(name) ? octets.readUIntBE(0, size) : octets;
  }
  need(found.errorEstimate[1] !== 0, "Multiplier: expected 1 to 255, found 0");
  return found;
}

const TYPES = {
  TokenFromPassphrase(v) {
    need(!/[\r\n]/.test(v.passphrase), "passphrase: expected no newline");
    const sharedSecret = Buffer.from(v.passphrase);
    return { sharedSecret, ...checkedSeal(sharedSecret, v) };
  },
  TokenFromSharedSecret: (v) => checkedSeal(v.sharedSecret, v),
  TokenOpen(v) {
    const key = tokenKey(v.sharedSecret, v);
    const text = aes("cbc", key, NO_IV, sized("Token", v.token, 64), true);
    sized("Challenge", v.challenge, 16);
    need(crypto.timingSafeEqual(text.subarray(0, 16), v.challenge), "Token: another Challenge");
    return { tokenKey: key, t1: text.subarray(16, 32), t2: text.subarray(32) };
  },
  TestSessionKeys(v) {
    checkSizes(v, { sid: 16, t1: 16, t2: 32 });
    const t3 = aes("ecb", v.sid, null, v.t1);
    const t4 = aes("cbc", v.sid, NO_IV, v.t2);
    const first = t4.subarray(0, 16);
    return { t3, t4FirstBlock: first, t4SecondBlockInput: xor(first, v.t2.subarray(16)), t4 };
  },
  OneWayTestSessionKeys(v) {
    checkSizes(v, { sid: 16, t1: 16, t2: 32 });
    return { t3: hmac("sha256", v.t1, v.sid).subarray(0, 16), t4: hmac("sha256", v.t2, v.sid) };
  },
  Prf: (v, p) => ({ output: prf(p, v.key, v.data) }),
  PrfPlus: (v, p) =>
    ({ blocks: Math.ceil(v.length / p.size), output: prfPlus(p, v.key, v.seed, v.length) }),
  Skeyseed: (v, p) => skeyseed(p, v),
  IkeSaKeys: (v, p) => ikeSaKeys(p, v, v.skeyseed),
  Keymat: (v, p) => keymat(p, v, v.sharedSecret),
  RekeyedSkeyseed: (v, p) =>
    ({ skeyseed: prf(p, v.oldSkD, v.sharedSecret, ...checkNonces(p, v)) }),
  SharedSecretFromSkD: (v, p) => ({ sharedSecretKey: secretFromSkD(p, v.skD) }),
  SharedSecretFromKeymat: (v, p) => ({ sharedSecretKey: secretFromKeymat(p, v.keymat, v.sid) }),
  KeyIdFromSpis: (v) => ({ keyId: keyIdOf(v) }),
  SpisFromKeyId: (v) =>
    ({ spiI: sized("KeyID", v.keyId, 80).subarray(0, 8), spiR: v.keyId.subarray(8, 16) }),
  BindingChain(v, p) {
    const seedKey = skeyseed(p, v).skeyseed;
    const { skD } = ikeSaKeys(p, v, seedKey);
    const sharedSecretKey = secretFromSkD(p, skD);
    const named = { skeyseed: seedKey, skD, sharedSecretKey, keyId: keyIdOf(v) };
    return { ...named, ...seal(sharedSecretKey, v) };
  },
  KeymatChain(v, p) {
    const material = keymat(p, v, Buffer.alloc(0)).keymat;
    const sharedSecretKey = secretFromKeymat(p, material, v.sid);
    return { keymat: material, sharedSecretKey, ...seal(sharedSecretKey, v) };
  },
  ControlSend(v) {
    checkSizes(v, { t1: 16, t2: 32, iv: 16 });
    const [hmacs, plain] = [[], []];
    let covered = [];
    for (const segment of v.segments) {
      const text = Buffer.from(segment.text, "hex");
      need(text.length % 16 === 0, "control stream: expected whole blocks");
      plain.push(text);
      covered.push(text);
      if (segment.hmacAfter) {
        hmacs.push(hmac16(v.t2, Buffer.concat(covered)));
        plain.push(hmacs.at(-1));
        covered = [];
      }
    }
    const plaintext = Buffer.concat(plain);
    return { hmacs, plaintext, wire: aes("cbc", v.t1, v.iv, plaintext) };
  },
  ControlReceive(v) {
    checkSizes(v, { t1: 16, t2: 32, iv: 16 });
    const total = v.layout.reduce((sum, part) => sum + part.size + 16 * part.hmacAfter, 0);
    const whole = v.layout.every((part) => part.size % 16 === 0);
    need(total === v.wire.length && whole, "control stream: another size");
    const plain = aes("cbc", v.t1, v.iv, v.wire, true);
    let [at, from] = [0, 0];
    const texts = v.layout.map((part) => {
      const text = plain.subarray(at, (at += part.size));
      if (part.hmacAfter) {
        const tag = hmac16(v.t2, plain.subarray(from, at));
        need(crypto.timingSafeEqual(tag, plain.subarray(at, at + 16)), "HMAC: another");
        from = at += 16;
      }
      return text;
    });
    return { texts };
  },
  SenderPacketSeal: (v) => packetSeal("Sender", v),
  SenderPacketOpen: (v) => packetOpen("Sender", v),
  ReflectorPacketSeal: (v) => packetSeal("Reflector", v),
  ReflectorPacketOpen: (v) => packetOpen("Reflector", v),
};

function answer(question) {
  const { id, type } = question;
  if (!Object.hasOwn(TYPES, type)) return { id, unsupported: true };
  const values = { ...question.parameters, ...question.inputs };
  for (const [name, value] of Object.entries(values)) {
    const isHex = typeof value === "string" && !["passphrase", "prf", "mode"].includes(name);
    if (isHex) values[name] = Buffer.from(value, "hex");
  }
  try {
    return { id, outputs: TYPES[type](values, PRFS[values.prf]) };
  } catch (error) {
    if (error instanceof Refused) return { id, refused: error.message };
    throw error;
  }
}

Buffer.prototype.toJSON = function toJSON() { return this.toString("hex"); };
require("node:readline").createInterface({ input: process.stdin }).on("line", (line) => {
  process.stdout.write(`${JSON.stringify(answer(JSON.parse(line)))}\n`);
});

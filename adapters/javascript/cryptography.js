// The cryptography of O/TWAMP over node:crypto: keys, Token, control stream.
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

function unseal(secret, v) {
  const key = tokenKey(secret, v);
  const text = aes("cbc", key, NO_IV, sized("Token", v.token, 64), true);
  sized("Challenge", v.challenge, 16);
  need(crypto.timingSafeEqual(text.subarray(0, 16), v.challenge), "Token: another Challenge");
  return { tokenKey: key, t1: text.subarray(16, 32), t2: text.subarray(32) };
}

// T3 and T4 from T1 and T2, and back (RFC 4656 §4.1.2).
const testKeys = (sid, t1, t2) =>
  ({ t3: aes("ecb", sid, null, t1), t4: aes("cbc", sid, NO_IV, t2) });
const controlKeys = (sid, t3, t4) =>
  ({ t1: aes("ecb", sid, null, t3, true), t2: aes("cbc", sid, NO_IV, t4, true) });

// One direction of the connection: one CBC stream, and HMACs over the text since the last.
class Direction {
  constructor(t2, cipher) {
    Object.assign(this, { t2, cipher, covered: [] });
  }

  static sending(t1, t2, iv) {
    return new Direction(t2, crypto.createCipheriv("aes-128-cbc", t1, iv).setAutoPadding(false));
  }

  static receiving(t1, t2, iv) {
    return new Direction(t2, crypto.createDecipheriv("aes-128-cbc", t1, iv).setAutoPadding(false));
  }

  hmac() {
    const tag = hmac16(this.t2, Buffer.concat(this.covered));
    this.covered = [];
    return tag;
  }

  write(text) { // what goes on the wire
    this.covered.push(text);
    return this.cipher.update(text);
  }

  writeHmac() { // the HMAC, and what goes on the wire for it
    const tag = this.hmac();
    return { tag, octets: this.cipher.update(tag) };
  }

  read(octets) { // what came from it
    const text = this.cipher.update(octets);
    this.covered.push(text);
    return text;
  }

  check(octets) {
    need(crypto.timingSafeEqual(this.cipher.update(octets), this.hmac()), "HMAC: another");
  }
}

const TYPES = {
  TokenFromPassphrase(v) {
    need(!/[\r\n]/.test(v.passphrase), "passphrase: expected no newline");
    const sharedSecret = Buffer.from(v.passphrase);
    return { sharedSecret, ...checkedSeal(sharedSecret, v) };
  },
  TokenFromSharedSecret: (v) => checkedSeal(v.sharedSecret, v),
  TokenOpen: (v) => unseal(v.sharedSecret, v),
  TestSessionKeys(v) {
    checkSizes(v, { sid: 16, t1: 16, t2: 32 });
    const { t3, t4 } = testKeys(v.sid, v.t1, v.t2);
    const first = t4.subarray(0, 16);
    return { t3, t4FirstBlock: first, t4SecondBlockInput: xor(first, v.t2.subarray(16)), t4 };
  },
  ControlKeysFromTestKeys(v) {
    checkSizes(v, { sid: 16, t3: 16, t4: 32 });
    return controlKeys(v.sid, v.t3, v.t4);
  },
  SidLayout: (v) =>
    ({ sid: Buffer.concat(checkSizes(v, { address: 4, timestamp: 8, random: 4 })) }),
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
    const direction = Direction.sending(v.t1, v.t2, v.iv);
    const [hmacs, plain, wire] = [[], [], []];
    for (const { text, hmacAfter } of v.segments) {
      const octets = Buffer.from(text, "hex");
      need(octets.length % 16 === 0, "control stream: expected whole blocks");
      plain.push(octets);
      wire.push(direction.write(octets));
      if (!hmacAfter) continue;
      const hmac = direction.writeHmac();
      hmacs.push(hmac.tag);
      plain.push(hmac.tag);
      wire.push(hmac.octets);
    }
    return { hmacs, plaintext: Buffer.concat(plain), wire: Buffer.concat(wire) };
  },
  ControlReceive(v) {
    checkSizes(v, { t1: 16, t2: 32, iv: 16 });
    const total = v.layout.reduce((sum, part) => sum + part.size + 16 * part.hmacAfter, 0);
    const whole = v.layout.every((part) => part.size % 16 === 0);
    need(total === v.wire.length && whole, "control stream: another size");
    const direction = Direction.receiving(v.t1, v.t2, v.iv);
    let at = 0;
    const texts = v.layout.map(({ size, hmacAfter }) => {
      const text = direction.read(v.wire.subarray(at, (at += size)));
      if (hmacAfter) direction.check(v.wire.subarray(at, (at += 16)));
      return text;
    });
    return { texts };
  },
};

module.exports = {
  Direction, NO_IV, PRFS, Refused, TYPES, aes, checkSizes, controlKeys, hmac16, keyIdOf, need, seal,
  secretFromSkD, sized, testKeys, tokenKey, unseal,
};

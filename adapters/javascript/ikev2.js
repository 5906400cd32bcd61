// What IKEv2 makes of its secrets, as far as the shared secret and the KeyID of O/TWAMP.
// SPDX-License-Identifier: Apache-2.0
"use strict";
const { NO_IV, aes, checkSizes, hmac, need, seal, sized, xor } = require("./cryptography");

const PRFS = {
  PRF_HMAC_SHA1: { hash: "sha1", size: 20 }, PRF_HMAC_SHA2_256: { hash: "sha256", size: 32 },
  PRF_HMAC_SHA2_384: { hash: "sha384", size: 48 }, PRF_HMAC_SHA2_512: { hash: "sha512", size: 64 },
  PRF_AES128_XCBC: { aes: xcbc, size: 16 }, PRF_AES128_CMAC: { aes: cmac, size: 16 },
};

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

// As long as half the key of the prf that is negotiated (RFC 7296 §2.10).
function checkNonces(v, p) {
  const low = Math.max(16, (p?.size ?? 0) / 2);
  const fits = [v.ni, v.nr].every((nonce) => nonce.length >= low && nonce.length <= 256);
  need(fits, `nonce: expected ${low} to 256 octets`);
  return [v.ni, v.nr];
}

function skeyseed(p, v) {
  const nonces = checkNonces(v, p);
  const prfKey = Buffer.concat(p.aes ? nonces.map((nonce) => nonce.subarray(0, 8)) : nonces);
  return { prfKey, skeyseed: prf(p, prfKey, v.sharedSecret) };
}

function ikeSaKeys(p, v, seedKey) {
  const nonces = checkNonces(v, p);
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
  const seed = Buffer.concat([secret, ...checkNonces(v, p)]);
  return { seed, keymat: prfPlus(p, v.skD, seed, v.length) };
}

const secretFromKeymat = (p, material, sid) => prf(p, material, sized("SID", sid, 16));
const secretFromSkD = (p, skD) => prf(p, skD, Buffer.from("IPPM"));

// With the prf of the old SA; its nonces are checked by whoever knows that of the new one.
function rekeyed(p, oldSkD, v) {
  need(v.sharedSecret.length, "g^ir: expected at least 1 octet, found 0");
  return prf(p, oldSkD, v.sharedSecret, v.ni, v.nr, ...(v.additionalSecrets ?? []));
}

const keyIdOf = (v) => Buffer.concat([...checkSizes(v, { spiI: 8, spiR: 8 }), Buffer.alloc(64)]);

const TYPES = {
  Prf: (v, p) => ({ output: prf(p, v.key, v.data) }),
  PrfPlus: (v, p) =>
    ({ blocks: Math.ceil(v.length / p.size), output: prfPlus(p, v.key, v.seed, v.length) }),
  Skeyseed: (v, p) => skeyseed(p, v),
  IkeSaKeys: (v, p) => ikeSaKeys(p, v, v.skeyseed),
  Keymat: (v, p) => keymat(p, v, v.sharedSecret),
  RekeyedSkeyseed(v, p) {
    checkNonces(v);
    return { skeyseed: rekeyed(p, v.oldSkD, v) };
  },
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
  PpkSkD(v, p) {
    const skD = prfPlus(p, v.ppk, v.primedSkD, p.size); // RFC 8784 §3
    return { skD, sharedSecretKey: secretFromSkD(p, skD) };
  },
  PpkRekeyChain(v, p) {
    const oldSkD = prfPlus(p, v.ppk, v.primedSkD, p.size);
    const seedKey = rekeyed(p, oldSkD, v); // PPK is not used again
    const { skD } = ikeSaKeys(p, { ...v, integritySize: 0, encryptionSize: 0 }, seedKey);
    return { oldSkD, skeyseed: seedKey, skD, sharedSecretKey: secretFromSkD(p, skD) };
  },
  AdditionalKeyExchange(v, p) { // RFC 9370 §2.2.2
    let keys = { skD: v.skD };
    const skeyseeds = v.additionalSecrets.map((secret) => {
      const seedKey = prf(p, keys.skD, secret, ...checkNonces(v, p));
      keys = ikeSaKeys(p, v, seedKey);
      return seedKey;
    });
    return { skeyseeds, ...keys, lastSkD: keys.skD, sharedSecretKey: secretFromSkD(p, keys.skD) };
  },
  RekeyChain(v) {
    const p = PRFS[v.newPrf];
    const seedKey = rekeyed(PRFS[v.oldPrf], v.oldSkD, v);
    const keys = ikeSaKeys(p, v, seedKey);
    const sharedSecretKey = secretFromSkD(p, keys.skD);
    return { skeyseed: seedKey, ...keys, sharedSecretKey, keyId: keyIdOf(v) };
  },
  SharedSecretForKeyId(v) {
    const spis = sized("KeyID", v.keyId, 80).subarray(0, 16);
    const sa = v.ikeSas.find(({ spiI, spiR }) => spis.equals(Buffer.concat([spiI, spiR])));
    if (!sa) return { accept: 6, sharedSecretKey: Buffer.alloc(0) };
    return { accept: 0, sharedSecretKey: secretFromSkD(PRFS[sa.prf], sa.skD) };
  },
};

module.exports = { PRFS, TYPES, keyIdOf, secretFromSkD };

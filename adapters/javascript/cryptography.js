// The cryptography of O/TWAMP over node:crypto: keys, Token, control stream.
// An example and a cross-check, not for production. SPDX-License-Identifier: Apache-2.0
"use strict";
const crypto = require("node:crypto");

class Refused extends Error {
  constructor(reason, stage) { // stage: in the words of vectors/README.md, if it is given
    super(reason);
    this.stage = stage;
  }
}
const NO_IV = Buffer.alloc(16);
const need = (condition, reason, stage) => { if (!condition) throw new Refused(reason, stage); };

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

const tokenKey = (secret, v) =>
  crypto.pbkdf2Sync(secret, sized("Salt", v.salt, 16), v.count, 16, "sha1");

function seal(secret, v) {
  const plaintext = Buffer.concat(checkSizes(v, { challenge: 16, t1: 16, t2: 32 }));
  const key = tokenKey(secret, v);
  return { tokenKey: key, plaintext, token: aes("cbc", key, NO_IV, plaintext) };
}

function checkedSeal(secret, v) {
  const allowed = v.count >= 1024 && v.count <= v.maxCount && Number.isInteger(Math.log2(v.count));
  need(allowed, `Count: expected a power of 2 from 1024 to ${v.maxCount}`, "Count");
  return seal(secret, v);
}

function unseal(secret, v) {
  const key = tokenKey(secret, v);
  const text = aes("cbc", key, NO_IV, sized("Token", v.token, 64), true);
  sized("Challenge", v.challenge, 16);
  const isOurs = crypto.timingSafeEqual(text.subarray(0, 16), v.challenge);
  need(isOurs, "Token: another Challenge", "Challenge");
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
    need(crypto.timingSafeEqual(this.cipher.update(octets), this.hmac()), "HMAC: another", "HMAC");
  }
}

// The octets of a passphrase, refused if the protocol does not allow it.
function passphraseOf(protocol, { passphrase }) {
  const isAscii = /^[\0-\x7f]*$/.test(passphrase); // RFC 5357 §3.1
  need(isAscii || protocol === "OWAMP", "passphrase: expected ASCII", "text");
  need(!/[\r\n]/.test(passphrase), "passphrase: expected no newline", "text");
  return Buffer.from(passphrase);
}

const TYPES = {
  TokenFromPassphrase(v) {
    const sharedSecret = passphraseOf(v.protocol, v);
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
  RepairedSetUp(v) {
    checkSizes(v, { serverGreeting: 64, setUpResponse: 164, t2: 32, sid: 16 });
    const key = (from, label, context) => hmac("sha256", from, Buffer.from(`${label}\0`), context);
    const [client, server] = [Buffer.from("client"), Buffer.from("server")];
    const named = (name) => [Buffer.from([name.length]), name];
    const macKey = key(v.sharedSecret, "set-up", v.serverGreeting.subarray(32, 52));
    const names = [...named(v.clientName), ...named(v.serverName)];
    return {
      macKey, mac: hmac16(macKey, Buffer.concat([...names, v.serverGreeting, v.setUpResponse])),
      clientControlKey: key(v.t2, "control", client),
      serverControlKey: key(v.t2, "control", server),
      senderTestKey: key(v.t2, "sender", v.sid), reflectorTestKey: key(v.t2, "reflector", v.sid),
    };
  },
  ControlSend(v) {
    checkSizes(v, { t1: 16, t2: 32, iv: 16 });
    const direction = Direction.sending(v.t1, v.t2, v.iv);
    const [hmacs, plain, wire] = [[], [], []];
    for (const { text, hmacAfter } of v.segments) {
      need(text.length % 16 === 0, "control stream: expected whole blocks");
      plain.push(text);
      wire.push(direction.write(text));
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
  Direction, NO_IV, Refused, TYPES, aes, checkSizes, controlKeys, hmac, hmac16, need, passphraseOf,
  seal, sized, testKeys, tokenKey, unseal, xor,
};

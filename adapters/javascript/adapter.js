// O/TWAMP over node:crypto, for `owamp-vectors conform -- node adapter.js`.
// An example and a cross-check, not for production. SPDX-License-Identifier: Apache-2.0
"use strict";
const { Refused } = require("./cryptography");
const { PRFS } = require("./ikev2");

const MODULES = [
  "cryptography", "ikev2", "packets", "messages", "meaning", "handshake", "behaviour", "attacks",
  "traces",
];
const TYPES = Object.assign(
  Object.create(null), ...MODULES.map((name) => require(`./${name}`).TYPES),
);
const TEXTS = [
  "derive", "do", "keyName", "keys", "message", "mode", "name", "newPrf", "oldPrf", "participant",
  "passphrase", "prf", "protocol", "role", "rule", "security", "session", "testMode",
];

// Octet strings are hex in JSON, and so are those in lists and records.
function fromJson(name, value) {
  if (Array.isArray(value)) return value.map((item) => fromJson(name, item));
  if (value !== null && typeof value === "object") return record(value);
  return typeof value === "string" && !TEXTS.includes(name) ? Buffer.from(value, "hex") : value;
}

const record = (values) => Object.fromEntries(
  Object.entries(values).map(([name, value]) => [name, fromJson(name, value)]),
);

function answer({ id, type, parameters, inputs }) {
  if (!(type in TYPES)) return { id, unsupported: true };
  const values = record({ ...parameters, ...inputs });
  try {
    return { id, outputs: TYPES[type](values, PRFS[values.prf]) };
  } catch (error) {
    if (error instanceof Refused) return { id, refused: error.message, stage: error.stage };
    throw error;
  }
}

Buffer.prototype.toJSON = function toJSON() { return this.toString("hex"); };
if (require.main === module) {
  require("node:readline").createInterface({ input: process.stdin }).on("line", (line) => {
    process.stdout.write(`${JSON.stringify(answer(JSON.parse(line)))}\n`);
  });
}
module.exports = { answer };

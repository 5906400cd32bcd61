// O/TWAMP over node:crypto, for `owamp-vectors conform -- node adapter.js`.
// An example and a cross-check, not for production. SPDX-License-Identifier: Apache-2.0
"use strict";
const cryptography = require("./cryptography");

const MODULES = ["cryptography", "packets", "messages", "handshake", "attacks", "traces"];
const TYPES = Object.assign(
  Object.create(null), ...MODULES.map((name) => require(`./${name}`).TYPES),
);
const TEXTS = [
  "keyName", "keys", "message", "mode", "name", "passphrase", "prf", "protocol", "security",
  "testMode",
];

// Octet strings are hex in JSON, and so are those in lists.
function fromJson(name, value) {
  if (Array.isArray(value)) return value.map((item) => fromJson(name, item));
  return typeof value === "string" && !TEXTS.includes(name) ? Buffer.from(value, "hex") : value;
}

function answer({ id, type, parameters, inputs }) {
  if (!(type in TYPES)) return { id, unsupported: true };
  const given = Object.entries({ ...parameters, ...inputs });
  const values = Object.fromEntries(given.map(([name, value]) => [name, fromJson(name, value)]));
  try {
    return { id, outputs: TYPES[type](values, cryptography.PRFS[values.prf]) };
  } catch (error) {
    if (error instanceof cryptography.Refused) return { id, refused: error.message };
    throw error;
  }
}

Buffer.prototype.toJSON = function toJSON() { return this.toString("hex"); };
require("node:readline").createInterface({ input: process.stdin }).on("line", (line) => {
  process.stdout.write(`${JSON.stringify(answer(JSON.parse(line)))}\n`);
});

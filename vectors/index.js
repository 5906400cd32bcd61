// The test vectors for the security of OWAMP and TWAMP, by the names of their files:
// require("owamp-vectors").token.testGroups. README.md says how to read one, EXAMPLES.md has a
// complete test. SPDX-License-Identifier: CC0-1.0
"use strict";
const { readFileSync } = require("node:fs");

const listed = readFileSync(`${__dirname}/SHA256SUMS`, "utf8").matchAll(/ ([^/\s]+)\.json$/gm);
for (const [, name] of listed) {
  Object.defineProperty(exports, name, {
    enumerable: true, get: () => require(`./${name}.json`),
  });
}

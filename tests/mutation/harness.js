// Has the adapter answer the questions of a file in this process; fails at the first wrong answer.
// usage: node harness.js ADAPTER QUESTIONS. SPDX-License-Identifier: Apache-2.0
"use strict";
const { readFileSync } = require("node:fs");
const { resolve } = require("node:path");
const { PassThrough } = require("node:stream");

const [adapter, file] = process.argv.slice(2).map((path) => resolve(path));
const cases = readFileSync(file, "utf8").trimEnd().split("\n").map((line) => JSON.parse(line));

// JSON with members in order, to compare values by.
const ordered = (value) => JSON.stringify(value, (_, item) => (
  item !== null && typeof item === "object" && !Array.isArray(item)
    ? Object.fromEntries(Object.entries(item).sort(([a], [b]) => (a < b ? -1 : 1))) : item
));

function isAllowed(answer, outcome, names) {
  const refuses = outcome.refused || outcome.result === "invalid";
  if ("refused" in answer) {
    return refuses && (!outcome.stage || !answer.stage || outcome.stage === answer.stage);
  }
  return !refuses && names.every((name) => (
    name in (answer.outputs ?? {}) && ordered(answer.outputs[name]) === ordered(outcome[name])
  ));
}

let next = 0;
const write = process.stdout.write.bind(process.stdout);
process.stdout.write = (line) => {
  const [asked, outcomes, names] = cases[next];
  if (!outcomes.some((outcome) => isAllowed(JSON.parse(line), outcome, names))) {
    write(`${asked.file} tcId ${asked.tcId}\n`);
    process.exit(1);
  }
  next += 1;
  return true;
};
const input = new PassThrough();
Object.defineProperty(process, "stdin", { value: input });
require(adapter);
(async () => {
  for (const [asked] of cases) { // one at a time, so that the first wrong answer ends the run
    const before = next;
    input.write(`${JSON.stringify(asked)}\n`);
    for (let turn = 0; next === before; turn += 1) {
      if (turn > 1000) { // a lost answer: nothing but the adapter is waited for
        write(`${asked.file} tcId ${asked.tcId}: no answer\n`);
        process.exit(1);
      }
      await new Promise(setImmediate);
    }
  }
  process.exit(0);
})();

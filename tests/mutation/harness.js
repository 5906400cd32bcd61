// Has the adapter answer the questions of a file in this process; fails at the first wrong answer.
// usage: node harness.js ADAPTER QUESTIONS. SPDX-License-Identifier: Apache-2.0
"use strict";
Error.stackTraceLimit = 0; // nobody reads them
const crypto = require("node:crypto");
const { appendFileSync, existsSync, readFileSync, writeFileSync } = require("node:fs");
const { resolve } = require("node:path");
const { PassThrough } = require("node:stream");

const [adapter, file] = process.argv.slice(2).map((path) => resolve(path));
const lines = readFileSync(file, "utf8").trimEnd().split("\n");

// What spares time, and changes no judgement: a mutant is asked only what reaches it, as the run
// without one has found by Stryker's counters; the questions at which mutants have died before come
// first; PBKDF2, the costliest step, is computed once for all runs.
const [DEADLY, KEYS, REACHED] = [`${file}.deadly`, `${file}.keys`, `${file}.reached`];
const mutant = process.env.__STRYKER_ACTIVE_MUTANT__;
const counters = (globalThis.__stryker__ ??= {}); // of the mutated file, which is not loaded yet
const readLines = (path) => (existsSync(path) ? readFileSync(path, "utf8").trim().split("\n") : []);
const deadly = [...new Set(readLines(DEADLY).map(Number))].reverse();
const { places, hits } = mutant ? JSON.parse(readFileSync(REACHED, "utf8"))[mutant] ?? {} : {};
const wanted = new Set(mutant && places !== "all" ? places : lines.keys());
const order = [...new Set([...deadly, ...wanted])].filter((place) => wanted.has(place));
if (mutant) Object.assign(counters, { hitCount: 0, hitLimit: 100 * hits }); // then it is endless

// By mutant: the places of the questions that reach it, "all" if loading does, and how often.
function reached({ static: loading, perTest }) {
  const found = {};
  for (const [place, counts] of Object.entries(perTest)) {
    for (const [id, count] of Object.entries(counts)) {
      found[id] ??= { places: [], hits: 0 };
      found[id].places.push(Number(place));
      found[id].hits += count;
    }
  }
  for (const [id, count] of Object.entries(loading)) {
    found[id] = { places: "all", hits: (found[id]?.hits ?? 0) + count };
  }
  return found;
}
const keys = new Map(readLines(KEYS).map((line) => line.split(" ")));
const [known, { pbkdf2Sync }] = [keys.size, crypto];
crypto.pbkdf2Sync = (secret, salt, ...rest) => {
  const hex = (octets) => Buffer.from(octets).toString("hex");
  const name = [hex(secret), hex(salt), ...rest].join();
  if (!keys.has(name)) keys.set(name, hex(pbkdf2Sync(secret, salt, ...rest)));
  return Buffer.from(keys.get(name), "hex");
};

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
let current;
const write = process.stdout.write.bind(process.stdout);
process.stdout.write = (line) => {
  const [asked, outcomes, names] = current;
  if (!outcomes.some((outcome) => isAllowed(JSON.parse(line), outcome, names))) {
    write(`${asked.file} tcId ${asked.tcId}\n`);
    appendFileSync(DEADLY, `${order[next]}\n`);
    process.exit(1);
  }
  next += 1;
  return true;
};
const input = new PassThrough();
Object.defineProperty(process, "stdin", { value: input });
require(adapter);
(async () => {
  for (const place of order) { // one at a time, so that the first wrong answer ends the run
    current = JSON.parse(lines[place]);
    const [[asked], before] = [current, next];
    counters.currentTestId = String(place);
    input.write(`${JSON.stringify(asked)}\n`);
    for (let turn = 0; next === before; turn += 1) {
      if (turn > 1000) { // a lost answer: nothing but the adapter is waited for
        write(`${asked.file} tcId ${asked.tcId}: no answer\n`);
        process.exit(1);
      }
      await new Promise(setImmediate);
    }
  }
  const { mutantCoverage } = counters;
  if (!mutant && mutantCoverage) writeFileSync(REACHED, JSON.stringify(reached(mutantCoverage)));
  const all = [...keys].map((pair) => pair.join(" ")).join("\n");
  if (keys.size > known) writeFileSync(KEYS, all);
  process.exit(0);
})();

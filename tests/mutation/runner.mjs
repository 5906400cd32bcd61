// A test runner for StrykerJS: has the adapter answer the questions of the file $QUESTIONS in this
// process, each a test, and judges as `owamp-vectors conform`. SPDX-License-Identifier: Apache-2.0
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";

Error.stackTraceLimit = 0; // nobody reads them
const require = createRequire(import.meta.url);
const crypto = require("node:crypto");
const modules = require("node:module");
const readline = require("node:readline");
const counters = (globalThis.__stryker__ ??= {}); // of the mutated file

// PBKDF2, the costliest step, is computed once for all mutants.
const { pbkdf2Sync } = crypto;
const keys = new Map();
crypto.pbkdf2Sync = (secret, salt, ...rest) => {
  const name = JSON.stringify([secret, salt].map((octets) => Buffer.from(octets).toString("hex")).concat(rest));
  if (!keys.has(name)) keys.set(name, pbkdf2Sync(secret, salt, ...rest));
  return Buffer.from(keys.get(name));
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

// A fresh adapter: what it does with a line of its input.
function load() {
  let answer = () => {};
  for (const path of Object.keys(require.cache)) delete require.cache[path];
  const { createInterface } = readline;
  readline.createInterface = () => ({ on(event, take) { if (event === "line") answer = take; } });
  try {
    // That of Stryker's sandbox, as the program: required, it reads no input.
    modules._load(resolve("adapters/javascript/adapter.js"), null, true);
  } finally {
    readline.createInterface = createInterface;
  }
  return answer;
}

// What it writes to its output.
function outputOf(action) {
  const { write } = process.stdout;
  let text = "";
  process.stdout.write = (more) => { text += more; return true; };
  try {
    action();
  } finally {
    process.stdout.write = write;
  }
  return text;
}

class Vectors {
  static inject = [];

  capabilities() {
    return { reloadEnvironment: true };
  }

  init() {
    const lines = readFileSync(process.env.QUESTIONS, "utf8").trimEnd().split("\n");
    this.cases = new Map(lines.map((line) => {
      const [asked, outcomes, names] = JSON.parse(line);
      const id = `${asked.file} tcId ${asked.tcId}`;
      return [id, { id, line: JSON.stringify(asked), outcomes, names }];
    }));
  }

  // Why the adapter fails a case; nothing if it passes.
  failure(adapter, { line, outcomes, names }) {
    let answer;
    try {
      answer = JSON.parse(outputOf(() => adapter(line)));
    } catch (error) {
      return String(error);
    }
    return outcomes.some((outcome) => isAllowed(answer, outcome, names)) ? "" : "not allowed";
  }

  dryRun() {
    Object.assign(counters, { activeMutant: undefined, hitLimit: undefined });
    const adapter = load();
    const tests = [...this.cases.values()].map((item) => {
      counters.currentTestId = item.id;
      const started = performance.now();
      const failureMessage = this.failure(adapter, item);
      const result = failureMessage ? { status: 1, failureMessage } : { status: 0 };
      return { id: item.id, name: item.id, timeSpentMs: performance.now() - started, ...result };
    });
    return { status: "complete", tests, mutantCoverage: counters.mutantCoverage };
  }

  mutantRun({ activeMutant, testFilter, hitLimit }) {
    Object.assign(counters, { activeMutant: activeMutant.id, hitCount: 0, hitLimit });
    let adapter;
    try {
      adapter = load();
    } catch (error) {
      return { status: "killed", killedBy: ["loading"], failureMessage: String(error), nrOfTests: 0 };
    }
    const chosen = testFilter ?? [...this.cases.keys()];
    for (const [place, id] of chosen.entries()) {
      const failureMessage = this.failure(adapter, this.cases.get(id));
      if (counters.hitCount > hitLimit) return { status: "timeout", reason: "it has no end" };
      if (failureMessage) return { status: "killed", killedBy: [id], failureMessage, nrOfTests: place + 1 };
    }
    return { status: "survived", nrOfTests: chosen.length };
  }
}

export const strykerPlugins = [{ kind: "TestRunner", name: "vectors", injectableClass: Vectors }];

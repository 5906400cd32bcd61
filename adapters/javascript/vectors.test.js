// Every case of the npm package of the vectors, answered. SPDX-License-Identifier: Apache-2.0
"use strict";
const assert = require("node:assert");
const { test } = require("node:test");
const { isDeepStrictEqual } = require("node:util");
const vectors = require("../../vectors");
const { answer } = require("./adapter");

// The answer is one of the outcomes of a case: its own, or an alternative.
function isAllowed(response, item, members) {
  return [item, ...(item.alternatives ?? [])].some((outcome) => {
    const isRefusal = outcome.result === "invalid" || outcome.refused === true;
    if (response.outputs === undefined) return isRefusal;
    const same = ([name, value]) =>
      members[name]?.["x-role"] !== "output" || isDeepStrictEqual(value, outcome[name]);
    return !isRefusal && Object.entries(response.outputs).every(same);
  });
}

for (const [name, file] of Object.entries(vectors)) {
  test(name, () => {
    const { $defs } = require(`../../vectors/schema/${file.schema}`);
    for (const group of file.testGroups) {
      const members = $defs[group.type].properties.tests.items.properties;
      const isInput = ([member]) => members[member]["x-role"] === "input";
      for (const item of group.tests) {
        const inputs = Object.fromEntries(Object.entries(item).filter(isInput));
        const question = { id: item.tcId, type: group.type, parameters: group, inputs };
        const response = JSON.parse(JSON.stringify(answer(question)));
        assert.ok(isAllowed(response, item, members), `tcId ${item.tcId}: ${response.refused}`);
      }
    }
  });
}

// How one end of a control connection behaves. SPDX-License-Identifier: Apache-2.0
"use strict";
const { Refused } = require("./cryptography");
const { byPassphrase, clientOf, serverOf } = require("./handshake");
const { keyIdOf } = require("./ikev2");
const meaning = require("./meaning");
const m = require("./messages");

const parsed = (name, octets) => m.parsed(m.read(name), octets);
const stopOf = (v, octets) => parsed(`Stop-Sessions (${v.protocol})`, octets);

// What an end sends at first and after each step; `say` has it say something by itself.
function behaviour(v, end, say) {
  const sent = [end.take().octets];
  for (const { do: what, octets } of v.steps) {
    try {
      if (what === "receive") end.receive(octets);
      else say(octets);
    } catch (error) { // not in the state for it
      if (!(error instanceof Refused)) throw error;
    }
    sent.push(end.take().octets);
  }
  return { sent, ending: end.state === "closed" ? "closed" : "open" };
}

const ofSa = (sa) => ({ keyId: keyIdOf(sa), secret: sa.sharedSecretKey, ikev2: true });

const TYPES = {
  ServerBehaviour(v) {
    const byName = v.secrets.map((each) => byPassphrase(v.protocol, each));
    const server = serverOf(v, [...byName, ...v.ikeSas.map(ofSa)]);
    return behaviour(v, server, (octets) => server.sendStop(stopOf(v, octets)));
  },
  ClientBehaviour(v) {
    const [sa] = v.ikeSas;
    const client = clientOf(v, sa ? ofSa(sa) : byPassphrase(v.protocol, v));
    const names = { 2: "Start-Sessions", 4: "Fetch-Session" };
    return behaviour(v, client, (octets) => {
      const name = names[octets[0]] ?? meaning.requestOf(v.protocol);
      if (octets[0] === 3) client.sendStop(stopOf(v, octets));
      else client.ask(name, parsed(name, octets));
    });
  },
};

module.exports = { TYPES };

// What a Node sender is told on its standard input, and what it tells on its output.

const { subscribe } = require("node:diagnostics_channel");
const { readFileSync } = require("node:fs");

const addresses = new Set();
const errors = [];
const log = [];

// Before the host is looked up: a name counts as well.
subscribe("net.client.socket", ({ socket }) => {
  socket.on("lookup", (error, address, family, host) => addresses.add(host));
  socket.on("connectionAttempt", (address) => addresses.add(address));
});

for (const level of ["warn", "error"]) {
  console[level] = (...said) => log.push(said.join(" "));
}
process.on("unhandledRejection", (error) => errors.push(`unhandled: ${error}`));

// Every batch is answered for by then.
process.on("beforeExit", () => {
  process.stdout.write(JSON.stringify({ errors, log, addresses: [...addresses].sort() }));
  process.exit(0);
});

// `timestamp` is a Date in both SDKs.
function read() {
  const script = JSON.parse(readFileSync(0, "utf8"));
  const calls = script.calls.map(({ timestamp, ...call }) =>
    timestamp ? { ...call, timestamp: new Date(timestamp) } : call,
  );
  return { ...script, calls };
}

module.exports = { errors, script: read() };

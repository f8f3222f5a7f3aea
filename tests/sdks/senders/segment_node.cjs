// Sends calls through @segment/analytics-node, configured as its documentation says.

const { Analytics } = require("@segment/analytics-node");
const { errors, script } = require("./script.cjs");

const { writeKey, host, options } = script;
const analytics = new Analytics({ writeKey, host, ...options });
analytics.on("error", ({ code, reason }) => errors.push(`${code}: ${reason}`));
for (const { type, ...call } of script.calls) {
  analytics[type](call);
}
analytics.closeAndFlush();

// Sends calls through @rudderstack/rudder-sdk-node, configured as its documentation says.

const Analytics = require("@rudderstack/rudder-sdk-node");
const { errors, script } = require("./script.cjs");

const { writeKey, host, options } = script;
const errorHandler = (error) => errors.push(String(error));
const client = new Analytics(writeKey, { dataPlaneUrl: host, errorHandler, ...options });
for (const { type, ...call } of script.calls) {
  client[type](call);
}
client.flush();

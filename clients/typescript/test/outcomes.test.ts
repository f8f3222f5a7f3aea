import assert from "node:assert/strict";
import { test } from "node:test";

import { MINUTE, offer, Phone, SECOND, settle, type Json } from "./fakes.ts";

/** Of all that was sent, each outcome with its message id. */
function outcomes(phone: Phone): string[] {
  const sent = phone.server.messages().filter((each) => /^PushSoftAsk/.test(each.event));
  return sent.map((each) => `${each.event} ${each.messageId}`);
}

function waiting(phone: Phone): string[] {
  return phone.storage.read("queue").map((each: Json) => each.message.event);
}

test("after a crash, the Shown that was stored is sent, and nothing is shown", async () => {
  const phone = new Phone();
  phone.server.always = ({ path }) => (path === "/v1/batch" ? "offline" : undefined);
  await phone.isOffered();
  assert.deepEqual(waiting(phone), ["PushSoftAskShown"]);
  phone.server.always = undefined;
  await phone.restart();
  const [first, second] = outcomes(phone);
  assert.equal(first, second);
  assert.deepEqual(waiting(phone), []);
  assert.equal(phone.app.opened.length, 0);
});

test("a crash before Shown was stored shows nothing and spends nothing", async () => {
  const phone = new Phone();
  phone.storage.refuses = (key) => key === "softask.queue";
  await phone.isOffered();
  assert.equal(phone.app.opened.length, 0);
  phone.storage.refuses = () => false;
  await phone.restart();
  assert.deepEqual(outcomes(phone), []);
});

test("storage that refuses the note of what was shown keeps the popup away", async () => {
  const phone = new Phone();
  await phone.client.track("Started");
  phone.storage.refuses = (key) => key === "softask.install";
  await phone.isOffered();
  assert.equal(phone.app.opened.length, 0);
  assert.equal(phone.app.problems[0]?.code, "storage_failed");
});

test("storage that cannot be read is not written over, and nobody is asked for", async () => {
  const phone = new Phone({}, ({ storage }) => (storage.unreadable = true));
  await phone.client.track("ValueMomentReached");
  await phone.client.identify("u1");
  assert.deepEqual([phone.server.requests, phone.storage.writes], [[], []]);
  assert.equal(phone.app.problems[0]?.code, "storage_failed");
});

test("storage in pieces is begun anew", async () => {
  const phone = new Phone({}, ({ storage }) => {
    storage.items.set("softask.install", "{");
    storage.items.set("softask.queue", '[{"no": 1}]');
  });
  await phone.isOffered();
  assert.equal(phone.app.opened.length, 1);
});

test("outcomes keep their message id over retries and restarts", async () => {
  const phone = new Phone();
  await phone.isOffered();
  phone.server.always = () => "offline";
  await phone.app.tap("declined");
  await phone.clock.advance(5 * SECOND);
  phone.server.always = undefined;
  await phone.restart();
  const declined = outcomes(phone).filter((each) => each.startsWith("PushSoftAskDeclined"));
  assert.ok(declined.length > 2);
  assert.equal(new Set(declined).size, 1);
});

test("outcomes go before any trigger, as one batch", async () => {
  const phone = new Phone();
  phone.server.always = ({ path }) => (path === "/v1/batch" ? "offline" : undefined);
  await phone.isOffered();
  await phone.app.tap("declined");
  phone.server.always = undefined;
  phone.server.requests.length = 0;
  await phone.client.track("ValueMomentReached");
  assert.deepEqual(phone.server.paths(), ["/v1/batch", "/v1/track"]);
  assert.deepEqual(phone.server.events().slice(0, 2), ["PushSoftAskShown", "PushSoftAskDeclined"]);
});

test("while outcomes cannot be sent, no trigger is", async () => {
  const phone = new Phone();
  await phone.isOffered();
  phone.server.always = ({ path }) => (path === "/v1/batch" ? { status: 500 } : undefined);
  await phone.app.tap("declined");
  phone.server.requests.length = 0;
  await phone.client.track("ValueMomentReached");
  assert.ok(!phone.server.paths().includes("/v1/track"));
});

for (const status of [408, 410, 429, 460, 500, 502, 503, 504]) {
  test(`${status} is tried again until it is answered`, async () => {
    const phone = new Phone();
    await phone.isOffered();
    phone.server.reactions = [{ status }, { status }];
    await phone.app.tap("declined");
    assert.deepEqual(waiting(phone), ["PushSoftAskDeclined"]);
    await phone.clock.advance(3 * SECOND);
    assert.deepEqual(waiting(phone), []);
    assert.deepEqual(phone.app.problems, []);
  });
}

test("a refusal that gives no reason is told by its status", async () => {
  const phone = new Phone();
  phone.server.reactions = [{ status: 404, body: null }];
  await phone.client.setTraits({ session_count: 1 });
  await settle();
  const told = phone.app.problems.map((each) => each.message);
  assert.deepEqual(told, ["identify is dropped: HTTP 404: no reason given."]);
});

test("a hotel's login page is no answer to an outcome", async () => {
  const phone = new Phone();
  await phone.isOffered();
  phone.server.reactions = [{ body: "<html>" }];
  await phone.app.tap("declined");
  assert.deepEqual(waiting(phone), ["PushSoftAskDeclined"]);
});

for (const status of [400, 404, 409, 413]) {
  test(`${status} is final: the outcome is dropped and told`, async () => {
    const phone = new Phone();
    await phone.isOffered();
    phone.server.reactions = [{ status, body: { code: "x", message: "No." } }];
    await phone.app.tap("declined");
    assert.deepEqual(waiting(phone), []);
    const [problem] = phone.app.problems;
    assert.deepEqual([problem?.code, problem?.event], ["refused", "PushSoftAskDeclined"]);
    assert.match(problem?.message ?? "", /No\./);
  });
}

test("a rejected row is dropped and told, the others are sent", async () => {
  const phone = new Phone();
  phone.server.always = ({ path }) => (path === "/v1/batch" ? "offline" : undefined);
  await phone.isOffered();
  await phone.app.tap("dismissed");
  phone.server.always = ({ body }) => {
    const [first, second] = body.batch as Json[];
    const rejected = { messageId: first?.messageId, status: "rejected", error: { message: "No" } };
    const accepted = { messageId: second?.messageId, status: "accepted" };
    return { body: { success: true, results: [rejected, accepted], actions: [] } };
  };
  assert.equal(await phone.client.flush(), true);
  assert.deepEqual(waiting(phone), []);
  assert.equal(phone.app.problems.at(-1)?.message, "PushSoftAskShown is dropped: No.");
});

test("pauses between retries grow, up to five minutes", async () => {
  const phone = new Phone();
  phone.server.always = () => "offline";
  await phone.client.setTraits({ session_count: 1 });
  await phone.clock.advance(15 * SECOND);
  assert.equal(phone.server.requests.length, 1 + 4);
  await phone.clock.advance(60 * MINUTE);
  phone.server.requests.length = 0;
  await phone.clock.advance(10 * MINUTE);
  assert.equal(phone.server.requests.length, 2);
});

test("Retry-After is obeyed by everything that is sent", async () => {
  const phone = new Phone();
  phone.server.reactions = [{ status: 429, headers: { "Retry-After": "30" } }];
  await phone.client.setTraits({ session_count: 1 });
  await phone.client.track("ValueMomentReached");
  await phone.clock.advance(29 * SECOND);
  assert.equal(phone.server.requests.length, 1);
  await phone.clock.advance(SECOND);
  assert.deepEqual(phone.server.paths(), ["/v1/batch", "/v1/batch"]);
});

test("Retry-After may be a date, and no header silences the app for days", async () => {
  const phone = new Phone();
  const date = new Date(phone.clock.wall + 30 * SECOND).toUTCString();
  phone.server.reactions = [
    { status: 503, headers: { "Retry-After": date } },
    { status: 503, headers: { "Retry-After": "9999999" } },
  ];
  await phone.client.setTraits({ session_count: 1 });
  await phone.clock.advance(29 * SECOND);
  assert.equal(phone.server.requests.length, 1);
  await phone.clock.advance(SECOND);
  assert.equal(phone.server.requests.length, 2);
  await phone.clock.advance(60 * MINUTE);
  assert.equal(phone.server.requests.length, 3);
});

test("a server that never answers is given up and tried again", async () => {
  const phone = new Phone();
  phone.server.reactions = ["silent"];
  await phone.client.setTraits({ session_count: 1 });
  await phone.clock.advance(12 * SECOND);
  assert.equal(phone.server.aborted, 1);
  assert.equal(phone.server.requests.length, 2);
});

test("the queue is bounded, and values go before outcomes", async () => {
  const phone = new Phone();
  await phone.isOffered();
  phone.server.always = () => "offline";
  await phone.app.tap("declined");
  for (let count = 0; count < 205; count += 1) await phone.client.track("ValueMomentReached");
  assert.equal(waiting(phone).length, 200);
  assert.equal(waiting(phone)[0], "PushSoftAskDeclined");
  const told = phone.app.problems.map((each) => each.code);
  assert.deepEqual(new Set(told), new Set(["unreachable", "queue_full"]));
  await settle();
  phone.server.always = undefined;
  await settle();
  phone.server.requests.length = 0;
  assert.equal(await phone.client.flush(), true);
  assert.deepEqual(
    new Set(phone.server.requests.map((each) => each.body.batch.length)),
    new Set([20]),
  );
});

test("a message that no server takes is not kept", async () => {
  const phone = new Phone();
  await phone.client.setTraits({ essay: "x".repeat(33_000) });
  assert.deepEqual(phone.server.requests, []);
  assert.equal(phone.app.problems[0]?.code, "refused");
});

test("a campaign's own outcome names are used for it alone", async () => {
  const outcomes = { "rate-the-app": { shown: "RatePopupShown", declined: "RatePopupDeclined" } };
  const phone = new Phone({ outcomes });
  await phone.isOffered(offer("of_1", { campaign: "rate-the-app", onApprove: null }));
  await phone.app.tap("declined");
  await phone.isOffered(offer("of_2"));
  assert.deepEqual(phone.server.events(), [
    "ValueMomentReached",
    "RatePopupShown",
    "RatePopupDeclined",
    "ValueMomentReached",
    "PushSoftAskShown",
  ]);
  assert.equal(phone.storage.read("install").declinedAt, undefined);
});

test("close leaves no timer behind and sends nothing more", async () => {
  const phone = new Phone();
  phone.server.always = () => "silent";
  await phone.client.setTraits({ session_count: 1 });
  await settle();
  phone.client.close();
  await settle();
  assert.deepEqual([phone.clock.timers.length, phone.server.aborted], [0, 1]);
  assert.deepEqual(phone.app.problems, []);
  await phone.client.track("ValueMomentReached");
  assert.equal(phone.server.requests.length, 1);
});

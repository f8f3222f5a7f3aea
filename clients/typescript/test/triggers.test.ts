import assert from "node:assert/strict";
import { test } from "node:test";

import type { PushSnapshot } from "../dist/index.js";
import { answer, offer, Phone, SECOND, settle, START } from "./fakes.ts";

test("a trigger carries who, when, where and the permission", async () => {
  const phone = new Phone();
  await phone.client.track("ValueMomentReached", { streak: 3 });
  const [request] = phone.server.requests;
  assert.equal(request?.path, "/v1/track");
  const { context, messageId, anonymousId, ...said } = request.body;
  assert.deepEqual(said, {
    type: "track",
    event: "ValueMomentReached",
    properties: { streak: 3 },
    timestamp: new Date(START).toISOString(),
    sentAt: new Date(START).toISOString(),
    writeKey: "key",
  });
  const { deviceId, anonymousId: kept } = phone.storage.read("install");
  assert.match(messageId, /^id-/);
  assert.equal(anonymousId, kept);
  assert.deepEqual(context.device, { id: deviceId });
  assert.deepEqual(context.os, { name: "iOS", version: "18.1" });
  assert.deepEqual(context.app, { version: "4.2", inForeground: true });
  assert.deepEqual(context.push, { status: "notDetermined" });
  assert.equal(typeof context.locale, "string");
  assert.equal(typeof context.timezone, "string");
});

test("an offer opens the popup once, after its Shown is stored", async () => {
  const phone = new Phone();
  let stored = "";
  phone.app.onOpen = () => (stored = JSON.stringify(phone.storage.read("queue")));
  await phone.isOffered();
  assert.equal(phone.app.opened[0]?.offerId, "of_1");
  assert.match(stored, /PushSoftAskShown/);
  assert.deepEqual(phone.server.events(), ["ValueMomentReached", "PushSoftAskShown"]);
});

test("no answer within two seconds shows nothing, and prompts nobody", async () => {
  const phone = new Phone();
  phone.server.reactions = ["silent"];
  const tracked = phone.client.track("ValueMomentReached");
  await phone.clock.advance(1_999);
  assert.equal(phone.server.aborted, 0);
  await phone.clock.advance(1);
  await tracked;
  assert.equal(phone.server.aborted, 1);
  assert.deepEqual([phone.app.opened.length, phone.app.prompts], [0, 0]);
});

test("a permission that cannot be read in time costs the answer too", async () => {
  const phone = new Phone();
  let told: (push: PushSnapshot) => void = () => undefined;
  phone.app.native.read = () => new Promise((resolve) => (told = resolve));
  const tracked = phone.client.track("ValueMomentReached");
  await phone.clock.advance(2 * SECOND);
  await tracked;
  told({ status: "notDetermined" });
  await settle();
  assert.deepEqual(phone.server.paths(), ["/v1/batch"]);
  assert.deepEqual(
    phone.server.messages().map((each) => each.context.app.inForeground),
    [false],
  );
});

for (const [name, reaction] of [
  ["no network", "offline"],
  ["202", { status: 202, body: { success: true, actions: [offer()] } }],
  ["503", { status: 503, body: { actions: [offer()] } }],
  ["a login page", { body: "<html>" }],
] as const) {
  test(`${name} is no answer: nothing is shown`, async () => {
    const phone = new Phone();
    phone.server.reactions = [reaction, "offline"];
    await phone.client.track("ValueMomentReached");
    await settle();
    assert.deepEqual([phone.app.opened.length, phone.app.prompts], [0, 0]);
  });
}

test("row 61: a trigger without an answer is sent later for the count alone", async () => {
  const phone = new Phone();
  phone.server.reactions = ["offline", "offline"];
  await phone.client.track("ValueMomentReached", { streak: 3 });
  await phone.clock.advance(5 * SECOND);
  const [first, ...again] = phone.server.messages();
  assert.equal(again.length, 2);
  for (const sent of again) {
    assert.equal(sent.messageId, first?.messageId);
    assert.equal(sent.timestamp, first?.timestamp);
    assert.deepEqual(sent.properties, { streak: 3 });
    assert.equal(sent.context.app.inForeground, false);
  }
  assert.equal(phone.storage.read("queue").length, 0);
});

test("an offer that comes with a later count is not opened", async () => {
  const phone = new Phone();
  phone.server.reactions = ["offline", answer(offer())];
  await phone.client.track("ValueMomentReached");
  await settle();
  assert.deepEqual(phone.server.paths(), ["/v1/track", "/v1/batch"]);
  assert.equal(phone.app.opened.length, 0);
});

test("a refused trigger is told, and not sent again", async () => {
  const phone = new Phone();
  phone.server.reactions = [{ status: 400, body: { code: "invalid_request", message: "No." } }];
  await phone.client.track("ValueMomentReached");
  await phone.clock.advance(600 * SECOND);
  assert.equal(phone.server.requests.length, 1);
  assert.equal(phone.app.problems[0]?.code, "refused");
});

test("actions of unknown types and actions in pieces are ignored", async () => {
  const phone = new Phone();
  const broken = [{ type: "confetti", offerId: "of_1" }, { type: "open_deeplink" }, 7, null];
  const halves = [offer("of_1", { content: {} }), offer("of_1", { expiresInSeconds: "600" })];
  phone.server.reactions = [{ body: { success: true, actions: [...broken, ...halves] } }];
  await phone.client.track("ValueMomentReached");
  await settle();
  assert.equal(phone.app.opened.length, 0);
  await phone.isOffered();
  assert.equal(phone.app.opened.length, 1);
});

test("what the app cannot put into JSON is told to it, and rejects nothing", async () => {
  const phone = new Phone();
  await phone.client.track("ValueMomentReached", { count: 1n });
  assert.deepEqual(
    phone.app.problems.map((each) => each.code),
    ["app_failed"],
  );
});

test("an app whose context fails is told, also while the popup is due", async () => {
  let fails = false;
  const context = () => {
    if (fails) throw new Error("no");
    return {};
  };
  const phone = new Phone({ context });
  await phone.isOffered(offer("of_1", { showAfterSeconds: 5 }));
  fails = true;
  await phone.client.track("ValueMomentReached");
  await phone.clock.advance(10 * SECOND);
  assert.deepEqual(
    phone.app.problems.map((each) => each.code),
    ["app_failed", "app_failed"],
  );
  assert.equal(phone.app.opened.length, 0);
});

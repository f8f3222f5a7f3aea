import assert from "node:assert/strict";
import { test } from "node:test";

import { answer, MINUTE, offer, Phone, SECOND, settle, START } from "./fakes.ts";

const DELAYED = offer("of_1", { showAfterSeconds: 30 });

test("a login sends both ids, before the user's first trigger", async () => {
  const phone = new Phone();
  await phone.client.track("ValueMomentReached");
  const anonymous = phone.server.messages()[0]?.anonymousId;
  void phone.client.identify("u1", { plan: "pro" });
  await phone.client.track("ValueMomentReached");
  const login = phone.server.messages().find((each) => each.type === "identify");
  assert.deepEqual([login?.userId, login?.anonymousId], ["u1", anonymous]);
  assert.deepEqual(login?.traits, { plan: "pro" });
  const last = phone.server.messages().at(-1);
  assert.deepEqual([last?.event, last?.userId], ["ValueMomentReached", "u1"]);
  assert.equal(last?.anonymousId, undefined);
});

test("what the anonymous user did goes in a request before the login's", async () => {
  const phone = new Phone();
  await phone.isOffered();
  phone.server.always = () => "offline";
  await phone.app.tap("declined");
  await phone.client.identify("u1");
  phone.server.always = undefined;
  await settle();
  phone.server.requests.length = 0;
  await phone.client.flush();
  const batches = phone.server.requests.map((each) =>
    each.body.batch.map(
      (message: { event?: string; type: string }) => message.event ?? message.type,
    ),
  );
  assert.deepEqual(batches[0], ["PushSoftAskDeclined"]);
  assert.equal(batches[1][0], "identify");
});

test("traits alone carry no second id", async () => {
  const phone = new Phone();
  await phone.client.identify("u1");
  await phone.client.setTraits({ session_count: 3 });
  await settle();
  const last = phone.server.messages().at(-1);
  assert.deepEqual([last?.type, last?.userId, last?.anonymousId], ["identify", "u1", undefined]);
});

test("the ids outlive a restart", async () => {
  const phone = new Phone();
  await phone.client.identify("u1");
  const before = phone.storage.read("install");
  await phone.restart();
  await phone.client.track("ValueMomentReached");
  const last = phone.server.messages().at(-1);
  assert.deepEqual([last?.userId, last?.context.device.id], ["u1", before.deviceId]);
});

test("support is told the ids that the server knows the phone by", async () => {
  const phone = new Phone();
  const before = await phone.client.ids();
  await phone.client.track("ValueMomentReached");
  const [sent] = phone.server.messages();
  const known = { deviceId: sent?.context.device.id, anonymousId: sent?.anonymousId };
  assert.deepEqual(before, known);
  await phone.client.identify("u1");
  assert.deepEqual(await phone.client.ids(), { ...known, userId: "u1" });
  await phone.restart();
  assert.deepEqual(await phone.client.ids(), { ...known, userId: "u1" });
});

test("no ids are made up where the storage cannot be read", async () => {
  const phone = new Phone({}, ({ storage }) => (storage.unreadable = true));
  assert.equal(await phone.client.ids(), undefined);
});

test("row 63: a logout keeps the device and what it was asked, nothing else", async () => {
  const phone = new Phone();
  await phone.client.identify("u1");
  await settle();
  await phone.isOffered();
  await phone.app.tap("declined");
  const before = phone.storage.read("install");
  await phone.clock.advance(MINUTE);
  await phone.client.reset();
  await phone.client.track("ValueMomentReached");
  const last = phone.server.messages().at(-1);
  assert.equal(last?.userId, undefined);
  assert.notEqual(last?.anonymousId, before.anonymousId);
  assert.equal(last?.context.device.id, before.deviceId);
  assert.equal(last?.context.push.lastDeclinedAt, new Date(START).toISOString());
});

test("row 63: a soft ask that the last user only saw holds back the next one's", async () => {
  const phone = new Phone();
  await phone.isOffered();
  await phone.app.tap("dismissed");
  await phone.client.track("ValueMomentReached");
  assert.equal(phone.server.messages().at(-1)?.context.push.lastAskedAt, undefined);
  await phone.client.reset();
  await phone.client.track("ValueMomentReached");
  const { push } = phone.server.messages().at(-1)?.context;
  assert.equal(push.lastAskedAt, new Date(START).toISOString());
  assert.equal(push.everAsked, undefined, "the OS prompt was never called");
});

test("a logout calls off the popup that waits", async () => {
  const phone = new Phone();
  await phone.isOffered(DELAYED);
  await phone.client.reset();
  phone.server.always = ({ path }) => (path === "/v1/actions" ? answer(offer()) : undefined);
  await phone.clock.advance(MINUTE);
  assert.equal(phone.app.opened.length, 0);
});

test("an answer that comes after the logout is the old user's: it is not opened", async () => {
  const phone = new Phone();
  await phone.client.identify("u1");
  await settle();
  phone.server.always = ({ path }) => {
    if (path !== "/v1/track") return undefined;
    void phone.client.reset();
    return answer(offer());
  };
  await phone.client.track("ValueMomentReached");
  await settle();
  assert.equal(phone.app.opened.length, 0);
});

test("outcomes belong to whoever was offered the popup", async () => {
  const phone = new Phone();
  await phone.client.identify("u1");
  await settle();
  await phone.isOffered();
  await phone.client.reset();
  await phone.app.tap("declined");
  const declined = phone.server.messages().find((each) => each.event === "PushSoftAskDeclined");
  assert.equal(declined?.userId, "u1");
});

test("another user's login is a logout first", async () => {
  const phone = new Phone();
  await phone.client.identify("u1");
  const before = phone.storage.read("install").anonymousId;
  await phone.isOffered(DELAYED);
  await phone.client.identify("u2");
  await settle();
  assert.deepEqual(phone.clock.timers, []);
  const login = phone.server
    .messages()
    .filter((each) => each.type === "identify")
    .at(-1);
  assert.equal(login?.userId, "u2");
  assert.notEqual(login?.anonymousId, before);
});

test("the same user's login again leaves the popup that waits alone", async () => {
  const phone = new Phone();
  await phone.client.identify("u1");
  await settle();
  await phone.isOffered(DELAYED);
  await phone.client.identify("u1");
  await settle();
  assert.equal(phone.clock.timers.length, 1);
});

test("a popup that waits goes over to the user who logs in, if the server says so", async () => {
  for (const stands of [true, false]) {
    const phone = new Phone();
    await phone.isOffered(DELAYED);
    await phone.clock.advance(20 * SECOND);
    await phone.client.identify("u1");
    const withdraw = { type: "withdraw", offerId: "of_1", reason: "in_retry_window" };
    const says = answer(stands ? offer() : withdraw);
    phone.server.always = ({ path }) => (path === "/v1/actions" ? says : undefined);
    await phone.clock.advance(10 * SECOND);
    const check = phone.server.requests.find((each) => each.path === "/v1/actions");
    assert.equal(check?.body.userId, "u1");
    assert.equal(phone.app.opened.length, stands ? 1 : 0);
    if (stands) assert.equal(phone.server.messages().at(-1)?.userId, "u1");
  }
});

test("every profile is told of the device's permission", async () => {
  const phone = new Phone();
  await phone.client.foregrounded();
  await phone.client.identify("u1");
  await phone.client.reset();
  await settle();
  const told = phone.server.permissions().map((each) => each.userId ?? "anonymous");
  assert.deepEqual(told, ["anonymous", "u1", "anonymous"]);
});

/** The direct prompt: the OS prompt itself, without a popup before it. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { readActions } from "../dist/actions.js";
import type { PushSnapshot } from "../dist/index.js";
import { answer, directPrompt, MINUTE, offer, Phone, SECOND, settle, START } from "./fakes.ts";
import type { Json } from "./fakes.ts";

const DELAYED = directPrompt("of_1", { showAfterSeconds: 30 });

/** A phone on which a direct prompt waits; the server says that it still stands. */
async function waiting(): Promise<Phone> {
  const phone = new Phone();
  await phone.client.foregrounded();
  await phone.isOffered(DELAYED);
  phone.server.always = ({ path }) => (path === "/v1/actions" ? answer(DELAYED) : undefined);
  return phone;
}

/** Everything that arrived behind the trigger, by event and status. */
function told(phone: Phone): [string, string | undefined][] {
  const all = phone.server.messages();
  const trigger = all.findLastIndex((each) => each.event === "ValueMomentReached");
  return all.slice(trigger + 1).map((each) => [each.event, each.context.push?.status]);
}

function withoutPrompt(): Phone {
  return new Phone({}, ({ app }) => Object.assign(app.native, { prompt: undefined }));
}

// --- what it does ---

test("the direct prompt calls the OS prompt, and its answer is all that is told", async () => {
  const phone = new Phone();
  await phone.isOffered(directPrompt());
  assert.deepEqual([phone.app.opened.length, phone.app.prompts], [0, 1]);
  assert.deepEqual(told(phone), [["PushPermissionChanged", "authorized"]]);
  const at = new Date(START).toISOString();
  const expected = { status: "authorized", everAsked: true, lastAskedAt: at };
  assert.deepEqual(phone.server.permissions()[0]?.context.push, expected);
});

test("a denial is told as any answer is", async () => {
  const phone = new Phone();
  phone.app.afterPrompt = { status: "denied" };
  await phone.isOffered(directPrompt());
  assert.deepEqual(told(phone), [["PushPermissionChanged", "denied"]]);
});

for (const afterPrompt of [{ status: "default" }, {}] satisfies PushSnapshot[]) {
  test(`asked, and no answer in ${JSON.stringify(afterPrompt)}: a Shown tells of it`, async () => {
    const phone = new Phone();
    phone.app.afterPrompt = afterPrompt;
    await phone.isOffered(directPrompt());
    assert.deepEqual(told(phone), [
      ["PushSoftAskShown", afterPrompt.status],
      ["PushPermissionChanged", afterPrompt.status],
    ]);
    assert.deepEqual(phone.server.messages().at(-2)?.properties, { offerId: "of_1" });
  });
}

test("a prompt that fails is told to the app, and not tried again", async () => {
  const phone = new Phone();
  phone.app.onPrompt = () => Promise.reject(new Error("no screen"));
  await phone.isOffered(directPrompt());
  await phone.isOffered(directPrompt());
  assert.equal(phone.app.prompts, 1);
  assert.deepEqual(
    phone.app.problems.map((each) => each.message),
    ["native.prompt failed."],
  );
});

// --- where the OS would not show it ---

for (const snapshot of [
  { status: "denied" },
  { status: "authorized" },
  { status: "granted", optedOut: true },
] satisfies PushSnapshot[]) {
  test(`given back, and why is told after it: ${JSON.stringify(snapshot)}`, async () => {
    const phone = new Phone();
    phone.app.snapshot = snapshot;
    await phone.isOffered(directPrompt());
    const { prompts, settingsOpened, optedIn } = phone.app;
    assert.deepEqual([prompts, settingsOpened, optedIn], [0, 0, 0]);
    assert.deepEqual(told(phone), [
      ["PushSoftAskSuppressed", undefined],
      ["PushPermissionChanged", snapshot.status],
    ]);
    assert.deepEqual(phone.server.messages().at(-2)?.properties, { offerId: "of_1" });
  });
}

test("a status that cannot be read calls nothing, and gives it back", async () => {
  const phone = new Phone();
  phone.app.native.read = () => Promise.reject(new Error("no"));
  await phone.isOffered(directPrompt());
  assert.equal(phone.app.prompts, 0);
  assert.deepEqual(told(phone), [["PushSoftAskSuppressed", undefined]]);
});

test("a status that changes while it is checked calls nothing, and gives it back", async () => {
  const phone = new Phone();
  phone.app.popup.isBlocked = () => {
    phone.app.snapshot = { status: "denied" };
    return false;
  };
  await phone.isOffered(directPrompt());
  assert.equal(phone.app.prompts, 0);
  assert.deepEqual(told(phone), [
    ["PushSoftAskSuppressed", undefined],
    ["PushPermissionChanged", "denied"],
  ]);
});

test("what was answered in the settings meanwhile is not told as the prompt's answer", async () => {
  const phone = await waiting();
  phone.client.backgrounded();
  phone.app.snapshot = { status: "authorized" };
  await phone.client.foregrounded();
  await settle();
  assert.deepEqual(told(phone), [
    ["PushSoftAskSuppressed", undefined],
    ["PushPermissionChanged", "authorized"],
  ]);
  await phone.clock.advance(MINUTE);
  assert.equal(phone.app.prompts, 0);
});

test("Android says denied ever after: what the install remembers decides", async () => {
  const context = () => ({ os: { name: "Android", apiLevel: 34 } });
  const phone = new Phone({ context });
  phone.app.snapshot = phone.app.afterPrompt = { status: "denied", everAsked: false };
  await phone.isOffered(directPrompt());
  await phone.isOffered(directPrompt("of_2", { showAfterSeconds: 30 }));
  await phone.client.foregrounded();
  await phone.clock.advance(MINUTE);
  assert.equal(phone.app.prompts, 1);
  assert.ok(!phone.server.paths().includes("/v1/actions"));
  assert.deepEqual(told(phone), [["PushSoftAskSuppressed", undefined]]);
});

test("a popup that waits is left alone by a permission that changes", async () => {
  const phone = new Phone();
  const popup = offer("of_1", { showAfterSeconds: 30, onApprove: "open_settings" });
  await phone.isOffered(popup);
  phone.server.always = ({ path }) => (path === "/v1/actions" ? answer(popup) : undefined);
  phone.app.snapshot = { status: "denied" };
  await phone.client.foregrounded();
  await phone.clock.advance(30 * SECOND);
  assert.equal(phone.app.opened.length, 1);
});

test("Android's second prompt is asked for, and nothing is told before it", async () => {
  const context = () => ({ os: { name: "Android", apiLevel: 34 } });
  const phone = new Phone({ context });
  phone.app.snapshot = { status: "denied", everAsked: true, rationale: true };
  phone.app.afterPrompt = { status: "denied", everAsked: true, rationale: false };
  await phone.isOffered(directPrompt());
  assert.equal(phone.app.prompts, 1);
  assert.deepEqual(told(phone), [["PushPermissionChanged", "denied"]]);
});

// --- the life of an offer ---

test("it waits in the foreground, is checked, and then asks", async () => {
  const phone = await waiting();
  await phone.clock.advance(20 * SECOND);
  phone.client.backgrounded();
  await phone.clock.advance(MINUTE);
  await phone.client.foregrounded();
  await phone.clock.advance(9 * SECOND);
  assert.equal(phone.app.prompts, 0);
  await phone.clock.advance(SECOND);
  assert.equal(phone.app.prompts, 1);
  assert.equal(phone.server.paths().filter((path) => path === "/v1/actions").length, 1);
});

test("it does not ask in the background", async () => {
  const phone = new Phone();
  phone.client.backgrounded();
  await phone.isOffered(directPrompt());
  assert.equal(phone.app.prompts, 0);
});

test("it does not ask after it expired", async () => {
  const phone = await waiting();
  phone.client.backgrounded();
  phone.clock.wall += 10 * MINUTE;
  await phone.client.foregrounded();
  await phone.clock.advance(MINUTE);
  assert.equal(phone.app.prompts, 0);
});

for (const [name, callOff] of [
  ["withdraw", (phone: Phone) => phone.isOffered({ type: "withdraw", offerId: "of_1" })],
  ["a logout", (phone: Phone) => phone.client.reset()],
] as const) {
  test(`${name} calls it off`, async () => {
    const phone = await waiting();
    await callOff(phone);
    await phone.clock.advance(MINUTE);
    assert.equal(phone.app.prompts, 0);
  });
}

test("it asks once, however often it is answered, restarts included", async () => {
  const phone = new Phone();
  phone.app.afterPrompt = { status: "default" };
  await phone.isOffered(directPrompt());
  await phone.isOffered(directPrompt());
  assert.equal(phone.app.prompts, 1);
  await phone.restart();
  await phone.isOffered(directPrompt());
  assert.equal(phone.app.prompts, 0);
});

test("another dialog in the way gives it back", async () => {
  const phone = new Phone();
  phone.app.isBlocked = true;
  await phone.isOffered(directPrompt());
  assert.equal(phone.app.prompts, 0);
  assert.deepEqual(told(phone), [["PushSoftAskSuppressed", undefined]]);
});

test("an open OS prompt is in the way of a popup", async () => {
  const phone = new Phone();
  phone.app.onPrompt = () => phone.isOffered(offer("of_2"));
  await phone.isOffered(directPrompt());
  assert.deepEqual([phone.app.prompts, phone.app.opened.length], [1, 0]);
  const suppressed = phone.server.messages().find((each) => /Suppressed/.test(each.event));
  assert.deepEqual(suppressed?.properties, { offerId: "of_2" });
});

// --- crashes, and who is told of ---

test("that it was asked is stored before the prompt is called", async () => {
  const phone = new Phone();
  let stored: Json = {};
  phone.app.onPrompt = () => (stored = phone.storage.read("install"));
  await phone.isOffered(directPrompt());
  assert.deepEqual([stored.shown, stored.askedAt, stored.prompted], [["of_1"], START, true]);
});

test("storage that refuses the note of it keeps the prompt away", async () => {
  const phone = new Phone();
  await phone.client.track("Started");
  phone.storage.refuses = (key) => key === "softask.install";
  await phone.isOffered(directPrompt());
  assert.equal(phone.app.prompts, 0);
});

test("the answer is stored before it is sent, and outlives a restart", async () => {
  const phone = new Phone();
  phone.app.onPrompt = () => (phone.server.always = () => "offline");
  await phone.isOffered(directPrompt());
  const first = phone.storage.read("queue")[0];
  assert.equal(first.message.event, "PushPermissionChanged");
  phone.server.always = undefined;
  phone.server.requests.length = 0;
  await phone.restart();
  const ids = phone.server.permissions().map((each) => each.messageId);
  assert.deepEqual(ids, [first.message.messageId]);
});

test("a process that ends under the OS prompt tells its answer at the next start", async () => {
  const phone = new Phone();
  phone.app.onPrompt = () => new Promise(() => undefined);
  await phone.isOffered(directPrompt());
  await phone.restart();
  phone.app.snapshot = { status: "denied" };
  await phone.client.foregrounded();
  await settle();
  assert.deepEqual(told(phone), [["PushPermissionChanged", "denied"]]);
  assert.equal(phone.server.permissions()[0]?.context.push.everAsked, true);
});

test("a logout under the OS prompt: who was asked is told of, and whoever is next", async () => {
  const phone = new Phone();
  await phone.client.identify("u1");
  await settle();
  phone.server.requests.length = 0;
  phone.app.onPrompt = () => phone.client.reset();
  await phone.isOffered(directPrompt());
  const { anonymousId } = await phone.client.ids().then((ids) => ids ?? { anonymousId: "" });
  const last = phone.server.permissions().slice(-2);
  assert.deepEqual(
    last.map((each) => [each.userId ?? each.anonymousId, each.context.push.status]),
    [
      ["u1", "authorized"],
      [anonymousId, "authorized"],
    ],
  );
});

// --- an app that cannot prompt ---

test("an app without native.prompt ignores it, and is told once", async () => {
  const phone = withoutPrompt();
  await phone.isOffered(directPrompt());
  await phone.isOffered(directPrompt("of_2"));
  assert.deepEqual(told(phone), []);
  assert.deepEqual(phone.app.problems, [
    { code: "app_failed", message: "native.prompt is missing: the OS prompt cannot be called." },
  ]);
});

test("an app without native.prompt is not noted as asked after a Yes", async () => {
  const phone = withoutPrompt();
  await phone.isOffered();
  await phone.app.tap("approved");
  assert.equal(phone.storage.read("install").askedAt, undefined);
  assert.equal(phone.app.problems.length, 1);
});

// --- what is read ---

for (const action of [offer(), directPrompt()]) {
  test(`${action.type} is read as it comes, a variant and what is to be ignored aside`, () => {
    const read = (more: Json) => readActions({ actions: [{ ...action, ...more }] });
    assert.deepEqual(read({}), [action]);
    assert.deepEqual(read({ variant: "warm", test: true, confetti: 1 }), [
      { ...action, variant: "warm", test: true },
    ]);
    assert.deepEqual(read({ variant: "", test: false }), [action]);
    assert.deepEqual(read({ campaign: undefined }), []);
    assert.deepEqual(read({ expiresInSeconds: null }), []);
  });
}

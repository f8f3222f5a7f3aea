import assert from "node:assert/strict";
import { test } from "node:test";

import { nextStep } from "../dist/route.js";
import type { PushSnapshot, Route } from "../dist/index.js";
import { offer, Phone, SECOND, settle, START } from "./fakes.ts";

const IOS = { name: "iOS" };
const ANDROID = { name: "Android", apiLevel: 34 };
const OLD_ANDROID = { name: "Android", apiLevel: 32 };

const TABLE: [string, PushSnapshot, typeof ANDROID | typeof IOS, Route, Route | null][] = [
  ["never asked on iOS", { status: "notDetermined" }, IOS, "os_prompt", "os_prompt"],
  [
    "never asked, whatever the server thought",
    { status: "default" },
    IOS,
    "open_settings",
    "os_prompt",
  ],
  ["provisional", { status: "provisional" }, IOS, "os_prompt", "os_prompt"],
  ["denied on iOS", { status: "denied" }, IOS, "open_settings", "open_settings"],
  ["denied on iOS since", { status: "denied", everAsked: false }, IOS, "os_prompt", null],
  ["granted meanwhile", { status: "authorized" }, IOS, "os_prompt", null],
  ["ephemeral", { status: "ephemeral" }, IOS, "open_settings", null],
  ["opted out", { status: "granted", optedOut: true }, IOS, "os_prompt", "in_app_opt_in"],
  [
    "opted out, in OneSignal's way",
    { status: "granted", notificationTypes: -2 },
    IOS,
    "os_prompt",
    "in_app_opt_in",
  ],
  [
    "Android, never asked",
    { status: "denied", everAsked: false },
    ANDROID,
    "os_prompt",
    "os_prompt",
  ],
  [
    "Android, denied once",
    { status: "denied", everAsked: true, rationale: true },
    ANDROID,
    "os_prompt",
    "os_prompt",
  ],
  [
    "Android, denied for good",
    { status: "denied", everAsked: true, rationale: false },
    ANDROID,
    "os_prompt",
    null,
  ],
  [
    "Android, denied for good, settings allowed",
    { status: "denied", everAsked: true },
    ANDROID,
    "open_settings",
    "open_settings",
  ],
  [
    "Android 12",
    { status: "denied", everAsked: false },
    OLD_ANDROID,
    "open_settings",
    "open_settings",
  ],
  [
    "built for Android 12",
    { status: "denied", everAsked: false, targetSdk: 32 },
    ANDROID,
    "open_settings",
    "open_settings",
  ],
  ["unreadable", {}, IOS, "os_prompt", null],
];

for (const [name, push, os, route, expected] of TABLE) {
  test(`at the tap, ${name}: ${expected ?? "nothing"}`, () => {
    assert.equal(nextStep(push, route, os), expected);
  });
}

test("Yes tracks Approved, prompts, and tells what came of it", async () => {
  const phone = new Phone();
  await phone.isOffered();
  await phone.clock.advance(3 * SECOND);
  await phone.app.tap("approved");
  assert.equal(phone.app.prompts, 1);
  assert.equal(phone.server.events().at(-1), "PushSoftAskApproved");
  const told = phone.server.permissions().at(-1);
  assert.deepEqual(told?.context.push, {
    status: "authorized",
    everAsked: true,
    lastAskedAt: new Date(START + 3 * SECOND).toISOString(),
  });
});

test("the approval and the call of the OS prompt are stored before it is called", async () => {
  const phone = new Phone();
  const stored: unknown[] = [];
  phone.app.native.prompt = async () => {
    stored.push(phone.storage.read("install").askedAt);
    stored.push(phone.storage.read("queue").at(-1)?.message.event);
  };
  await phone.isOffered();
  phone.server.always = () => "offline";
  await phone.app.tap("approved");
  assert.deepEqual(stored, [START, "PushSoftAskApproved"]);
});

test("denied at the tap never calls the OS prompt", async () => {
  const phone = new Phone();
  await phone.isOffered();
  phone.app.snapshot = { status: "denied" };
  await phone.app.tap("approved");
  assert.deepEqual([phone.app.prompts, phone.app.settingsOpened], [0, 0]);
  assert.equal(phone.server.permissions().at(-1)?.context.push.status, "denied");
});

test("denied at the tap opens the settings where the campaign allows it", async () => {
  const phone = new Phone();
  phone.app.snapshot = { status: "denied" };
  await phone.isOffered(offer("of_1", { onApprove: "open_settings" }));
  await phone.app.tap("approved");
  assert.deepEqual([phone.app.prompts, phone.app.settingsOpened], [0, 1]);
});

test("a status that cannot be read at the tap calls nothing", async () => {
  const phone = new Phone();
  await phone.isOffered();
  phone.app.native.read = () => Promise.reject(new Error("no"));
  await phone.app.tap("approved");
  assert.deepEqual([phone.app.prompts, phone.app.settingsOpened], [0, 0]);
  assert.equal(phone.app.problems[0]?.message, "native.read failed.");
});

for (const answer of ["declined", "dismissed"] as const) {
  test(`${answer} never calls the OS prompt`, async () => {
    const phone = new Phone();
    await phone.isOffered();
    await phone.app.tap(answer);
    assert.deepEqual([phone.app.prompts, phone.app.settingsOpened], [0, 0]);
  });
}

test("a popup that asks for no permission calls nothing at Yes", async () => {
  const phone = new Phone();
  await phone.isOffered(offer("of_1", { onApprove: null }));
  await phone.app.tap("approved");
  assert.deepEqual([phone.app.prompts, phone.server.permissions()], [0, []]);
});

test("a decline carries its own time from then on, restarts included", async () => {
  const phone = new Phone();
  await phone.isOffered();
  await phone.clock.advance(3 * SECOND);
  await phone.app.tap("declined");
  const at = new Date(START + 3 * SECOND).toISOString();
  assert.equal(phone.server.messages().at(-1)?.context.push.lastDeclinedAt, at);
  await phone.restart();
  await phone.client.track("ValueMomentReached");
  assert.equal(phone.server.messages().at(-1)?.context.push.lastDeclinedAt, at);
});

test("a changed permission is told once, at the next foreground", async () => {
  const phone = new Phone();
  await phone.client.foregrounded();
  await phone.client.foregrounded();
  assert.equal(phone.server.permissions().length, 1);
  phone.app.snapshot = { status: "authorized" };
  await phone.client.foregrounded();
  await phone.client.foregrounded();
  await settle();
  const told = phone.server.permissions().map((each) => each.context.push.status);
  assert.deepEqual(told, ["notDetermined", "authorized"]);
  await phone.restart();
  phone.app.snapshot = { status: "authorized" };
  await phone.client.foregrounded();
  assert.equal(phone.server.permissions().length, 2);
});

test("a permission report that was not answered is the same one at the next try", async () => {
  const phone = new Phone();
  phone.server.reactions = ["offline", "offline"];
  await phone.client.foregrounded();
  await settle();
  await phone.client.foregrounded();
  await settle();
  await phone.client.foregrounded();
  await settle();
  const ids = new Set(phone.server.permissions().map((each) => each.messageId));
  assert.deepEqual([phone.server.permissions().length, ids.size], [3, 1]);
});

test("a permission report that was refused is told again", async () => {
  const phone = new Phone();
  phone.server.reactions = [{ status: 400 }];
  await phone.client.foregrounded();
  await settle();
  await phone.client.foregrounded();
  await settle();
  const ids = new Set(phone.server.permissions().map((each) => each.messageId));
  assert.equal(ids.size, 2);
});

test("a preference centre asks for the route and walks it", async () => {
  const phone = new Phone();
  phone.server.always = ({ path }) =>
    path === "/v1/actions"
      ? { body: { success: true, actions: [], onApprove: "os_prompt" } }
      : undefined;
  const route = await phone.client.explicit();
  assert.equal(route, "os_prompt");
  assert.equal(phone.server.requests.at(-1)?.body.intent, "explicit");
  await phone.client.follow(route);
  await settle();
  assert.equal(phone.app.prompts, 1);
  assert.equal(phone.server.permissions().at(-1)?.context.push.status, "authorized");
});

test("an opt-out in the app is undone at Yes, without the OS prompt", async () => {
  const phone = new Phone();
  phone.app.snapshot = { status: "authorized", optedOut: true };
  await phone.isOffered(offer("of_1", { onApprove: "in_app_opt_in" }));
  await phone.app.tap("approved");
  assert.deepEqual([phone.app.optedIn, phone.app.prompts], [1, 0]);
});

test("a preference centre is told of no answer, and of nothing to ask", async () => {
  const phone = new Phone();
  phone.server.reactions = ["offline", { body: { success: true, actions: [], onApprove: null } }];
  assert.equal(await phone.client.explicit(), undefined);
  assert.equal(await phone.client.explicit(), null);
  await phone.client.follow(undefined);
  await phone.client.follow(null);
  assert.equal(phone.app.prompts, 0);
});

/** What the client makes of its runtime, and of the project's settings. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { mock, test } from "node:test";

import { createSoftask, thePlatform } from "../dist/index.js";
import { VERSION } from "../dist/version.js";
import { FakeApp, MemoryStorage, MINUTE, Phone, SECOND, START } from "./fakes.ts";

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

for (const [name, crypto] of [
  ["crypto as it is", globalThis.crypto],
  ["no randomUUID", { getRandomValues: globalThis.crypto.getRandomValues.bind(globalThis.crypto) }],
  ["no crypto at all", undefined],
] as const) {
  test(`ids are UUIDs and differ, with ${name}`, () => {
    const own = Object.getOwnPropertyDescriptor(globalThis, "crypto");
    Object.defineProperty(globalThis, "crypto", { value: crypto, configurable: true });
    try {
      const ids = Array.from({ length: 100 }, () => thePlatform.randomId());
      assert.ok(
        ids.every((id) => UUID.test(id)),
        ids[0],
      );
      assert.equal(new Set(ids).size, 100);
    } finally {
      if (own) Object.defineProperty(globalThis, "crypto", own);
    }
  });
}

test("the runtime's own clock and fetch are used, and no timer is left", async () => {
  const app = new FakeApp();
  const fetched = mock.method(globalThis, "fetch", async () =>
    Response.json({ success: true, actions: [], results: [] }),
  );
  const client = createSoftask({
    host: "https://softask.example",
    writeKey: "key",
    storage: new MemoryStorage(),
    native: app.native,
    popup: app.popup,
  });
  await client.track("ValueMomentReached");
  assert.equal(fetched.mock.callCount(), 1);
  fetched.mock.restore();
  assert.ok(!process.getActiveResourcesInfo().includes("Timeout"));
});

test("a clock of one's own beside all that is the runtime's", async () => {
  const app = new FakeApp();
  const sent: string[] = [];
  const fetched = mock.method(globalThis, "fetch", async (_: unknown, init: RequestInit) => {
    sent.push(JSON.parse(String(init.body)).timestamp);
    return Response.json({ success: true, actions: [] });
  });
  const clock = { ...thePlatform.clock, now: () => START };
  const client = createSoftask(
    {
      host: "https://softask.example",
      writeKey: "key",
      storage: new MemoryStorage(),
      native: app.native,
      popup: app.popup,
    },
    { ...thePlatform, clock },
  );
  await client.track("ValueMomentReached");
  fetched.mock.restore();
  assert.deepEqual(sent, [new Date(START).toISOString()]);
});

test("localStorage fits, which answers at once", async () => {
  const items = new Map<string, string>();
  const storage = {
    getItem: (key: string) => items.get(key) ?? null,
    setItem: (key: string, value: string) => void items.set(key, value),
  };
  const phone = new Phone({ storage });
  await phone.isOffered();
  assert.equal(phone.app.opened.length, 1);
  assert.ok(items.has("softask.install"));
});

test("the version is the package's", () => {
  const { version } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"));
  assert.equal(VERSION, version);
});

const SETTINGS = { paused: true, events: ["ValueMomentReached", 7], maxAgeSeconds: 30 };

test("settings are read, and kept for five minutes", async () => {
  const phone = new Phone();
  phone.server.always = () => ({ body: { integrations: {}, softask: SETTINGS } });
  const told = { paused: true, events: ["ValueMomentReached"], maxAgeSeconds: 30 };
  assert.deepEqual(await phone.client.settings(), told);
  await phone.clock.advance(5 * MINUTE - 1);
  assert.deepEqual(await phone.client.settings(), told);
  assert.deepEqual(phone.server.paths(), ["/v1/projects/key/settings"]);
  await phone.clock.advance(1);
  await phone.client.settings();
  assert.equal(phone.server.requests.length, 2);
});

test("old settings are better than none", async () => {
  const phone = new Phone();
  phone.server.reactions = ["offline", { body: { softask: SETTINGS } }, { status: 404 }];
  assert.equal(await phone.client.settings(), undefined);
  const told = await phone.client.settings();
  assert.equal(told?.maxAgeSeconds, 30);
  await phone.clock.advance(10 * MINUTE);
  assert.equal(await phone.client.settings(), told);
});

test("a paused project still hears of value", async () => {
  const phone = new Phone();
  phone.server.reactions = [{ body: { softask: SETTINGS } }];
  await phone.client.settings();
  await phone.client.track("ValueMomentReached");
  await phone.clock.advance(SECOND);
  assert.deepEqual(phone.server.events(), ["ValueMomentReached"]);
});

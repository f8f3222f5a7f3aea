/**
 * The client against a real dev server, with storage in memory and an app that does as it is told.
 *
 * SOFTASK_URL names the server, which knows push-softask, session-time and direct-prompt; its clock
 * is moved.
 */

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { createSoftask, thePlatform, type Options, type Softask } from "../dist/index.js";
import { FakeApp, MemoryStorage, MINUTE, SECOND, settle, type Json } from "./fakes.ts";
import { factsOf, post, RealPhone, stateOf, URL_OF_SERVER } from "./real.ts";

const skip = URL_OF_SERVER === "" && "SOFTASK_URL names no dev server";

beforeEach(async () => {
  if (!skip) await post("/_dev/reset");
});

test(
  "the recipe: Not now, two weeks, and a Yes that leads to the OS prompt",
  { skip },
  async () => {
    const phone = new RealPhone();
    await phone.client.identify("u1", { session_count: 3 });
    assert.equal(await phone.reachValue(), 1);
    assert.equal(phone.app.opened[0]?.attempt, 1);
    await phone.answers("declined");
    assert.equal(await phone.reachValue(), 1);
    assert.deepEqual(await factsOf("u1"), ["declined", "exposed", "offered", "shown"]);
    await phone.waitsTwoWeeks();
    assert.equal(await phone.reachValue(), 2);
    assert.deepEqual([phone.app.opened[1]?.attempt, phone.app.prompts], [2, 0]);
    await phone.answers("approved");
    assert.equal(phone.app.prompts, 1);
    const { profile } = await stateOf("u1");
    const [device] = Object.values<Json>(profile.devices);
    assert.equal(device?.push.status, "authorized");
    assert.equal(profile.attributes.session_count.value, 3);
    assert.deepEqual(
      (await factsOf("u1")).filter((kind) => kind === "granted"),
      ["granted"],
    );
    assert.deepEqual(phone.app.problems, []);
  },
);

test(
  "a decline that was tapped offline arrives after the restart, before any trigger",
  { skip },
  async () => {
    const phone = new RealPhone();
    await phone.client.identify("u1");
    await phone.reachValue();
    phone.isOffline = true;
    await phone.answers("declined");
    assert.equal(await phone.reachValue(), 1);
    phone.isOffline = false;
    phone.restart();
    assert.equal(await phone.reachValue(), 0);
    const { profile } = await stateOf("u1");
    assert.equal(profile.progress["push-softask"].outcome, "declined");
    assert.equal(profile.events.ValueMomentReached.count, 3);
  },
);

test("a trigger whose answer is lost counts once, and opens nothing later", { skip }, async () => {
  const phone = new RealPhone();
  await phone.client.identify("u1");
  await phone.client.flush();
  phone.losesAnswers = true;
  await phone.client.track("ValueMomentReached");
  await phone.client.flush();
  phone.losesAnswers = false;
  assert.equal(await phone.client.flush(), true);
  assert.equal(phone.app.opened.length, 0);
  const { profile } = await stateOf("u1");
  assert.equal(profile.events.ValueMomentReached.count, 1);
  assert.equal(await phone.reachValue(), 1);
  assert.equal((await factsOf("u1")).filter((kind) => kind === "offered").length, 1);
});

test("a trigger that never arrived counts later, and is offered nothing", { skip }, async () => {
  const phone = new RealPhone();
  await phone.client.identify("u1");
  await phone.client.flush();
  phone.isOffline = true;
  await phone.client.track("ValueMomentReached");
  phone.isOffline = false;
  await phone.client.flush();
  assert.equal(await phone.client.flush(), true);
  const { profile } = await stateOf("u1");
  assert.equal(profile.events.ValueMomentReached.count, 1);
  assert.deepEqual(await factsOf("u1"), []);
});

test("what was declined before the login holds after it", { skip }, async () => {
  const phone = new RealPhone();
  await phone.reachValue();
  await phone.answers("declined");
  await phone.client.identify("u1");
  assert.equal(await phone.reachValue(), 1);
  const { profile } = await stateOf("u1");
  const { attempts, outcome } = profile.progress["push-softask"];
  assert.deepEqual([attempts, outcome], [1, "declined"]);
  await phone.waitsTwoWeeks();
  assert.equal(await phone.reachValue(), 2);
  assert.equal(phone.app.opened[1]?.attempt, 2);
});

test(
  "row 63: the next user of the phone is not asked right after the last one",
  { skip },
  async () => {
    const phone = new RealPhone();
    await phone.client.identify("u1");
    await phone.reachValue();
    await phone.answers("dismissed");
    await phone.client.reset();
    assert.equal(await phone.reachValue(), 1);
    await phone.client.identify("u2");
    assert.equal(await phone.reachValue(), 1);
    assert.deepEqual(await factsOf("u2"), []);
  },
);

for (const isPaused of [false, true]) {
  const ends = isPaused ? "is not opened where the campaign was paused" : "opens in its time";
  test(`a popup five minutes into the session ${ends}`, { skip }, async () => {
    const phone = new RealPhone();
    await phone.client.identify("u1");
    assert.equal(await phone.reachValue("SessionStarted"), 0);
    if (isPaused) await post("/v1/admin/campaigns/session-time/pause", { reason: "test" });
    await phone.clock.advance(5 * MINUTE);
    for (let turn = 0; turn < 2; turn += 1) await phone.client.explicit();
    assert.equal(phone.app.opened.length, isPaused ? 0 : 1);
  });
}

for (const status of ["authorized", "denied"] as const) {
  test(`the direct prompt: ${status} is its Shown and its outcome`, { skip }, async () => {
    const phone = new RealPhone();
    phone.app.afterPrompt = { status };
    await phone.client.identify("u1");
    await phone.reachValue("DirectMomentReached");
    assert.deepEqual([phone.app.opened.length, phone.app.prompts], [0, 1]);
    const always = ["exposed", "offered", "prompted", "shown"];
    const answered = status === "denied" ? ["denied"] : ["converted", "granted", "opted_in"];
    assert.deepEqual(await factsOf("u1"), [...always, ...answered].sort());
    await phone.reachValue("DirectMomentReached");
    assert.equal(phone.app.prompts, 1);
    assert.deepEqual(phone.app.problems, []);
  });
}

test("a direct prompt that was swiped away is shown, and not repeated", { skip }, async () => {
  const phone = new RealPhone();
  phone.app.afterPrompt = { status: "default" };
  await phone.client.identify("u1");
  await phone.reachValue("DirectMomentReached");
  assert.deepEqual(await factsOf("u1"), ["exposed", "offered", "shown"]);
  const other = new RealPhone();
  await other.client.identify("u1");
  await post("/_dev/clock", { advance: "1h" });
  await other.reachValue("DirectMomentReached");
  assert.equal(other.app.prompts, 0);
});

test("a direct prompt whose answer came otherwise was not shown", { skip }, async () => {
  const phone = new RealPhone();
  await phone.client.identify("u1");
  await phone.reachValue("DelayedMomentReached");
  phone.app.snapshot = { status: "authorized" };
  await phone.clock.advance(10 * SECOND);
  await settle();
  await phone.client.flush();
  assert.equal(phone.app.prompts, 0);
  const facts = await factsOf("u1");
  assert.ok(facts.includes("suppressed") && facts.includes("granted"), facts.join());
  assert.ok(!facts.includes("shown") && !facts.includes("opted_in"), facts.join());
});

test("a delayed direct prompt is checked with the server, and asks", { skip }, async () => {
  const phone = new RealPhone();
  await phone.client.identify("u1");
  await phone.reachValue("DelayedMomentReached");
  await phone.clock.advance(10 * SECOND);
  for (let turn = 0; turn < 2; turn += 1) await phone.client.explicit();
  assert.equal(phone.app.prompts, 1);
});

test("a preference centre prompts past a decline", { skip }, async () => {
  const phone = new RealPhone();
  await phone.client.identify("u1");
  await phone.reachValue();
  await phone.answers("declined");
  await phone.client.follow(await phone.client.explicit());
  await phone.client.flush();
  assert.equal(phone.app.prompts, 1);
  assert.equal(await phone.client.explicit(), null);
});

test("the settings name what is worth sending", { skip }, async () => {
  const phone = new RealPhone();
  const settings = await phone.client.settings();
  assert.equal(settings?.paused, false);
  assert.ok(settings?.events.includes("ValueMomentReached"));
});

/** A client of this runtime alone, with what is wrong or moved about it. */
function clientOf(app: FakeApp, options: Partial<Options>, platform = thePlatform): Softask {
  return createSoftask(
    {
      host: URL_OF_SERVER,
      writeKey: "dev-write-key",
      storage: new MemoryStorage(),
      native: app.native,
      popup: app.popup,
      context: () => ({ os: { name: "iOS", version: "18.1" } }),
      onError: (problem) => app.problems.push(problem),
      ...options,
    },
    platform,
  );
}

test("the runtime's own clock, moved two weeks on, lets the retry through", { skip }, async () => {
  const storage = new MemoryStorage();
  const first = new FakeApp();
  const client = clientOf(first, { storage });
  await client.identify("u1");
  await client.track("ValueMomentReached");
  await settle();
  await first.tap("declined");
  await client.flush();
  client.close();
  await post("/_dev/clock", { advance: "14d" });
  const clock = { ...thePlatform.clock, now: () => Date.now() + 14 * 86_400_000 };
  const second = new FakeApp();
  const later = clientOf(second, { storage }, { ...thePlatform, clock });
  await later.track("ValueMomentReached");
  await settle();
  later.close();
  assert.equal(second.opened[0]?.attempt, 2);
});

test("a wrong write key is told, and what must arrive waits", { skip }, async () => {
  const app = new FakeApp();
  const client = clientOf(app, { writeKey: "another-app" });
  await client.track("ValueMomentReached");
  assert.equal(await client.settings(), undefined);
  assert.equal(await client.explicit(), undefined);
  await client.setTraits({ session_count: 1 });
  while (app.problems.length < 4) await settle();
  client.close();
  const why = "HTTP 401: The write key is not one of this app's.";
  assert.deepEqual(
    app.problems.map((each) => each.message),
    [
      `ValueMomentReached is refused: ${why}`,
      `settings is refused: ${why}`,
      `explicit is refused: ${why}`,
      `identify waits: ${why}`,
    ],
  );
});

test("a host that was pasted with /v1 is the same host", { skip }, async () => {
  const app = new FakeApp();
  const client = clientOf(app, { host: `${URL_OF_SERVER}/v1/` });
  await client.track("ValueMomentReached");
  client.close();
  assert.deepEqual(app.problems, []);
});

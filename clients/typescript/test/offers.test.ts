import assert from "node:assert/strict";
import { test } from "node:test";

import { answer, MINUTE, offer, Phone, SECOND, settle, type Json } from "./fakes.ts";

const DELAYED = offer("of_1", { showAfterSeconds: 30 });

/** What `POST /v1/actions` says of an offer; everything else is answered with success. */
function checksSay(phone: Phone, ...actions: Json[]): void {
  phone.server.always = ({ path }) => (path === "/v1/actions" ? answer(...actions) : undefined);
}

test("the same offer, answered again, is not opened twice", async () => {
  const phone = new Phone();
  await phone.isOffered();
  await phone.isOffered();
  await phone.app.tap("dismissed");
  await phone.isOffered();
  await phone.restart();
  await phone.isOffered();
  assert.equal(phone.app.opened.length, 0);
  assert.equal(phone.server.events().filter((each) => each === "PushSoftAskShown").length, 1);
});

test("two triggers at once that bring the same offer open one popup", async () => {
  const phone = new Phone();
  phone.server.reactions = [answer(offer()), answer(offer())];
  await Promise.all([phone.client.track("ValueMomentReached"), phone.client.track("Saved")]);
  await settle();
  assert.equal(phone.app.opened.length, 1);
});

test("of the offers that were shown the newest fifty are remembered", async () => {
  const phone = new Phone();
  for (let count = 1; count <= 60; count += 1) {
    await phone.isOffered(offer(`of_${count}`));
    await phone.app.tap("dismissed");
  }
  const { shown } = phone.storage.read("install");
  assert.deepEqual([shown.length, shown[0], shown.at(-1)], [50, "of_11", "of_60"]);
});

test("a delayed popup opens after its time in the foreground, if it stands", async () => {
  const phone = new Phone();
  await phone.isOffered(DELAYED);
  checksSay(phone, offer());
  await phone.clock.advance(20 * SECOND);
  phone.client.backgrounded();
  await phone.clock.advance(MINUTE);
  await phone.client.foregrounded();
  await phone.clock.advance(9 * SECOND);
  assert.equal(phone.app.opened.length, 0);
  await phone.clock.advance(SECOND);
  assert.equal(phone.app.opened.length, 1);
  const check = phone.server.requests.find((each) => each.path === "/v1/actions");
  assert.equal(check?.body.offerId, "of_1");
  assert.equal(typeof check?.body.anonymousId, "string");
  assert.equal(check?.body.context.push.status, "notDetermined");
});

test("a delayed popup that the server takes back is not opened", async () => {
  const phone = new Phone();
  await phone.isOffered(DELAYED);
  checksSay(phone, { type: "withdraw", offerId: "of_1", reason: "paused" });
  await phone.clock.advance(MINUTE);
  assert.equal(phone.app.opened.length, 0);
  assert.deepEqual(phone.server.events(), ["ValueMomentReached"]);
});

test("a delayed popup of which the server knows nothing is not opened", async () => {
  const phone = new Phone();
  await phone.isOffered(DELAYED);
  checksSay(phone, offer("of_2"));
  await phone.clock.advance(MINUTE);
  assert.equal(phone.app.opened.length, 0);
});

for (const reaction of ["offline", "silent", { status: 503 }] as const) {
  test(`a delayed popup stays away, unconfirmed: ${JSON.stringify(reaction)}`, async () => {
    const phone = new Phone();
    await phone.isOffered(DELAYED);
    phone.server.always = ({ path }) => (path === "/v1/actions" ? reaction : undefined);
    await phone.clock.advance(5 * MINUTE);
    assert.equal(phone.app.opened.length, 0);
  });
}

test("an answer that comes in the background waits, and is checked", async () => {
  const phone = new Phone();
  phone.client.backgrounded();
  await phone.isOffered();
  assert.equal(phone.app.opened.length, 0);
  checksSay(phone, { type: "withdraw", offerId: "of_1", reason: "paused" });
  await phone.client.foregrounded();
  await settle();
  assert.equal(phone.app.opened.length, 0);
  assert.ok(phone.server.paths().includes("/v1/actions"));
});

test("a trigger from the background says so", async () => {
  const phone = new Phone();
  phone.client.backgrounded();
  await phone.client.track("ValueMomentReached");
  assert.equal(phone.server.messages()[0]?.context.app.inForeground, false);
});

for (const [clock, move] of [
  ["the wall clock, while the phone slept", (phone: Phone) => (phone.clock.wall += 10 * MINUTE)],
  [
    "the steady clock, set back as the other may be",
    (phone: Phone) => {
      phone.clock.steady += 10 * MINUTE;
      phone.clock.wall -= 60 * MINUTE;
    },
  ],
] as const) {
  test(`an offer expires by ${clock}`, async () => {
    const phone = new Phone();
    phone.client.backgrounded();
    await phone.isOffered();
    checksSay(phone, offer());
    move(phone);
    await phone.client.foregrounded();
    await settle();
    assert.equal(phone.app.opened.length, 0);
  });
}

test("an offer is opened until the last second before it expires", async () => {
  const phone = new Phone();
  phone.client.backgrounded();
  await phone.isOffered();
  checksSay(phone, offer());
  await phone.clock.advance(10 * MINUTE - 1);
  await phone.client.foregrounded();
  await settle();
  assert.equal(phone.app.opened.length, 1);
});

test("a wall clock that is years ahead when the offer comes plays no part", async () => {
  const phone = new Phone();
  phone.clock.wall = Date.parse("2031-01-01T00:00:00Z");
  await phone.isOffered();
  assert.equal(phone.app.opened.length, 1);
});

test("withdraw calls off the popup that waits", async () => {
  const phone = new Phone();
  await phone.isOffered(DELAYED);
  await phone.isOffered({ type: "withdraw", offerId: "of_1", reason: "called_off" });
  checksSay(phone, offer());
  await phone.clock.advance(MINUTE);
  assert.deepEqual([phone.app.opened.length, phone.clock.timers.length], [0, 0]);
});

test("withdraw in the answer to an outcome is obeyed too", async () => {
  const phone = new Phone();
  await phone.isOffered(DELAYED);
  phone.server.reactions.push(answer({ type: "withdraw", offerId: "of_1", reason: "granted" }));
  await phone.client.setTraits({ session_count: 2 });
  await settle();
  assert.equal(phone.clock.timers.length, 0);
});

test("withdraw of another offer changes nothing", async () => {
  const phone = new Phone();
  await phone.isOffered(DELAYED);
  await phone.isOffered({ type: "withdraw", offerId: "of_2", reason: "granted" });
  checksSay(phone, offer());
  await phone.clock.advance(MINUTE);
  assert.equal(phone.app.opened.length, 1);
});

test("withdraw leaves a popup alone that is open", async () => {
  const phone = new Phone();
  await phone.isOffered();
  await phone.isOffered({ type: "withdraw", offerId: "of_1", reason: "paused" });
  await phone.app.tap("approved");
  assert.equal(phone.app.prompts, 1);
});

test("withdraw that arrives while the offer is being checked is obeyed", async () => {
  const phone = new Phone();
  await phone.isOffered(DELAYED);
  phone.app.popup.isBlocked = async () => {
    await phone.isOffered({ type: "withdraw", offerId: "of_1", reason: "called_off" });
    return false;
  };
  checksSay(phone, offer());
  await phone.clock.advance(MINUTE);
  assert.equal(phone.app.opened.length, 0);
});

test("an offer that is repeated while it waits does not wait anew", async () => {
  const phone = new Phone();
  await phone.isOffered(DELAYED);
  await phone.clock.advance(20 * SECOND);
  await phone.isOffered(DELAYED);
  checksSay(phone, offer());
  await phone.clock.advance(10 * SECOND);
  assert.equal(phone.app.opened.length, 1);
});

test("an app that leaves the foreground while an offer is checked is asked later", async () => {
  const phone = new Phone();
  await phone.isOffered(DELAYED);
  phone.app.popup.isBlocked = () => {
    phone.client.backgrounded();
    return false;
  };
  checksSay(phone, offer());
  await phone.clock.advance(MINUTE);
  assert.equal(phone.app.opened.length, 0);
  phone.app.popup.isBlocked = () => false;
  await phone.client.foregrounded();
  await settle();
  assert.equal(phone.app.opened.length, 1);
});

test("a newer offer replaces the one that waits", async () => {
  const phone = new Phone();
  await phone.isOffered(DELAYED);
  await phone.isOffered(offer("of_2"));
  checksSay(phone, offer());
  await phone.clock.advance(MINUTE);
  assert.deepEqual(
    phone.app.opened.map((each) => each.offerId),
    ["of_2"],
  );
});

test("another dialog in the way gives the offer back, unspent", async () => {
  const phone = new Phone();
  phone.app.isBlocked = true;
  await phone.isOffered();
  assert.equal(phone.app.opened.length, 0);
  assert.deepEqual(phone.server.events(), ["ValueMomentReached", "PushSoftAskSuppressed"]);
  phone.app.isBlocked = false;
  await phone.isOffered();
  assert.equal(phone.app.opened.length, 1);
});

test("our own open popup is in the way of another", async () => {
  const phone = new Phone();
  await phone.isOffered();
  await phone.isOffered(offer("of_2"));
  assert.equal(phone.app.opened.length, 1);
  const last = phone.server.messages().at(-1);
  assert.deepEqual([last?.event, last?.properties], ["PushSoftAskSuppressed", { offerId: "of_2" }]);
});

test("an app that cannot say what is in the way gets no popup", async () => {
  const phone = new Phone();
  phone.app.popup.isBlocked = () => Promise.reject(new Error("no"));
  await phone.isOffered();
  assert.equal(phone.app.opened.length, 0);
  assert.equal(phone.server.events().at(-1), "PushSoftAskSuppressed");
  assert.deepEqual(
    phone.app.problems.map((each) => each.message),
    ["popup.isBlocked failed."],
  );
});

test("a popup that cannot open is told to the app; its Shown stands", async () => {
  const phone = new Phone();
  phone.app.popup.open = () => Promise.reject(new Error("no screen"));
  await phone.isOffered();
  assert.deepEqual(
    phone.app.problems.map((each) => each.message),
    ["popup.open failed."],
  );
  assert.deepEqual(phone.server.events(), ["ValueMomentReached", "PushSoftAskShown"]);
  phone.app.popup.open = async () => "dismissed";
  await phone.isOffered(offer("of_2"));
  assert.equal(phone.server.events().at(-1), "PushSoftAskDismissed");
});

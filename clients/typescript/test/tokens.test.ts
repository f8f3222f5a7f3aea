/** Users' tokens: from the app to the server, and what becomes of what is refused without one. */

import assert from "node:assert/strict";
import { test } from "node:test";

import {
  answer,
  MINUTE,
  offer,
  Phone,
  SECOND,
  settle,
  START,
  tokenOf,
  type Json,
  type Reaction,
  type Request,
} from "./fakes.ts";

const WHY = "Send a token that proves who speaks.";
const UNPROVEN = { code: "unauthorized", message: WHY };

/** An app whose backend signs for whoever is logged in on it. */
class Backend {
  asked = 0;
  user = "u1";
  lasts = 15 * MINUTE;
  phone: Phone | undefined;

  readonly token = async (): Promise<string | null> => {
    this.asked += 1;
    return tokenOf(this.user, (this.phone?.clock.wall ?? START) + this.lasts, { jti: this.asked });
  };
}

function withBackend(): [Phone, Backend] {
  const backend = new Backend();
  backend.phone = new Phone({ token: backend.token });
  return [backend.phone, backend];
}

/** Refuses as a stage does that enforces tokens: a single call whole, of a batch the rows. */
function refusal({ path, body }: Request, error: Json = UNPROVEN): Reaction {
  if (path !== "/v1/batch") return { status: error.code === "forbidden" ? 403 : 401, body: error };
  const results = (body.batch as Json[]).map(({ messageId }) => ({
    messageId,
    status: "rejected",
    error,
  }));
  return { body: { success: true, results, actions: [] } };
}

function sent(phone: Phone): string[] {
  return phone.server.requests.map((each) => each.headers["X-Softask-Token"] ?? "none");
}

function waiting(phone: Phone): string[] {
  return phone.storage.read("queue").map((each: Json) => each.message.event ?? each.message.type);
}

function told(phone: Phone): string[] {
  return phone.app.problems.map((each) => `${each.code}: ${each.message}`);
}

async function loggedIn(phone: Phone): Promise<void> {
  await phone.client.identify("u1");
  await settle();
}

// --- what is refused is not lost ---

for (const [status, code] of [
  [401, "unauthorized"],
  [403, "forbidden"],
] as const) {
  test(`${status} keeps the outcome, which is sent when somebody vouches for it`, async () => {
    const phone = new Phone();
    await phone.isOffered();
    phone.server.reactions = [{ status, body: { code, message: "No." } }];
    await phone.app.tap("declined");
    assert.deepEqual(waiting(phone), ["PushSoftAskDeclined"]);
    const message = `unauthorized: PushSoftAskDeclined waits: HTTP ${status}: No.`;
    assert.deepEqual(told(phone), [message]);
    assert.equal(await phone.client.flush(), true);
    assert.equal(phone.server.events().at(-1), "PushSoftAskDeclined");
  });

  test(`rows rejected as ${code} wait, and are told of once`, async () => {
    const phone = new Phone();
    await loggedIn(phone);
    phone.server.always = () => ({ status: 503 });
    await phone.client.setTraits({ plan: "free" });
    await phone.client.setTraits({ plan: "pro" });
    await settle();
    phone.server.always = (request) => refusal(request, { code, message: "No." });
    assert.equal(await phone.client.flush(), false);
    assert.deepEqual(waiting(phone), ["identify", "identify"]);
    assert.deepEqual(told(phone), ["unauthorized: identify waits: No."]);
  });
}

test("what waits for a token outlives a restart, and is told once", async () => {
  const phone = new Phone();
  await phone.isOffered();
  phone.server.always = refusal;
  await phone.app.tap("declined");
  phone.server.requests.length = 0;
  for (let count = 0; count < 3; count += 1) await phone.client.track("ValueMomentReached");
  assert.deepEqual(phone.server.paths(), [], "nothing overtakes it, and nobody is asked at once");
  assert.equal(phone.app.problems.length, 1);
  const kept = phone.storage.read("queue")[0].message.messageId;
  phone.server.always = undefined;
  await phone.restart();
  assert.equal(phone.server.messages()[0]?.messageId, kept);
  assert.deepEqual(waiting(phone), []);
});

test("what waits for a token is tried again after five minutes", async () => {
  const phone = new Phone();
  await phone.isOffered();
  phone.server.always = refusal;
  await phone.app.tap("declined");
  phone.server.requests.length = 0;
  await phone.clock.advance(5 * MINUTE - 1);
  assert.equal(phone.server.requests.length, 0);
  phone.server.always = undefined;
  await phone.clock.advance(1);
  assert.deepEqual(phone.server.events(), ["PushSoftAskDeclined"]);
  assert.deepEqual(phone.clock.timers, []);
});

for (const [name, call] of [
  ["a return to the foreground", (phone: Phone) => phone.client.foregrounded()],
  ["a login", (phone: Phone) => phone.client.identify("u1")],
] as const) {
  test(`${name} tries what waits for a token at once`, async () => {
    const phone = new Phone();
    await loggedIn(phone);
    await phone.isOffered();
    phone.server.always = refusal;
    await phone.app.tap("declined");
    phone.server.always = undefined;
    await call(phone);
    await settle();
    assert.deepEqual(waiting(phone), []);
  });
}

test("a trigger that nobody vouches for is dropped, and told", async () => {
  const [phone, backend] = withBackend();
  await loggedIn(phone);
  phone.server.always = refusal;
  await phone.client.track("ValueMomentReached");
  await settle();
  assert.deepEqual(waiting(phone), []);
  const message = `unauthorized: ValueMomentReached is refused: HTTP 401: ${WHY}`;
  assert.deepEqual(told(phone), [message]);
  assert.equal(phone.app.problems[0]?.event, "ValueMomentReached");
  assert.equal(backend.asked, 2);
});

test("one user's outcomes that nobody vouches for do not hold up the next user", async () => {
  const [phone, backend] = withBackend();
  await loggedIn(phone);
  await phone.isOffered();
  phone.server.always = () => "offline";
  await phone.app.tap("declined");
  await phone.client.reset();
  await phone.clock.advance(20 * MINUTE);
  backend.user = "u2";
  await phone.client.identify("u2");
  phone.server.always = (request) =>
    request.headers["X-Softask-Token"] === undefined ? refusal(request) : undefined;
  await phone.client.flush();
  phone.server.requests.length = 0;
  await phone.isOffered(offer("of_2"));
  assert.equal(phone.app.opened.at(-1)?.offerId, "of_2");
  assert.deepEqual(waiting(phone).slice(0, 1), ["PushSoftAskDeclined"]);
  await phone.client.reset();
  backend.user = "u1";
  await phone.client.identify("u1");
  await settle();
  const declined = phone.server.messages().filter((each) => each.event === "PushSoftAskDeclined");
  assert.deepEqual(declined.at(-1)?.userId, "u1");
  assert.deepEqual(
    phone.storage.read("queue").filter((each: Json) => each.message.userId !== undefined),
    [],
  );
});

// --- the app is asked as seldom as it goes ---

test("a token is asked for once while it lasts, and travels with every message", async () => {
  const [phone, backend] = withBackend();
  await loggedIn(phone);
  await phone.client.track("ValueMomentReached");
  await phone.client.explicit();
  await phone.clock.advance(15 * MINUTE - 31 * SECOND);
  await phone.client.track("ValueMomentReached");
  assert.equal(backend.asked, 1);
  assert.deepEqual(new Set(sent(phone)), new Set([tokenOf("u1", START + 15 * MINUTE, { jti: 1 })]));
  await phone.clock.advance(SECOND);
  await phone.client.track("ValueMomentReached");
  assert.equal(backend.asked, 2);
});

test("calls side by side ask for one token", async () => {
  const [phone, backend] = withBackend();
  await loggedIn(phone);
  await phone.clock.advance(backend.lasts);
  await Promise.all([phone.client.track("ValueMomentReached"), phone.client.explicit()]);
  assert.equal(backend.asked, 2);
});

for (const token of [
  "opaque",
  "a.b.c",
  `a.${Buffer.from("[]").toString("base64url")}.c`,
  "ä.ö.ü",
]) {
  test(`${JSON.stringify(token)} says no end: it is used once`, async () => {
    let asked = 0;
    const phone = new Phone({ token: async () => ((asked += 1), token) });
    await loggedIn(phone);
    await phone.client.track("ValueMomentReached");
    assert.deepEqual(new Set(sent(phone)), new Set([token]));
    assert.equal(asked, sent(phone).length);
  });
}

test("a user's name may have any letters", async () => {
  const [phone, backend] = withBackend();
  backend.user = "Zoë ✓ 名前";
  await phone.client.identify(backend.user);
  await phone.client.track("ValueMomentReached");
  assert.equal(backend.asked, 1);
});

test("before a login nobody is asked for", async () => {
  const [phone, backend] = withBackend();
  await phone.client.track("ValueMomentReached");
  assert.deepEqual([backend.asked, sent(phone)], [0, ["none"]]);
});

for (const nothing of [null, undefined, ""]) {
  test(`${JSON.stringify(nothing)} is no token: the server decides`, async () => {
    const phone = new Phone({ token: async () => nothing });
    await loggedIn(phone);
    assert.deepEqual([new Set(sent(phone)), waiting(phone)], [new Set(["none"]), []]);
  });
}

test("a token that was not taken is asked for once more, and the same message sent", async () => {
  const [phone, backend] = withBackend();
  await loggedIn(phone);
  phone.server.requests.length = 0;
  phone.server.reactions = [{ status: 401, body: UNPROVEN }, answer(offer())];
  await phone.client.track("ValueMomentReached");
  await settle();
  const [first, second] = phone.server.requests.filter((each) => each.path === "/v1/track");
  assert.equal(first?.body.messageId, second?.body.messageId);
  assert.notEqual(first?.headers["X-Softask-Token"], second?.headers["X-Softask-Token"]);
  assert.deepEqual([backend.asked, phone.app.opened.length, told(phone)], [2, 1, []]);
});

test("a batch whose rows were not taken is sent once more with a fresh token", async () => {
  const [phone, backend] = withBackend();
  await loggedIn(phone);
  phone.server.requests.length = 0;
  let refused = 0;
  phone.server.always = (request) => ((refused += 1) === 1 ? refusal(request) : undefined);
  await phone.client.setTraits({ plan: "free" });
  await settle();
  assert.deepEqual([backend.asked, phone.server.requests.length], [2, 2]);
  assert.deepEqual([waiting(phone), told(phone)], [[], []]);
});

test("no fresh token mends a wrong write key", async () => {
  const [phone, backend] = withBackend();
  await loggedIn(phone);
  phone.server.always = () => ({ status: 401, body: { ...UNPROVEN, field: "writeKey" } });
  await phone.client.track("ValueMomentReached");
  assert.equal(backend.asked, 1);
});

test("what was queued offline goes with the token of the time when it is sent", async () => {
  const [phone, backend] = withBackend();
  phone.server.always = () => "offline";
  await phone.client.identify("u1");
  await phone.clock.advance(60 * MINUTE);
  phone.server.always = undefined;
  phone.server.requests.length = 0;
  assert.equal(await phone.client.flush(), true);
  const [, claims] = (sent(phone).at(-1) ?? "").split(".");
  const { exp, jti } = JSON.parse(Buffer.from(claims ?? "", "base64url").toString());
  assert.ok(exp * SECOND > phone.clock.wall);
  assert.equal(jti, backend.asked);
  assert.deepEqual(waiting(phone), []);
});

// --- a token that does not come ---

test("a token that cannot be had is told as itself, and nothing is sent without it", async () => {
  const phone = new Phone({ token: () => Promise.reject(new Error("signed out")) });
  await loggedIn(phone);
  assert.deepEqual(phone.server.requests, []);
  assert.deepEqual(told(phone), ["app_failed: token failed."]);
  assert.deepEqual(waiting(phone), ["identify", "PushPermissionChanged"]);
});

test("a token that takes too long shows nothing, and holds nothing up for good", async () => {
  let answers = false;
  const token = () => (answers ? Promise.resolve("late") : new Promise<string>(() => undefined));
  const phone = new Phone({ token });
  await phone.client.identify("u1");
  const tracked = phone.client.track("ValueMomentReached");
  await phone.clock.advance(2 * SECOND);
  await tracked;
  assert.deepEqual(phone.server.requests, []);
  answers = true;
  await phone.clock.advance(10 * SECOND);
  assert.deepEqual(sent(phone), ["late"]);
  assert.deepEqual(told(phone), ["app_failed: token takes too long."]);
  assert.deepEqual(waiting(phone), []);
});

test("a token of a user who logged out meanwhile is not sent for the next", async () => {
  const tokens: ((token: string) => void)[] = [];
  const phone = new Phone({ token: () => new Promise((resolve) => tokens.push(resolve)) });
  await phone.client.identify("u1");
  await settle();
  await phone.client.identify("u2");
  await settle();
  const [first, second] = ["u1", "u2"].map((user) => tokenOf(user, START + 15 * MINUTE));
  tokens[0]?.(first ?? "");
  await settle();
  tokens[1]?.(second ?? "");
  await settle();
  const bearers = (user: string) =>
    phone.server.requests
      .filter(({ body }) => body.batch[0].userId === user)
      .map(({ headers }) => headers["X-Softask-Token"]);
  assert.deepEqual(new Set(bearers("u1")), new Set([first]));
  assert.deepEqual(new Set(bearers("u2")), new Set([second]));
});

// --- where a token goes ---

test("a user's token is in no URL, no storage and no message to the developer", async () => {
  const [phone] = withBackend();
  await loggedIn(phone);
  phone.server.always = refusal;
  await phone.client.track("ValueMomentReached");
  await phone.client.settings();
  const tokens = sent(phone).filter((each) => each !== "none");
  assert.ok(tokens.length > 0);
  assert.equal(sent(phone).at(-1), "none", "the settings are nobody's");
  const elsewhere = JSON.stringify([phone.server.paths(), [...phone.storage.items], told(phone)]);
  assert.ok(tokens.every((token) => !elsewhere.includes(token)));
});

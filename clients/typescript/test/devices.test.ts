/** Tokens that Softask issues to the install, for whoever is not logged in. */

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

const DAY = 24 * 60 * MINUTE;
const LIFE = 90 * DAY;
const USERS = tokenOf("u1", START + 15 * MINUTE);
const NONE_ISSUED = {
  status: 404,
  body: { code: "not_found", message: "This stage issues no device tokens." },
};
const UNPROVEN = { code: "unauthorized", message: "The token is expired." };

/** A stage that issues tokens, and enforces them: each proves the id after "device of ". */
class Stage {
  issued = 0;
  /** Tokens that hold. */
  readonly valid = new Set<string>();
  /** Instead of issuing. */
  reaction: Reaction | undefined;
  enforces = true;
  warnings: string[] = [];

  readonly always = (request: Request): Reaction | undefined =>
    request.path === "/v1/devices" ? this.issue(request) : this.judge(request);

  private issue({ body, headers }: Request): Reaction {
    if (this.reaction) return this.reaction;
    const isProven = this.valid.has(headers["X-Softask-Token"] ?? "");
    if (body.anonymousId !== undefined && this.enforces && !isProven) {
      return { status: 401, body: { ...UNPROVEN, field: "context.softask.token" } };
    }
    this.issued += 1;
    const anonymousId = body.anonymousId ?? `an_${this.issued}`;
    const token = `token ${this.issued} of ${anonymousId}`;
    this.valid.add(token);
    const expiresInSeconds = LIFE / SECOND;
    return { body: { success: true, anonymousId, token, expiresAt: "…", expiresInSeconds } };
  }

  private judge({ path, body, headers }: Request): Reaction | undefined {
    const token = headers["X-Softask-Token"] ?? "";
    const rows: Json[] = path === "/v1/batch" ? body.batch : [body];
    const isOwn = rows.every((each) => each.userId || token.endsWith(` of ${each.anonymousId}`));
    if (this.enforces && !(isOwn && (this.valid.has(token) || rows[0]?.userId))) {
      if (path !== "/v1/batch") return { status: 401, body: UNPROVEN };
      return this.results(rows, { status: "rejected", error: UNPROVEN });
    }
    return this.warnings.length && path === "/v1/batch"
      ? this.results(rows, { status: "accepted", warnings: this.warnings })
      : undefined;
  }

  private results(rows: Json[], result: Json): Reaction {
    const results = rows.map(({ messageId }) => ({ messageId, ...result }));
    return { body: { success: true, results, actions: [] } };
  }
}

function installed(
  prepare: (phone: Phone, stage: Stage) => void = () => undefined,
): [Phone, Stage] {
  const stage = new Stage();
  const options = { deviceTokens: true, token: async () => USERS };
  const phone = new Phone(options, (made) => {
    made.server.always = stage.always;
    prepare(made, stage);
  });
  return [phone, stage];
}

/** An install of a version that knew no tokens. */
function known({ storage }: Phone): void {
  const install = { deviceId: "d1", anonymousId: "old", shown: [] };
  storage.items.set("softask.install", JSON.stringify(install));
}

function asked(phone: Phone): Request[] {
  return phone.server.requests.filter((each) => each.path === "/v1/devices");
}

function told(phone: Phone): string[] {
  return phone.app.problems.map((each) => `${each.code}: ${each.message}`);
}

test("a new install takes an id and its token from the server, once", async () => {
  const [phone] = installed();
  await phone.client.foregrounded();
  await phone.client.track("ValueMomentReached");
  await phone.restart();
  await phone.client.track("ValueMomentReached");
  assert.deepEqual(
    asked(phone).map((each) => [each.body.anonymousId, each.headers["X-Softask-Token"]]),
    [[undefined, undefined]],
  );
  assert.deepEqual(
    new Set(phone.server.messages().map((each) => each.anonymousId)),
    new Set(["an_1"]),
  );
  const sent = phone.server.requests.slice(1).map((each) => each.headers["X-Softask-Token"]);
  assert.deepEqual(new Set(sent), new Set(["token 1 of an_1"]));
  assert.equal((await phone.client.ids())?.anonymousId, "an_1");
  assert.deepEqual(told(phone), []);
});

test("its popups open, and what became of them is taken", async () => {
  const [phone, stage] = installed();
  await phone.client.foregrounded();
  await settle();
  phone.server.always = (request) =>
    request.path === "/v1/track" ? answer(offer()) : stage.always(request);
  await phone.client.track("ValueMomentReached");
  await settle();
  await phone.app.tap("declined");
  assert.equal(phone.app.opened.length, 1);
  assert.deepEqual(phone.storage.read("queue"), []);
  assert.deepEqual(told(phone), []);
});

test("without the option no token is asked for", async () => {
  const phone = new Phone();
  await phone.client.track("ValueMomentReached");
  await phone.client.identify("u1");
  await settle();
  assert.deepEqual(asked(phone), []);
});

test("an install that the server may know names its id, and keeps it", async () => {
  const [phone] = installed((made, stage) => {
    known(made);
    stage.enforces = false;
  });
  await phone.client.track("ValueMomentReached");
  assert.deepEqual(
    asked(phone).map((each) => each.body.anonymousId),
    ["old"],
  );
  assert.equal(phone.server.messages()[0]?.anonymousId, "old");
});

test("an id that cannot be proven any more gives way to one that can", async () => {
  const [phone] = installed(known);
  await phone.client.foregrounded();
  await phone.client.track("ValueMomentReached");
  assert.deepEqual(
    asked(phone).map((each) => each.body.anonymousId),
    ["old", undefined],
  );
  assert.deepEqual(
    phone.server.messages().map((each) => each.anonymousId),
    ["an_1", "an_1"],
  );
  assert.equal((await phone.client.ids())?.anonymousId, "an_1");
  assert.deepEqual(told(phone), []);
});

test("a new profile is told of the permission that the old one knew", async () => {
  const [phone, stage] = installed((made) => (made.app.snapshot = { status: "denied" }));
  await phone.client.foregrounded();
  await settle();
  stage.valid.clear();
  await phone.client.track("ValueMomentReached");
  await phone.client.foregrounded();
  await settle();
  const permissions = phone.server.permissions().map((each) => each.anonymousId);
  assert.deepEqual(permissions, ["an_1", "an_2"]);
});

test("from half of its life on a token is renewed by itself, for the same id", async () => {
  const [phone] = installed();
  await phone.client.track("ValueMomentReached");
  await phone.clock.advance(LIFE / 2 - 1);
  await phone.client.track("ValueMomentReached");
  assert.equal(asked(phone).length, 1);
  await phone.clock.advance(1);
  await phone.client.track("ValueMomentReached");
  const [, renewal] = asked(phone);
  assert.equal(renewal?.body.anonymousId, "an_1");
  assert.equal(renewal?.headers["X-Softask-Token"], "token 1 of an_1");
  const last = phone.server.requests.at(-1);
  assert.equal(last?.headers["X-Softask-Token"], "token 2 of an_1");
});

test("a clock that was set back renews it too", async () => {
  const [phone] = installed();
  await phone.client.track("ValueMomentReached");
  phone.clock.wall -= DAY;
  await phone.client.track("ValueMomentReached");
  assert.equal(asked(phone).length, 2);
});

for (const [name, reaction] of [
  ["is refused", NONE_ISSUED],
  ["has no answer", "offline"],
] as const) {
  test(`while a renewal ${name}, the token is used to its end`, async () => {
    const [phone, stage] = installed();
    await phone.client.track("ValueMomentReached");
    await phone.clock.advance(LIFE / 2);
    stage.reaction = reaction;
    await phone.client.track("ValueMomentReached");
    await phone.client.track("ValueMomentReached");
    assert.equal(asked(phone).length, 2, "nor is it asked for with every message");
    assert.equal(phone.server.requests.at(-1)?.headers["X-Softask-Token"], "token 1 of an_1");
  });
}

test("a token that ended is not sent: what waits is sent with the next one", async () => {
  const [phone, stage] = installed();
  await phone.client.track("ValueMomentReached");
  stage.reaction = "offline";
  await phone.clock.advance(LIFE);
  phone.server.requests.length = 0;
  await phone.client.setTraits({ plan: "free" });
  await settle();
  assert.deepEqual(phone.server.paths(), ["/v1/devices"]);
  stage.reaction = undefined;
  assert.equal(await phone.client.flush(), true);
  assert.equal(phone.server.requests.at(-1)?.headers["X-Softask-Token"], "token 2 of an_1");
});

test("calls side by side ask for one token", async () => {
  const [phone] = installed();
  await Promise.all([phone.client.track("ValueMomentReached"), phone.client.explicit()]);
  assert.equal(asked(phone).length, 1);
});

test("a logout ends an id that the server may know: the next one is the server's own", async () => {
  const [phone, stage] = installed(known);
  stage.enforces = false;
  await phone.client.track("ValueMomentReached");
  await phone.client.reset();
  await phone.client.track("ValueMomentReached");
  assert.deepEqual(
    asked(phone).map((each) => each.body.anonymousId),
    ["old", undefined],
  );
});

test("an id that ended before it had a token gets none", async () => {
  const [phone, stage] = installed();
  stage.enforces = false;
  phone.server.always = () => "offline";
  await phone.client.setTraits({ plan: "free" });
  await phone.client.reset();
  await phone.client.setTraits({ plan: "pro" });
  await settle();
  phone.server.always = stage.always;
  phone.server.requests.length = 0;
  assert.equal(await phone.client.flush(), true);
  const [first, second] = phone.server.requests.filter((each) => each.path === "/v1/batch");
  assert.equal(first?.headers["X-Softask-Token"], undefined);
  assert.equal(second?.headers["X-Softask-Token"], "token 1 of an_1");
  assert.equal(asked(phone).length, 1);
});

test("a token that was not taken is renewed, and the same messages sent", async () => {
  const [phone, stage] = installed();
  await phone.client.track("ValueMomentReached");
  stage.valid.clear();
  await phone.client.setTraits({ plan: "free" });
  await settle();
  assert.deepEqual(phone.storage.read("queue"), []);
  assert.deepEqual([asked(phone).length, phone.server.messages().at(-1)?.anonymousId], [3, "an_2"]);
  assert.deepEqual(told(phone), []);
});

test("a login proves both ids, and no other message does", async () => {
  const [phone] = installed();
  await phone.client.track("ValueMomentReached");
  await phone.client.identify("u1");
  await phone.client.setTraits({ plan: "free" });
  await settle();
  const [value, login, ...others] = phone.server.messages();
  assert.equal(value?.anonymousId, "an_1");
  assert.deepEqual([login?.userId, login?.anonymousId], ["u1", "an_1"]);
  assert.deepEqual(login?.context.softask, { deviceToken: "token 1 of an_1" });
  assert.ok([value, ...others].every((each) => each?.context.softask === undefined));
  const last = phone.server.requests.at(-1);
  assert.equal(last?.headers["X-Softask-Token"], USERS);
});

test("a login that is not proven is told of what was left out of it", async () => {
  const [phone, stage] = installed();
  stage.warnings = ["The anonymous id was not merged."];
  await phone.client.identify("u1");
  await settle();
  const message = "taken_in_part: identify is taken in part: The anonymous id was not merged.";
  assert.ok(told(phone).includes(message));
  assert.deepEqual(phone.storage.read("queue"), []);
});

test("a stage that issues none is told of once, and is sent to without", async () => {
  const [phone, stage] = installed();
  stage.reaction = NONE_ISSUED;
  stage.enforces = false;
  await phone.client.track("ValueMomentReached");
  await phone.client.track("ValueMomentReached");
  assert.deepEqual(phone.server.paths(), ["/v1/devices", "/v1/track", "/v1/track"]);
  await phone.clock.advance(5 * MINUTE);
  await phone.client.track("ValueMomentReached");
  await phone.clock.advance(5 * MINUTE);
  stage.reaction = undefined;
  await phone.client.track("ValueMomentReached");
  const why = "HTTP 404: This stage issues no device tokens";
  assert.deepEqual(told(phone), [`unauthorized: This install gets no token: ${why}.`]);
  const own = phone.server.messages()[0]?.anonymousId;
  const named = asked(phone).map((each) => each.body.anonymousId);
  assert.deepEqual(named, [undefined, own, own]);
});

test("503 is obeyed: nothing is sent before, and nothing is lost", async () => {
  const [phone, stage] = installed();
  stage.reaction = { status: 503, body: {}, headers: { "Retry-After": "30" } };
  await phone.client.setTraits({ plan: "free" });
  await phone.clock.advance(29 * SECOND);
  assert.deepEqual(phone.server.paths(), ["/v1/devices"]);
  stage.reaction = undefined;
  await phone.clock.advance(SECOND);
  assert.deepEqual(phone.server.paths().slice(1), ["/v1/devices", "/v1/batch"]);
  assert.deepEqual(told(phone), []);
});

for (const body of [{}, { anonymousId: "a", token: "t" }, { token: 7, expiresInSeconds: 1 }]) {
  test(`${JSON.stringify(body)} is no token: it is asked for again`, async () => {
    const [phone, stage] = installed();
    stage.reaction = { body: { success: true, ...body } };
    await phone.client.setTraits({ plan: "free" });
    await settle();
    stage.reaction = undefined;
    assert.equal(await phone.client.flush(), true);
    assert.equal(phone.server.messages()[0]?.anonymousId, "an_1");
  });
}

test("what was done before the first token goes under the id that came with it", async () => {
  const [phone, stage] = installed();
  phone.server.always = () => "offline";
  await phone.client.setTraits({ plan: "free" });
  await phone.client.identify("u1");
  await settle();
  phone.server.always = stage.always;
  phone.server.requests.length = 0;
  assert.equal(await phone.client.flush(), true);
  const [traits, login] = phone.server.messages();
  assert.deepEqual([traits?.anonymousId, traits?.userId], ["an_1", undefined]);
  assert.deepEqual([login?.anonymousId, login?.userId], ["an_1", "u1"]);
  assert.deepEqual(login?.context.softask, { deviceToken: "token 1 of an_1" });
});

test("after a logout the install is new, and the old outcomes keep their proof", async () => {
  const [phone, stage] = installed();
  await phone.client.track("ValueMomentReached");
  phone.server.always = () => "offline";
  await phone.client.setTraits({ plan: "free" });
  await phone.client.reset();
  await phone.client.setTraits({ plan: "pro" });
  await settle();
  phone.server.always = stage.always;
  phone.server.requests.length = 0;
  assert.equal(await phone.client.flush(), true);
  const sent = phone.server.requests
    .filter((each) => each.path === "/v1/batch")
    .map(({ headers, body }) => [headers["X-Softask-Token"], body.batch[0].anonymousId]);
  assert.deepEqual(sent, [
    ["token 1 of an_1", "an_1"],
    ["token 2 of an_2", "an_2"],
  ]);
  assert.deepEqual(
    asked(phone).map((each) => each.body.anonymousId),
    [undefined],
  );
});

test("a token that cannot be stored is used while the app runs", async () => {
  const [phone] = installed(({ storage }) => {
    storage.refuses = (key) => key === "softask.devices";
  });
  await phone.client.setTraits({ plan: "free" });
  await phone.client.setTraits({ plan: "pro" });
  await settle();
  assert.equal(asked(phone).length, 1);
  assert.deepEqual(phone.storage.read("queue"), []);
});

test("nothing is done where the tokens cannot be read", async () => {
  const [phone] = installed(({ storage }) => {
    const { getItem } = storage;
    storage.getItem = async (key) => {
      if (key === "softask.devices") throw new Error("out of reach");
      return getItem.call(storage, key);
    };
  });
  await phone.client.track("ValueMomentReached");
  assert.deepEqual(phone.server.requests, []);
});

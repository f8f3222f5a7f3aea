/**
 * The client against a real dev server that enforces tokens. SOFTASK_URL names it where
 * SOFTASK_AUTH is "enforce".
 */

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { FakeApp, settle, type Json } from "./fakes.ts";
import { factsOf, post, RealPhone, stateOf } from "./real.ts";

const { subtle } = globalThis.crypto;
const ES256 = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
const pair = await subtle.generateKey(ES256, true, ["sign", "verify"]);
const publicKey = await subtle.exportKey("jwk", pair.publicKey);

const skip = process.env.SOFTASK_AUTH !== "enforce" && "SOFTASK_AUTH does not say enforce";

let kid = "";
let now = Date.now();

function part(value: string | Uint8Array): string {
  return Buffer.from(value).toString("base64url");
}

/** What the app's backend signs for a user, for a quarter of an hour from now. */
async function tokenFor(sub: string): Promise<string> {
  const iat = Math.floor(now / 1_000);
  const claims = { iss: "backend", aud: "softask-dev", sub, iat, exp: iat + 900 };
  const signed = [{ alg: "ES256", kid }, claims]
    .map((each) => part(JSON.stringify(each)))
    .join(".");
  const signature = await subtle.sign(ES256, pair.privateKey, Buffer.from(signed));
  return `${signed}.${part(new Uint8Array(signature))}`;
}

/** A phone whose app has a session at its backend, or none. */
class SignedPhone {
  user: string | null = null;
  asked = 0;
  readonly phone: RealPhone;

  constructor(deviceTokens = true) {
    const token = async () => {
      this.asked += 1;
      return this.user === null ? null : tokenFor(this.user);
    };
    this.phone = new RealPhone({ token, deviceTokens });
  }

  get app(): FakeApp {
    return this.phone.app;
  }

  async login(user: string): Promise<void> {
    this.user = user;
    await this.phone.client.identify(user);
    await this.phone.client.flush();
  }

  told(): string[] {
    return this.app.problems.map((each) => each.code);
  }

  waiting(): string[] {
    const kept: Json[] = this.phone.storage.read("queue") as Json[];
    return kept.map(({ message }) => message.event ?? message.type);
  }
}

async function create(use: string, more: Json = {}): Promise<string> {
  return (await post("/v1/admin/keys", { use, ...more })).key.id;
}

beforeEach(async () => {
  if (skip) return;
  now = Date.now();
  await post("/_dev/reset");
  const { kty, crv, x, y } = publicKey;
  kid = await create("user", { issuer: "backend", publicKey: { kty, crv, x, y } });
  await create("device");
});

test("nobody is logged in: the install's own token opens the popup", { skip }, async () => {
  const signed = new SignedPhone();
  assert.equal(await signed.phone.reachValue(), 1);
  await signed.phone.answers("declined");
  assert.deepEqual([signed.waiting(), signed.told(), signed.asked], [[], [], 0]);
});

test("a user's token: Not now, two weeks, and a Yes", { skip }, async () => {
  const signed = new SignedPhone();
  await signed.login("u1");
  assert.equal(await signed.phone.reachValue(), 1);
  await signed.phone.answers("declined");
  await signed.phone.waitsTwoWeeks();
  now = signed.phone.clock.wall;
  assert.equal(await signed.phone.reachValue(), 2);
  await signed.phone.answers("approved");
  assert.equal(signed.app.prompts, 1);
  assert.ok((await factsOf("u1")).includes("granted"));
  assert.deepEqual(signed.told(), []);
});

test("a login proves both ids: what was declined before it holds", { skip }, async () => {
  const signed = new SignedPhone();
  await signed.phone.reachValue();
  await signed.phone.answers("declined");
  await signed.login("u1");
  assert.equal(await signed.phone.reachValue(), 1);
  const { profile } = await stateOf("u1");
  assert.equal(profile.progress["push-softask"].outcome, "declined");
  assert.deepEqual(signed.told(), []);
});

test("a login without the install's token counts, and merges nothing", { skip }, async () => {
  const signed = new SignedPhone(false);
  await signed.login("u1");
  assert.deepEqual(signed.told(), ["taken_in_part"]);
  assert.equal(await signed.phone.reachValue(), 1);
});

test("an outcome outlives its token, and a session that ended", { skip }, async () => {
  const signed = new SignedPhone();
  await signed.login("u1");
  await signed.phone.reachValue();
  signed.phone.isOffline = true;
  await signed.phone.answers("declined");
  signed.phone.restart();
  signed.user = null;
  signed.phone.isOffline = false;
  await signed.phone.client.flush();
  assert.deepEqual(signed.waiting(), ["PushSoftAskDeclined"]);
  assert.ok(signed.told().includes("unauthorized"));
  await signed.login("u1");
  assert.deepEqual(signed.waiting(), []);
  const { profile } = await stateOf("u1");
  assert.equal(profile.progress["push-softask"].outcome, "declined");
});

test("a token that ended on the server's clock is replaced at once", { skip }, async () => {
  const signed = new SignedPhone();
  await signed.login("u1");
  await post("/_dev/clock", { advance: "1h" });
  now += 3_600_000;
  assert.equal(await signed.phone.reachValue(), 1);
  assert.deepEqual([signed.asked, signed.told()], [2, []]);
});

test("another user's token is refused, and opens nothing", { skip }, async () => {
  const signed = new SignedPhone();
  signed.user = "u2";
  await signed.phone.client.identify("u1");
  assert.equal(await signed.phone.reachValue(), 0);
  await settle();
  assert.deepEqual(await factsOf("u1"), []);
  assert.ok(signed.waiting().includes("identify"));
});

test("an install from before the tokens is somebody new, not somebody mute", { skip }, async () => {
  const signed = new SignedPhone();
  const old = { deviceId: "d1", anonymousId: "made-by-the-app", shown: [] };
  signed.phone.storage.items.set("softask.install", JSON.stringify(old));
  signed.phone.restart();
  assert.equal(await signed.phone.reachValue(), 1);
  assert.match((await signed.phone.client.ids())?.anonymousId ?? "", /^an_[a-z2-7]{26}$/);
  assert.deepEqual(signed.told(), []);
});

test("a key that was revoked: the install goes on under another id", { skip }, async () => {
  const signed = new SignedPhone();
  await signed.phone.reachValue();
  const before = await signed.phone.client.ids();
  const { keys } = (await (await fetch(`${process.env.SOFTASK_URL}/v1/admin/keys`)).json()) as Json;
  const [device] = keys.filter((each: Json) => each.use === "device");
  await fetch(`${process.env.SOFTASK_URL}/v1/admin/keys/${device.id}`, { method: "DELETE" });
  await create("device");
  await post("/_dev/clock", { advance: "1m" });
  await signed.phone.answers("declined");
  assert.deepEqual([signed.waiting(), signed.told()], [[], []]);
  assert.notEqual((await signed.phone.client.ids())?.anonymousId, before?.anonymousId);
});

/** What a developer is told of a host or a write key that is wrong. */

import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type AddressInfo } from "node:net";
import { test } from "node:test";

import { createSoftask, thePlatform, type Options } from "../dist/index.js";
import { FakeApp, MemoryStorage, MINUTE, offer, Phone, SECOND, settle } from "./fakes.ts";

const NOBODY = "Nothing answers at https://softask.example; it is tried again.";
const WRONG_KEY = {
  status: 401,
  body: { code: "unauthorized", message: "The write key is not one of this app's." },
};
const WHY = "HTTP 401: The write key is not one of this app's.";

function told(phone: Phone): string[] {
  return phone.app.problems.map((each) => each.message);
}

// --- what no request could ever mend ---

for (const host of [
  undefined,
  null,
  "",
  "/v1",
  "https://",
  "https:///v1",
  "abc.execute-api.eu-west-1.amazonaws.com",
  "localhost:8080",
  "ws://softask.example",
  "https://softask.example\n",
]) {
  test(`${JSON.stringify(host)} is no host: nothing is begun`, () => {
    assert.throws(() => new Phone({ host: host as string }), {
      message: "host must be a URL such as https://abc.execute-api.eu-west-1.amazonaws.com.",
    });
  });
}

test("of no options at all, the host is named first", () => {
  assert.throws(() => createSoftask({} as Options), /^Error: host must be a URL such as /);
});

for (const writeKey of [undefined, null, ""]) {
  test(`${JSON.stringify(writeKey)} is no write key: nothing is begun`, () => {
    assert.throws(() => new Phone({ writeKey: writeKey as string }), {
      message: "writeKey must be the app's write key, a text that is not empty.",
    });
  });
}

for (const [host, url] of [
  ["https://softask.example", "https://softask.example/v1/track"],
  ["https://softask.example/", "https://softask.example/v1/track"],
  ["https://softask.example/v1", "https://softask.example/v1/track"],
  ["https://softask.example//v1//", "https://softask.example/v1/track"],
  ["https://softask.example/v1beta/", "https://softask.example/v1beta/v1/track"],
  ["HTTP://127.0.0.1:8080/asks/v1/", "HTTP://127.0.0.1:8080/asks/v1/track"],
  ["http://v1", "http://v1/v1/track"],
] as const) {
  test(`${host} is asked at ${url}`, async () => {
    const asked: string[] = [];
    const app = new FakeApp();
    const fetched = async (input: unknown) => {
      asked.push(String(input));
      return Response.json({ success: true, actions: [] });
    };
    const client = createSoftask(
      { host, writeKey: "key", storage: new MemoryStorage(), native: app.native, popup: app.popup },
      { ...thePlatform, fetch: fetched as typeof fetch },
    );
    await client.track("ValueMomentReached");
    assert.deepEqual(asked, [url]);
  });
}

// --- nobody answers ---

test("a host that does not answer is told once, until it answers", async () => {
  const phone = new Phone();
  phone.server.always = () => "offline";
  await phone.client.track("ValueMomentReached");
  await phone.client.settings();
  await phone.clock.advance(MINUTE);
  assert.deepEqual(told(phone), [NOBODY]);
  const [problem] = phone.app.problems;
  assert.equal(problem?.code, "unreachable");
  assert.match(String(problem?.cause), /fetch failed/);
  phone.server.always = undefined;
  await phone.client.flush();
  assert.deepEqual(told(phone), [NOBODY]);
  phone.server.reactions = ["offline"];
  await phone.client.settings();
  assert.deepEqual(told(phone), [NOBODY, NOBODY]);
});

for (const status of [503, 400]) {
  test(`${status} is an answer too: what does not answer after it is told`, async () => {
    const phone = new Phone();
    phone.server.reactions = ["offline", { status }, "offline"];
    for (let turn = 0; turn < 3; turn += 1) await phone.client.settings();
    const codes = phone.app.problems.map((each) => each.code);
    assert.equal(codes.filter((each) => each === "unreachable").length, 2);
  });
}

test("a host that takes too long is told", async () => {
  const phone = new Phone();
  phone.server.reactions = ["silent"];
  void phone.client.settings();
  await phone.clock.advance(2 * SECOND);
  assert.deepEqual(told(phone), [NOBODY]);
});

test("a host that asks to be left alone has answered", async () => {
  const phone = new Phone();
  phone.server.reactions = [{ status: 429, headers: { "Retry-After": "30" } }];
  await phone.client.settings();
  await phone.client.settings();
  assert.deepEqual([phone.server.requests.length, told(phone)], [1, []]);
});

test("a port where nobody listens is told", async () => {
  const listening = createServer().listen(0, "127.0.0.1");
  await once(listening, "listening");
  const { port } = listening.address() as AddressInfo;
  listening.close();
  await once(listening, "close");
  const phone = new Phone({ host: `http://127.0.0.1:${port}` }, ({ server }) =>
    Object.assign(server, { fetch: thePlatform.fetch }),
  );
  await phone.client.settings();
  assert.deepEqual(told(phone), [
    `Nothing answers at http://127.0.0.1:${port}; it is tried again.`,
  ]);
});

for (const status of [200, 202, 501, 502]) {
  test(`${status} with a page is told as another's answer, once`, async () => {
    const phone = new Phone();
    phone.server.always = () => ({ status, body: "<html>" });
    await phone.client.track("ValueMomentReached");
    await phone.clock.advance(MINUTE);
    assert.deepEqual(told(phone), [
      `What answers at https://softask.example is not Softask (HTTP ${status}); it is tried again.`,
    ]);
  });
}

// --- an answer that refuses ---

test("a wrong write key is told whatever asks", async () => {
  const phone = new Phone();
  phone.server.always = () => WRONG_KEY;
  assert.equal(await phone.client.settings(), undefined);
  assert.equal(await phone.client.explicit(), undefined);
  await phone.client.track("ValueMomentReached");
  await phone.client.setTraits({ plan: "free" });
  await settle();
  assert.deepEqual(told(phone), [
    `settings is refused: ${WHY}`,
    `explicit is refused: ${WHY}`,
    `ValueMomentReached is refused: ${WHY}`,
    `identify waits: ${WHY}`,
  ]);
  const events = phone.app.problems.map((each) => each.event);
  assert.deepEqual(events, [undefined, undefined, "ValueMomentReached", "identify"]);
});

test("a delayed popup whose check is refused stays away, and is told", async () => {
  const phone = new Phone();
  await phone.isOffered(offer("of_1", { showAfterSeconds: 30 }));
  phone.server.always = ({ path }) => (path === "/v1/actions" ? WRONG_KEY : undefined);
  await phone.clock.advance(MINUTE);
  assert.equal(phone.app.opened.length, 0);
  assert.deepEqual(told(phone), [`the check of push-softask's offer is refused: ${WHY}`]);
});

for (const [error, why] of [
  [{ message: "traits.plan must be text." }, "traits.plan must be text"],
  [{ message: "traits.plan must be text" }, "traits.plan must be text"],
  [{}, "no reason given"],
] as const) {
  test(`a row rejected with ${JSON.stringify(error)} is told in one sentence`, async () => {
    const phone = new Phone();
    phone.server.always = ({ body }) => {
      const [{ messageId }] = body.batch;
      return { body: { success: true, results: [{ messageId, status: "rejected", error }] } };
    };
    await phone.client.setTraits({ plan: 7 });
    await settle();
    assert.deepEqual(told(phone), [`identify is dropped: ${why}.`]);
  });
}

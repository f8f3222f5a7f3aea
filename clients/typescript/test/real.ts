/** A phone before a real dev server, which SOFTASK_URL names. */

import assert from "node:assert/strict";

import { createSoftask, thePlatform, type Options, type Softask } from "../dist/index.js";
import { FakeApp, FakeClock, MemoryStorage, MINUTE, settle, type Json } from "./fakes.ts";

export const URL_OF_SERVER = process.env.SOFTASK_URL ?? "";

/** A phone of which only the network is real, and that may be cut. */
export class RealPhone {
  readonly storage = new MemoryStorage();
  readonly clock = new FakeClock();
  app = new FakeApp();
  isOffline = false;
  losesAnswers = false;
  client: Softask;
  private readonly options: Partial<Options>;

  constructor(options: Partial<Options> = {}) {
    this.options = options;
    this.clock.wall = Date.now();
    this.client = this.start();
  }

  restart(): void {
    this.client.close();
    this.app = new FakeApp();
    this.client = this.start();
  }

  /** A trigger; settles once the popup that answers it is open, or there is none. */
  async reachValue(event = "ValueMomentReached"): Promise<number> {
    await this.client.track(event);
    await settle();
    await this.client.flush();
    return this.app.opened.length;
  }

  /** The user's answer to the open popup, and everything that follows from it. */
  async answers(answer: "approved" | "declined" | "dismissed"): Promise<void> {
    await this.app.tap(answer);
    await this.client.flush();
  }

  /** Of phone and server: the phone's own record of the decline is a floor, by its own clock. */
  async waitsTwoWeeks(): Promise<void> {
    await post("/_dev/clock", { advance: "14d" });
    await this.clock.advance(14 * 24 * 60 * MINUTE);
  }

  private start(): Softask {
    const { app, storage, clock } = this;
    return createSoftask(
      {
        host: URL_OF_SERVER,
        writeKey: "dev-write-key",
        storage,
        native: app.native,
        popup: app.popup,
        context: () => ({ os: { name: "iOS", version: "18.1" }, app: { version: "4.2" } }),
        onError: (problem) => app.problems.push(problem),
        ...this.options,
      },
      { ...thePlatform, clock, fetch: (input, init) => this.fetch(input, init) },
    );
  }

  private async fetch(input: string | URL | Request, init?: RequestInit): Promise<Response> {
    if (this.isOffline) throw new TypeError("no network");
    const response = await fetch(input, init);
    if (!this.losesAnswers) return response;
    await response.text();
    throw new TypeError("connection reset");
  }
}

export async function post(path: string, body: Json = {}): Promise<Json> {
  const response = await fetch(URL_OF_SERVER + path, {
    method: "POST",
    body: JSON.stringify(body),
  });
  assert.equal(response.status, 200, await response.clone().text());
  return (await response.json()) as Json;
}

export async function stateOf(userId: string): Promise<Json> {
  const response = await fetch(`${URL_OF_SERVER}/_dev/profile?userId=${userId}`);
  return (await response.json()) as Json;
}

export async function factsOf(userId: string): Promise<string[]> {
  return (await stateOf(userId)).facts.map((fact: Json) => fact.kind).sort();
}

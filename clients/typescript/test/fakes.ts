/** A phone and a server, both in memory: a clock that is moved by hand, and no network. */

import { createSoftask, type Softask } from "../dist/index.js";
import type { Answer, Offer, Options, Platform, Problem, PushSnapshot } from "../dist/index.js";

/** JSON as a test looks into it: a wrong guess at its shape fails the test by itself. */
export type Json = Record<string, any>;

export const START = Date.parse("2026-11-21T10:00:00Z");
export const SECOND = 1_000;
export const MINUTE = 60 * SECOND;

/** Lets everything happen that waits for nothing but itself. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 3; turn += 1) await new Promise(setImmediate);
}

interface Timer {
  at: number;
  run: () => void;
}

export class FakeClock {
  wall = START;
  steady = 0;
  timers: Timer[] = [];

  now(): number {
    return this.wall;
  }

  elapsed(): number {
    return this.steady;
  }

  after(ms: number, run: () => void): () => void {
    const timer = { at: this.steady + ms, run };
    this.timers.push(timer);
    return () => {
      this.timers = this.timers.filter((each) => each !== timer);
    };
  }

  /** Both clocks move, and what is due runs in its order. */
  async advance(ms: number): Promise<void> {
    await settle();
    const end = this.steady + ms;
    for (;;) {
      const due = this.timers.filter((each) => each.at <= end).sort((a, b) => a.at - b.at)[0];
      if (due === undefined) break;
      this.timers = this.timers.filter((each) => each !== due);
      this.move(due.at - this.steady);
      due.run();
      await settle();
    }
    this.move(end - this.steady);
    await settle();
  }

  private move(ms: number): void {
    this.steady += ms;
    this.wall += ms;
  }
}

export class MemoryStorage {
  readonly items = new Map<string, string>();
  writes: string[] = [];
  refuses: (key: string) => boolean = () => false;
  unreadable = false;

  async getItem(key: string): Promise<string | null> {
    if (this.unreadable) throw new Error("out of reach");
    return this.items.get(key) ?? null;
  }

  async setItem(key: string, value: string): Promise<void> {
    if (this.refuses(key)) throw new Error("disk full");
    this.writes.push(key);
    this.items.set(key, value);
  }

  read(key: string): Json {
    return JSON.parse(this.items.get(`softask.${key}`) ?? "null");
  }
}

export interface Request {
  method: string;
  path: string;
  headers: Record<string, string>;
  body: Json;
}

/** How the server takes one request. */
export type Reaction =
  "offline" | "silent" | { status?: number; body?: unknown; headers?: Record<string, string> };

export class FakeServer {
  readonly requests: Request[] = [];
  /** For the next requests; after them everything is answered with success. */
  reactions: Reaction[] = [];
  always: ((request: Request) => Reaction | undefined) | undefined;
  aborted = 0;

  readonly fetch = async (url: unknown, init: RequestInit = {}): Promise<Response> => {
    const request = {
      method: init.method ?? "GET",
      path: new URL(String(url)).pathname,
      headers: (init.headers ?? {}) as Record<string, string>,
      body: init.body === undefined ? {} : JSON.parse(String(init.body)),
    };
    this.requests.push(request);
    const reaction = this.always?.(request) ?? this.reactions.shift() ?? {};
    if (reaction === "offline") throw new TypeError("fetch failed");
    if (reaction === "silent") return this.never(init.signal);
    const { status = 200, body = successOf(request), headers = {} } = reaction;
    const text = typeof body === "string" ? body : JSON.stringify(body);
    return { status, headers: new Headers(headers), text: async () => text } as Response;
  };

  paths(): string[] {
    return this.requests.map((request) => request.path);
  }

  /** Every message that arrived, those of batches among them, in their order. */
  messages(): Json[] {
    return this.requests.flatMap(({ path, body }) => {
      if (path === "/v1/batch") return body.batch as Json[];
      return path === "/v1/track" ? [body] : [];
    });
  }

  /** The events that arrived, permission reports aside. */
  events(): string[] {
    const names = this.messages().map((message) => message.event ?? message.type);
    return names.filter((name) => name !== "PushPermissionChanged");
  }

  permissions(): Json[] {
    return this.messages().filter((message) => message.event === "PushPermissionChanged");
  }

  private never(signal: AbortSignal | null | undefined): Promise<Response> {
    return new Promise((_, reject) => {
      signal?.addEventListener("abort", () => {
        this.aborted += 1;
        reject(new DOMException("aborted", "AbortError"));
      });
    });
  }
}

function successOf({ path, body }: Request): Json {
  if (path !== "/v1/batch") return { success: true, actions: [] };
  const results = (body.batch as Json[]).map(({ messageId }) => ({
    messageId,
    status: "accepted",
  }));
  return { success: true, results, actions: [] };
}

export function offer(offerId = "of_1", more: Json = {}): Json {
  return {
    type: "open_deeplink",
    campaign: "push-softask",
    campaignVersion: 0,
    offerId,
    attempt: 1,
    arm: "soft_ask",
    userId: "u1",
    deeplink: `yourapp://popup/push-softask?offerId=${offerId}&attempt=1`,
    content: { locale: "en", title: "t", body: "b", approve: "Yes", decline: "Not now" },
    onApprove: "os_prompt",
    showAfterSeconds: 0,
    expiresAt: "2026-11-21T10:10:00Z",
    expiresInSeconds: 600,
    ...more,
  };
}

/** An offer of the arm that gets the OS prompt alone. */
export function directPrompt(offerId = "of_1", more: Json = {}): Json {
  const { deeplink: _, content: __, onApprove: ___, ...granted } = offer(offerId);
  return { ...granted, type: "request_os_permission", arm: "direct_prompt", ...more };
}

export function answer(...actions: Json[]): Reaction {
  return { body: { success: true, actions } };
}

/** A token in all but its signature. `more`: what else it says. */
export function tokenOf(sub: string, endsAt: number, more: Json = {}): string {
  const claims = { sub, exp: Math.floor(endsAt / SECOND), ...more };
  const parts = [{ alg: "ES256", kid: "k" }, claims].map((each) => JSON.stringify(each));
  return [...parts.map((each) => Buffer.from(each).toString("base64url")), "signature"].join(".");
}

/** The app's side: what it was asked to do, and what its user does. */
export class FakeApp {
  snapshot: PushSnapshot = { status: "notDetermined" };
  afterPrompt: PushSnapshot = { status: "authorized" };
  opened: Offer[] = [];
  prompts = 0;
  settingsOpened = 0;
  optedIn = 0;
  isBlocked = false;
  problems: Problem[] = [];
  /** Runs when the popup opens. */
  onOpen: () => void = () => undefined;
  /** Runs while the OS prompt is open. */
  onPrompt: () => unknown = () => undefined;
  private answers: ((answer: Answer) => void)[] = [];

  readonly native = {
    read: async () => this.snapshot,
    prompt: async () => {
      this.prompts += 1;
      await this.onPrompt();
      this.snapshot = this.afterPrompt;
    },
    openSettings: async () => {
      this.settingsOpened += 1;
    },
    optIn: async () => {
      this.optedIn += 1;
    },
  };

  readonly popup = {
    open: (offer: Offer): Promise<Answer> => {
      this.opened.push(offer);
      this.onOpen();
      return new Promise((resolve) => this.answers.push(resolve));
    },
    isBlocked: (): boolean | Promise<boolean> => this.isBlocked,
  };

  /** The user answers the popup that is open. */
  async tap(answer: Answer): Promise<void> {
    this.answers.shift()?.(answer);
    await settle();
  }
}

/** A phone whose app was installed, or started again on the same storage. */
export class Phone {
  readonly clock = new FakeClock();
  readonly server = new FakeServer();
  readonly storage = new MemoryStorage();
  app = new FakeApp();
  client: Softask;
  private ids = 0;
  private readonly options: Partial<Options>;

  constructor(options: Partial<Options> = {}, prepare: (phone: Phone) => void = () => undefined) {
    this.options = options;
    prepare(this);
    this.client = this.start();
  }

  /** The process ended without a word, and the app starts again. */
  async restart(): Promise<void> {
    this.clock.timers = [];
    this.app = new FakeApp();
    this.client = this.start();
    await settle();
  }

  /** A trigger that the server answers with an offer. */
  async isOffered(action: Json = offer()): Promise<void> {
    this.server.reactions.push(answer(action));
    await this.client.track("ValueMomentReached");
    await settle();
  }

  private start(): Softask {
    const { app, storage } = this;
    return createSoftask(
      {
        host: "https://softask.example/",
        writeKey: "key",
        storage,
        native: app.native,
        popup: app.popup,
        context: () => ({ os: { name: "iOS", version: "18.1" }, app: { version: "4.2" } }),
        onError: (problem) => app.problems.push(problem),
        ...this.options,
      },
      this.platform(),
    );
  }

  private platform(): Platform {
    return {
      fetch: this.server.fetch as typeof fetch,
      clock: this.clock,
      randomId: () => `id-${(this.ids += 1)}`,
      random: () => 1,
    };
  }
}

import { isObject, type JsonObject } from "./json.js";
import { within, type Platform } from "./platform.js";

/** What became of a request. Only "answered" says that the server has it. */
export type Reply =
  | { kind: "answered"; body: JsonObject }
  | { kind: "again" }
  | { kind: "refused"; status: number; message: string };

/** Longest obeyed Retry-After, in milliseconds: a mistaken header must not silence an app. */
const LONGEST_SILENCE = 3_600_000;

const AGAIN = [408, 410, 429, 460];

const NO_REASON = "no reason given";

const NO_ANSWER: Reply = { kind: "again" };

/** Speaks to one Softask. Never rejects. */
export class Wire {
  private silentUntil = 0;
  private readonly open = new Set<AbortController>();
  private readonly host: string;
  private readonly writeKey: string;
  private readonly platform: Platform;
  private readonly token: () => Promise<string | undefined>;

  constructor(
    options: { host: string; writeKey: string; token?: () => Promise<string | undefined> },
    platform: Platform,
  ) {
    this.host = options.host.replace(/\/+$/, "");
    this.writeKey = options.writeKey;
    this.token = options.token ?? (() => Promise.resolve(undefined));
    this.platform = platform;
  }

  /** Milliseconds for which the server asked to be left alone. */
  get silence(): number {
    return Math.max(0, this.silentUntil - this.platform.clock.elapsed());
  }

  /** The body goes out with the write key and the time of sending. */
  post(path: string, body: object, timeout: number): Promise<Reply> {
    const sentAt = new Date(this.platform.clock.now()).toISOString();
    const content = JSON.stringify({ ...body, sentAt, writeKey: this.writeKey });
    return this.request(path, timeout, { method: "POST", body: content });
  }

  /** What the project wants to be sent. */
  settings(timeout: number): Promise<Reply> {
    const path = `/v1/projects/${encodeURIComponent(this.writeKey)}/settings`;
    return this.request(path, timeout, { method: "GET" });
  }

  /** Ends what is under way. */
  close(): void {
    this.open.forEach((controller) => controller.abort());
  }

  private async request(path: string, timeout: number, init: RequestInit): Promise<Reply> {
    if (this.silence > 0) return NO_ANSWER;
    const send = (signal: AbortSignal) => this.send(path, init, signal);
    return (await within(this.platform.clock, timeout, send)) ?? NO_ANSWER;
  }

  private async send(path: string, init: RequestInit, late: AbortSignal): Promise<Reply> {
    const controller = new AbortController();
    late.addEventListener("abort", () => controller.abort());
    this.open.add(controller);
    try {
      const headers = await this.headers();
      if (controller.signal.aborted) return NO_ANSWER;
      const signal = controller.signal;
      const response = await this.platform.fetch(this.host + path, { ...init, headers, signal });
      return await this.read(response);
    } catch {
      return NO_ANSWER;
    } finally {
      this.open.delete(controller);
    }
  }

  /** text/plain, as analytics.js sends it: a browser then asks no leave before each request. */
  private async headers(): Promise<Record<string, string>> {
    const token = await this.token();
    const plain = { "Content-Type": "text/plain;charset=UTF-8" };
    return token === undefined ? plain : { ...plain, "X-Softask-Token": token };
  }

  /** A hotel's login page is a 200 too: only a JSON object is an answer. */
  private async read(response: Response): Promise<Reply> {
    const { status } = response;
    if (status === 200) {
      const body: unknown = await response.json();
      return isObject(body) ? { kind: "answered", body } : NO_ANSWER;
    }
    if (status < 400 || status >= 500 || AGAIN.includes(status)) {
      this.obey(response.headers.get("Retry-After"));
      return NO_ANSWER;
    }
    return { kind: "refused", status, message: await messageOf(response) };
  }

  private obey(retryAfter: string | null): void {
    if (retryAfter === null) return;
    const { clock } = this.platform;
    const seconds = Number(retryAfter);
    const asked = Number.isNaN(seconds) ? Date.parse(retryAfter) - clock.now() : seconds * 1000;
    if (!(asked > 0)) return;
    this.silentUntil = clock.elapsed() + Math.min(asked, LONGEST_SILENCE);
  }
}

async function messageOf(response: Response): Promise<string> {
  try {
    const body: unknown = await response.json();
    const message = isObject(body) ? body["message"] : undefined;
    return typeof message === "string" ? message : NO_REASON;
  } catch {
    return NO_REASON;
  }
}

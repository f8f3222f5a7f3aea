import { isObject, parsed, textOf, type JsonObject } from "./json.js";
import { within, type Platform } from "./platform.js";
import { readResults, reasonOf } from "./results.js";
import type { Options, Problem } from "./types.js";

/** What became of a request. Only "answered" says that the server has it. */
export type Reply = { kind: "answered"; body: JsonObject } | { kind: "again" } | Refusal;

/** `why` has no full stop. */
export interface Refusal {
  kind: "refused";
  status: number;
  /** The part of the request that it is about. */
  field: string | undefined;
  why: string;
}

/** Longest obeyed Retry-After, in milliseconds: a mistaken header must not silence an app. */
const LONGEST_SILENCE = 3_600_000;

/** Refused for who speaks, not for what is said. */
const UNAUTHORIZED = [401, 403];

const AGAIN = [408, 410, 429, 460];

const NO_ANSWER: Reply = { kind: "again" };

/** As analytics.js sends it: without a token, a browser asks no leave before the request. */
const PLAIN = { "Content-Type": "text/plain;charset=UTF-8" };

/** The address, less a `/v1` that was pasted with it: every path here begins with one. */
const HOST = /^(https?:\/\/[^\s/]\S*?)\/*(?:\/v1)?\/*$/i;

/** Speaks to one Softask. Never rejects. */
export class Wire {
  private silentUntil = 0;
  private isLost = false;
  private readonly open = new Set<AbortController>();
  private readonly host: string;
  private readonly writeKey: string;
  private readonly platform: Platform;
  private readonly report: (problem: Problem) => void;

  /** Throws where no request could ever be answered. */
  constructor(
    options: Pick<Options, "host" | "writeKey">,
    platform: Platform,
    report: (problem: Problem) => void,
  ) {
    this.host = hostOf(options.host);
    this.writeKey = writeKeyOf(options.writeKey);
    this.platform = platform;
    this.report = report;
  }

  /** Milliseconds for which the server asked to be left alone. */
  get silence(): number {
    return Math.max(0, this.silentUntil - this.platform.clock.elapsed());
  }

  /** The body goes out with the write key and the time of sending. */
  post(path: string, body: object, timeout: number, token: string | null): Promise<Reply> {
    const sentAt = new Date(this.platform.clock.now()).toISOString();
    const content = JSON.stringify({ ...body, sentAt, writeKey: this.writeKey });
    const headers = token === null ? PLAIN : { ...PLAIN, "X-Softask-Token": token };
    return this.request(path, timeout, { method: "POST", body: content, headers });
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
    const reply = await within(this.platform.clock, timeout, send);
    if (reply === undefined) this.lost(`Nothing answers at ${this.host}`);
    return reply ?? NO_ANSWER;
  }

  private async send(path: string, init: RequestInit, late: AbortSignal): Promise<Reply> {
    const controller = new AbortController();
    late.addEventListener("abort", () => controller.abort());
    this.open.add(controller);
    try {
      const signal = controller.signal;
      const response = await this.platform.fetch(this.host + path, { ...init, signal });
      return this.read(response, parsed(await response.text()));
    } catch (cause) {
      // What was aborted was closed, or took too long and is told of there.
      if (!controller.signal.aborted) this.lost(`Nothing answers at ${this.host}`, cause);
      return NO_ANSWER;
    } finally {
      this.open.delete(controller);
    }
  }

  /** A hotel's login page is a 200 too: only a JSON object is an answer. */
  private read({ status, headers }: Response, body: unknown): Reply {
    if (isRefusal(status)) {
      this.isLost = false;
      const field = isObject(body) ? textOf(body["field"]) : undefined;
      return { kind: "refused", status, field, why: `HTTP ${status}: ${reasonOf(body)}` };
    }
    if (status !== 200) this.obey(headers.get("Retry-After"));
    if (!isObject(body)) {
      this.lost(`What answers at ${this.host} is not Softask (HTTP ${status})`);
      return NO_ANSWER;
    }
    this.isLost = false;
    return status === 200 ? { kind: "answered", body } : NO_ANSWER;
  }

  /** Told once until somebody answers: a phone in a tunnel has nothing new to tell. */
  private lost(what: string, cause?: unknown): void {
    if (this.isLost) return;
    this.isLost = true;
    this.report({ code: "unreachable", message: `${what}; it is tried again.`, cause });
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

/** Whether the key or the token was not taken. What was said may be, with another one. */
export function isUnauthorized({ status }: Refusal): boolean {
  return UNAUTHORIZED.includes(status);
}

/** Whether another token may be all that it wants. */
export function isUnproven(reply: Reply): boolean {
  if (reply.kind === "refused") return isUnauthorized(reply) && reply.field !== "writeKey";
  return reply.kind === "answered" && readResults(reply.body).some((each) => each.isUnproven);
}

function isRefusal(status: number): boolean {
  return status >= 400 && status < 500 && !AGAIN.includes(status);
}

function hostOf(host: string): string {
  const base = HOST.exec(host)?.[1];
  if (base !== undefined) return base;
  throw new Error("host must be a URL such as https://abc.execute-api.eu-west-1.amazonaws.com.");
}

function writeKeyOf(writeKey: string): string {
  if (textOf(writeKey) !== undefined) return writeKey;
  throw new Error("writeKey must be the app's write key, a text that is not empty.");
}

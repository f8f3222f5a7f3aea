import { isObject, numberOf, parsed, textOf } from "./json.js";
import type { Install } from "./install.js";
import { within, type Clock } from "./platform.js";
import type { Options, Problem } from "./types.js";

/** What proves who speaks: null where there is nothing to have, undefined where it is to come. */
export type Token = string | null | undefined;

/** A token that ends sooner might end on its way. */
const MARGIN = 30_000;

const ANSWER_WITHIN = 10_000;

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/** The users' tokens, as the app hands them in. They are held in memory alone. */
export class UserTokens {
  private readonly held = new Map<string, string>();
  private readonly asking = new Map<string, Promise<Token>>();
  private readonly source: Options["token"];
  private readonly install: Install;
  private readonly clock: Clock;
  private readonly report: (problem: Problem) => void;

  constructor(
    source: Options["token"],
    install: Install,
    clock: Clock,
    report: (problem: Problem) => void,
  ) {
    this.source = source;
    this.install = install;
    this.clock = clock;
    this.report = report;
  }

  /** The app is asked where none is held, and only for the user who is logged in. */
  async of(userId: string): Promise<Token> {
    const held = this.held.get(userId);
    if (held !== undefined && this.lasts(held)) return held;
    this.held.delete(userId);
    const { source } = this;
    if (source === undefined || userId !== this.install.userId) return null;
    const asked = this.asking.get(userId) ?? this.ask(userId, source);
    this.asking.set(userId, asked);
    return asked;
  }

  /** The server did not take it. */
  forget(userId: string): void {
    this.held.delete(userId);
  }

  private async ask(userId: string, source: () => Promise<unknown>): Promise<Token> {
    try {
      const answer = async () => textOf(await source()) ?? null;
      const token = await within(this.clock, ANSWER_WITHIN, answer);
      if (token === undefined) this.failed("token takes too long.");
      if (token && this.lasts(token)) this.held.set(userId, token);
      return token;
    } catch (cause) {
      this.failed("token failed.", cause);
      return undefined;
    } finally {
      this.asking.delete(userId);
    }
  }

  /** One that says no time is used once. */
  private lasts(token: string): boolean {
    const end = endOf(token);
    return end !== undefined && end - MARGIN > this.clock.now();
  }

  private failed(message: string, cause?: unknown): void {
    this.report({ code: "app_failed", message, cause });
  }
}

/** When a token says that it ends, in milliseconds since the epoch; nothing is verified here. */
function endOf(token: string): number | undefined {
  const claims = parsed(decoded(token.split(".")[1] ?? ""));
  const seconds = isObject(claims) ? numberOf(claims["exp"]) : undefined;
  return seconds === undefined ? undefined : seconds * 1000;
}

/** Of base64url, a character a byte: older engines of React Native have no `atob`. */
function decoded(part: string): string {
  let text = "";
  let bits = 0;
  let count = 0;
  for (const letter of part) {
    bits = (bits << 6) | ALPHABET.indexOf(letter);
    count += 6;
    if (count < 8) continue;
    count -= 8;
    text += String.fromCharCode((bits >> count) & 0xff);
  }
  return text;
}

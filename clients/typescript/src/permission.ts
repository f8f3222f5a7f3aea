import type { Install } from "./install.js";
import type { Clock } from "./platform.js";
import { nextStep } from "./route.js";
import type { AppContext, Native, Problem, PushSnapshot, Route, SentSnapshot } from "./types.js";

/** The push permission of this device: what it is, and what "Yes" makes of it. */
export class Permission {
  private known: PushSnapshot = {};
  private isLackTold = false;
  private readonly native: Native;
  private readonly install: Install;
  private readonly clock: Clock;
  private readonly os: () => AppContext["os"];
  private readonly report: (problem: Problem) => void;

  constructor(
    native: Native,
    install: Install,
    clock: Clock,
    os: () => AppContext["os"],
    report: (problem: Problem) => void,
  ) {
    this.native = native;
    this.install = install;
    this.clock = clock;
    this.os = os;
    this.report = report;
  }

  /** The snapshot as it was read last, with the install's floors. */
  get last(): SentSnapshot {
    return { ...this.known, ...this.install.floors };
  }

  /** Whether the OS prompt was still to be had when the snapshot was read last. */
  get canPrompt(): boolean {
    return nextStep(this.last, "os_prompt", this.os()) === "os_prompt";
  }

  /** Whether the app can call the OS prompt. One in plain JavaScript may not, and is told once. */
  hasPrompt(): boolean {
    if (typeof this.native.prompt === "function") return true;
    const message = "native.prompt is missing: the OS prompt cannot be called.";
    if (!this.isLackTold) this.report({ code: "app_failed", message });
    this.isLackTold = true;
    return false;
  }

  /** The snapshot now; without a status where it cannot be read. */
  async read(): Promise<SentSnapshot> {
    this.known = (await this.attempt("read", () => this.native.read())) ?? {};
    return this.last;
  }

  /** Reads the status anew and does what it allows; whether the OS prompt was called. */
  async follow(route: Route): Promise<boolean> {
    const push: PushSnapshot = await this.read();
    switch (nextStep(push, route, this.os())) {
      case "os_prompt":
        return this.prompt();
      case "open_settings":
        await this.attempt("openSettings", () => this.native.openSettings());
        return false;
      case "in_app_opt_in":
        await this.attempt("optIn", async () => this.native.optIn?.());
        return false;
      case null:
        return false;
    }
  }

  private async prompt(): Promise<boolean> {
    if (!this.hasPrompt()) return false;
    await this.install.asked(this.clock.now());
    await this.attempt("prompt", () => this.native.prompt());
    return true;
  }

  private async attempt<T>(what: string, call: () => Promise<T>): Promise<T | undefined> {
    try {
      return await call();
    } catch (cause) {
      this.report({ code: "app_failed", message: `native.${what} failed.`, cause });
      return undefined;
    }
  }
}

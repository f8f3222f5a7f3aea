import type { Install } from "./install.js";
import type { Clock } from "./platform.js";
import { nextStep } from "./route.js";
import type { AppContext, Native, Problem, PushSnapshot, Route, SentSnapshot } from "./types.js";

/** The push permission of this device: what it is, and what "Yes" makes of it. */
export class Permission {
  private known: PushSnapshot = {};
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

  /** The snapshot now; without a status where it cannot be read. */
  async read(): Promise<SentSnapshot> {
    this.known = (await this.attempt("read", () => this.native.read())) ?? {};
    return this.last;
  }

  /** Reads the status anew and does what it allows. */
  async follow(route: Route): Promise<void> {
    const push: PushSnapshot = await this.read();
    switch (nextStep(push, route, this.os())) {
      case "os_prompt":
        await this.install.asked(this.clock.now());
        await this.attempt("prompt", () => this.native.prompt());
        return;
      case "open_settings":
        await this.attempt("openSettings", () => this.native.openSettings());
        return;
      case "in_app_opt_in":
        await this.attempt("optIn", async () => this.native.optIn?.());
        return;
      case null:
    }
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

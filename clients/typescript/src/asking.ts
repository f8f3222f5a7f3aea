import type { Ask, DirectPrompt } from "./actions.js";
import { keyOf, type Identity, type Install } from "./install.js";
import type { Cancel, Clock } from "./platform.js";
import type { Answer, Offer, Outcome, Popup, Problem, Route } from "./types.js";

/** What became of asking goes this way. */
export interface Reporter {
  /** Whether the server says just now that the offer still stands. */
  stands(ask: Ask, whose: Identity): Promise<boolean>;
  /** Whether the outcome is stored. What is not stored of "shown" is not sent either. */
  report(outcome: Outcome, ask: Ask, whose: Identity): Promise<boolean>;
  /** The user said yes: what the device allows, and what the permission is then. */
  follow(route: Route): Promise<void>;
  /** Whether the OS prompt is still to be had; where it is not, it was given back by then. */
  canPrompt(): Promise<boolean>;
  /** Calls the OS prompt, and tells what came of it. */
  prompt(ask: DirectPrompt, whose: Identity): Promise<void>;
  problem(problem: Problem): void;
}

/** A moment by both clocks. */
export interface Moment {
  now: number;
  elapsed: number;
}

interface Pending {
  ask: Ask;
  whose: Identity;
  since: Moment;
  /** Milliseconds in the foreground that are still to pass. */
  wait: number;
  /** Whether time passed since the server's answer, so that it is asked once more. */
  isDelayed: boolean;
}

/**
 * At most one popup waits, and at most one is open.
 *
 *     take ──wait in the foreground──► still stands? ──► stored as shown ──► open ──► answer
 *       └── withdrawn, expired, logged out, no answer: forgotten, nothing is spent
 *
 * A direct prompt goes the same way, with the OS prompt in the popup's place.
 */
export class Asking {
  private pending: Pending | undefined;
  private isOpen = false;
  private inForeground = true;
  private resumedAt = 0;
  private cancelTimer: Cancel = () => undefined;
  private readonly popup: Popup;
  private readonly install: Install;
  private readonly clock: Clock;
  private readonly reporter: Reporter;

  constructor(popup: Popup, install: Install, clock: Clock, reporter: Reporter) {
    this.popup = popup;
    this.install = install;
    this.clock = clock;
    this.reporter = reporter;
  }

  /** `since`: before the request went out, and so no later than the answer was made. */
  take(ask: Ask, whose: Identity, since: Moment): void {
    if (keyOf(whose) !== keyOf(this.install.identity)) return;
    if (this.install.hasShown(ask.offerId) || this.pending?.ask.offerId === ask.offerId) return;
    this.forget();
    const wait = ask.showAfterSeconds * 1000;
    this.pending = { ask, whose, since, wait, isDelayed: wait > 0 || !this.inForeground };
    this.resume();
  }

  withdraw(offerId: string): void {
    if (this.pending?.ask.offerId === offerId) this.forget();
  }

  /** The anonymous user who was offered it has logged in: it may stand, and it may not. */
  goesOverTo(whose: Identity): void {
    this.pause();
    if (this.pending) this.pending = { ...this.pending, whose };
    this.resume();
  }

  /**
   * The direct prompt that waits: the OS would not show it. It is given back before the server
   * hears of the permission, which it would take for what the prompt was answered.
   */
  async giveBack(): Promise<void> {
    const { pending } = this;
    if (pending?.ask.type !== "request_os_permission") return;
    this.forget();
    await this.reporter.report("suppressed", pending.ask, pending.whose);
  }

  /** Drops what waits; what is open is left alone. */
  forget(): void {
    this.cancelTimer();
    this.pending = undefined;
  }

  foregrounded(): void {
    if (this.inForeground) return;
    this.inForeground = true;
    this.resume();
  }

  backgrounded(): void {
    if (!this.inForeground) return;
    this.pause();
    this.inForeground = false;
  }

  /** What was waited for so far is kept; when it goes on, the server is asked once more. */
  private pause(): void {
    this.cancelTimer();
    if (this.pending === undefined || !this.inForeground) return;
    this.pending.wait -= this.clock.elapsed() - this.resumedAt;
    this.pending.isDelayed = true;
  }

  private resume(): void {
    const { pending } = this;
    if (pending === undefined || !this.inForeground) return;
    this.resumedAt = this.clock.elapsed();
    if (pending.wait <= 0) this.begin(pending);
    else this.cancelTimer = this.clock.after(pending.wait, () => this.begin(pending));
  }

  private begin(pending: Pending): void {
    const failed = (cause: unknown) => this.failed("Asking", cause);
    this.due(pending).catch(failed);
  }

  private async due(pending: Pending): Promise<void> {
    pending.wait = 0;
    const { ask, whose } = pending;
    if (ask.type === "request_os_permission" && !(await this.reporter.canPrompt())) return;
    const stands = !pending.isDelayed || (await this.reporter.stands(ask, whose));
    const isBlocked = stands && (this.isOpen || (await this.isBlocked()));
    // Anything may have happened meanwhile; from here on nothing can.
    if (this.pending !== pending || !this.inForeground) return;
    this.forget();
    if (!stands || this.isExpired(pending)) return;
    if (isBlocked || this.isOpen) await this.reporter.report("suppressed", ask, whose);
    else await this.present(pending);
  }

  private async present({ ask, whose }: Pending): Promise<void> {
    this.isOpen = true;
    try {
      // Before all else: a crash right after it spends nothing, and shows nothing later.
      if (!(await this.install.shown(ask.offerId))) return;
      if (ask.type === "open_deeplink") await this.openPopup(ask, whose);
      else await this.reporter.prompt(ask, whose);
    } finally {
      this.isOpen = false;
    }
  }

  private async openPopup(offer: Offer, whose: Identity): Promise<void> {
    if (!(await this.reporter.report("shown", offer, whose))) return;
    const answer = await this.answerTo(offer);
    if (answer === undefined) return;
    await this.reporter.report(answer, offer, whose);
    const { onApprove } = offer;
    if (answer === "approved" && onApprove !== null) await this.reporter.follow(onApprove);
  }

  private async answerTo(offer: Offer): Promise<Answer | undefined> {
    try {
      return await this.popup.open(offer);
    } catch (cause) {
      this.failed("popup.open", cause);
      return undefined;
    }
  }

  private async isBlocked(): Promise<boolean> {
    try {
      return (await this.popup.isBlocked?.()) ?? false;
    } catch (cause) {
      this.failed("popup.isBlocked", cause);
      return true;
    }
  }

  private failed(what: string, cause: unknown): void {
    this.reporter.problem({ code: "app_failed", message: `${what} failed.`, cause });
  }

  /** By the clock that says more: one stands still while the phone sleeps, one can be set back. */
  private isExpired({ ask, since }: Pending): boolean {
    const passed = Math.max(this.clock.elapsed() - since.elapsed, this.clock.now() - since.now);
    return passed >= ask.expiresInSeconds * 1000;
  }
}

import { readActions, readRoute, type Action, type Ask, type DirectPrompt } from "./actions.js";
import { Asking, type Moment } from "./asking.js";
import { canonical, Install, keyOf, type Identity } from "./install.js";
import {
  asValue,
  identityOf,
  Messages,
  PERMISSION_CHANGED,
  withPush,
  type Message,
} from "./messages.js";
import { Devices } from "./devices.js";
import { Envoy } from "./envoy.js";
import { Guidance } from "./guidance.js";
import { Permission } from "./permission.js";
import { thePlatform, within, type Platform } from "./platform.js";
import { Queue } from "./queue.js";
import { isAnswered } from "./route.js";
import { UserTokens } from "./tokens.js";
import type { Ids, Options, Outcome, Problem, Route, Settings } from "./types.js";
import { isUnauthorized, Wire, type Refusal, type Reply } from "./wire.js";

/** After so long, nobody answered: nothing is shown. */
const ANSWER_WITHIN = 2_000;

const OUTCOMES: Record<Outcome, string> = {
  shown: "PushSoftAskShown",
  approved: "PushSoftAskApproved",
  declined: "PushSoftAskDeclined",
  dismissed: "PushSoftAskDismissed",
  suppressed: "PushSoftAskSuppressed",
};

/** Talks to one Softask for one installation of an app. No call ever rejects. */
export class Softask {
  private readonly options: Options;
  private readonly platform: Platform;
  private readonly install: Install;
  private readonly messages: Messages;
  private readonly permission: Permission;
  private readonly wire: Wire;
  private readonly devices: Devices | undefined;
  private readonly envoy: Envoy;
  private readonly queue: Queue;
  private readonly asking: Asking;
  private readonly guidance: Guidance;
  private readonly isReady: Promise<boolean>;
  private isClosed = false;

  constructor(options: Options, platform: Platform) {
    const { storage, popup, native } = options;
    const problem = (each: Problem) => options.onError?.(each);
    const context = () => options.context?.() ?? {};
    this.options = options;
    this.platform = platform;
    this.install = new Install(storage, platform.randomId, problem);
    this.messages = new Messages(this.install, platform, context);
    this.permission = new Permission(
      native,
      this.install,
      platform.clock,
      () => context().os,
      problem,
    );
    this.wire = new Wire(options, platform, problem);
    this.guidance = new Guidance(this.wire, platform.clock, (reply) =>
      this.refused("settings", reply),
    );
    const { install, wire } = this;
    const tokens = new UserTokens(options.token, install, platform.clock, problem);
    if (options.deviceTokens) {
      this.devices = new Devices(storage, wire, install, platform.clock, problem);
    }
    this.envoy = new Envoy(wire, install, tokens, this.devices, platform.clock);
    this.queue = new Queue(storage, wire, this.envoy, platform, {
      sent: (message) => this.sent(message),
      actions: (actions) => this.withdraw(actions),
      problem,
    });
    this.asking = new Asking(popup, this.install, platform.clock, {
      stands: (ask, whose) => this.stands(ask, whose),
      report: (outcome, ask, whose) => this.report(outcome, ask, whose),
      follow: (route) => this.walk(route),
      canPrompt: () => this.canPrompt(),
      prompt: (ask, whose) => this.prompt(ask, whose),
      problem,
    });
    this.isReady = this.start();
  }

  /**
   * An event; if it is a trigger, the popup that answers it opens by itself. Settles when the
   * server answered, or after two seconds without an answer. Then nothing is shown, and the event
   * is sent later for the count alone.
   */
  async track(event: string, properties: Record<string, unknown> = {}): Promise<void> {
    await this.safely("track", async () => {
      const whose = this.install.identity;
      const message = this.messages.track(whose, event, properties, this.permission.last);
      const since = this.moment();
      const left = () => ANSWER_WITHIN - (this.platform.clock.elapsed() - since.elapsed);
      const ask = (late: AbortSignal) => this.ask(message, whose, left, late);
      const reply = await within(this.platform.clock, ANSWER_WITHIN, ask);
      if (reply?.kind === "answered") this.take(readActions(reply.body), whose, since);
      else if (reply?.kind === "refused") this.refused(event, reply, { event });
      else await this.keepAsValue(message);
    });
  }

  /** Whose phone it is from now on. What the anonymous user did goes over to the user. */
  async identify(userId: string, traits: Record<string, unknown> = {}): Promise<void> {
    await this.safely("identify", async () => {
      const before = this.install.userId;
      if (before !== undefined && before !== userId) this.logout();
      this.install.login(userId);
      this.queue.release();
      if (before === undefined) this.asking.goesOverTo({ userId });
      // Both ids, in this message alone: it merges the anonymous profile into the user's.
      const both = { anonymousId: this.install.anonymousId, userId };
      await this.keep(this.messages.identify(both, traits));
      await this.reconcile();
    });
  }

  /** Attributes of whoever it is now. */
  async setTraits(traits: Record<string, unknown>): Promise<void> {
    await this.safely("setTraits", () =>
      this.keep(this.messages.identify(this.install.identity, traits)),
    );
  }

  /** A logout: somebody new from now on, on the same device. */
  async reset(): Promise<void> {
    await this.safely("reset", async () => {
      this.logout();
      await this.reconcile();
    });
  }

  /** To be called at every start and whenever the app comes to the foreground. */
  async foregrounded(): Promise<void> {
    this.messages.inForeground = true;
    this.asking.foregrounded();
    await this.safely("foregrounded", async () => {
      this.queue.release();
      void this.queue.flush();
      await this.reconcile();
    });
  }

  /** To be called whenever the app leaves the foreground; also by one that starts outside it. */
  backgrounded(): void {
    this.messages.inForeground = false;
    this.asking.backgrounded();
  }

  /**
   * Where the user's own wish leads, past campaigns and caps: for a preference centre. Null where
   * there is nothing to ask, undefined where nobody answered.
   */
  async explicit(): Promise<Route | null | undefined> {
    return this.safely("explicit", async () => {
      const question = { intent: "explicit" };
      const reply = await this.actions("explicit", this.install.identity, question);
      return reply.kind === "answered" ? readRoute(reply.body["onApprove"]) : undefined;
    });
  }

  /** Does what the route says, as far as the native status at this moment allows it. */
  async follow(route: Route | null | undefined): Promise<void> {
    if (route) await this.safely("follow", () => this.walk(route));
  }

  /** What the project wants to be sent; five minutes old at most while the server answers. */
  async settings(): Promise<Settings | undefined> {
    return this.safely("settings", () => this.guidance.read());
  }

  /** What support asks for. Undefined where the storage could not be read. */
  async ids(): Promise<Ids | undefined> {
    return this.safely("ids", async () => {
      const { ids } = this.install;
      return { ...ids, anonymousId: this.devices?.nameOf(ids.anonymousId) ?? ids.anonymousId };
    });
  }

  /** Whether everything that waited has been answered. */
  async flush(): Promise<boolean> {
    this.queue.release();
    return (await this.safely("flush", () => this.queue.flush())) ?? false;
  }

  /** Ends timers and requests; what waits is sent by the next client of this storage. */
  close(): void {
    this.isClosed = true;
    this.asking.forget();
    this.queue.close();
    this.wire.close();
  }

  // --- asking ---

  /** Outcomes first: a decline that is still here must not be overtaken by a trigger. */
  private async ask(
    message: Message,
    whose: Identity,
    left: () => number,
    late: AbortSignal,
  ): Promise<Reply> {
    const push = await this.permission.read();
    if (!(await this.queue.flush(whose)) || late.aborted) return { kind: "again" };
    return this.envoy.post("/v1/track", withPush(message, push), left());
  }

  private async actions(what: string, whose: Identity, question: object): Promise<Reply> {
    const context = this.messages.context(await this.permission.read());
    if (!(await this.queue.flush(whose))) return { kind: "again" };
    const body = { ...whose, ...question, context };
    const reply = await this.envoy.post("/v1/actions", body, ANSWER_WITHIN);
    if (reply.kind === "refused") this.refused(what, reply);
    return reply;
  }

  private take(actions: Action[], whose: Identity, since: Moment): void {
    this.withdraw(actions);
    for (const action of actions) {
      if (action.type === "withdraw") continue;
      if (action.type === "request_os_permission" && !this.permission.hasPrompt()) continue;
      this.asking.take(action, whose, since);
    }
  }

  private withdraw(actions: Action[]): void {
    for (const action of actions) {
      if (action.type === "withdraw") this.asking.withdraw(action.offerId);
    }
  }

  private async stands({ campaign, offerId }: Ask, whose: Identity): Promise<boolean> {
    const reply = await this.actions(`the check of ${campaign}'s offer`, whose, { offerId });
    if (reply.kind !== "answered") return false;
    const found = readActions(reply.body).find((action) => action.offerId === offerId);
    return found !== undefined && found.type !== "withdraw";
  }

  private async report(outcome: Outcome, ask: Ask, whose: Identity): Promise<boolean> {
    const isForPush = ask.type === "request_os_permission" || ask.onApprove !== null;
    if (isForPush) this.remember(outcome);
    const event = this.options.outcomes?.[ask.campaign]?.[outcome] ?? OUTCOMES[outcome];
    const properties = { offerId: ask.offerId };
    // With a snapshot, what is given back would count as answered by it.
    const push = outcome === "suppressed" ? undefined : this.permission.last;
    const message = this.messages.track(whose, event, properties, push);
    const isStored = await this.queue.add(message);
    if (outcome === "shown" && !isStored) await this.queue.remove(message);
    else void this.queue.flush();
    return isStored;
  }

  private remember(outcome: Outcome): void {
    const now = this.platform.clock.now();
    if (outcome === "shown") void this.install.softAskShown(now);
    if (outcome === "declined") void this.install.declined(now);
  }

  private logout(): void {
    this.asking.forget();
    this.install.logout();
  }

  // --- permission ---

  private async walk(route: Route): Promise<void> {
    await this.permission.follow(route);
    await this.permission.read();
    await this.tellPermission(this.install.identity);
  }

  private async canPrompt(): Promise<boolean> {
    await this.permission.read();
    if (this.permission.canPrompt) return true;
    await this.tellChange();
    return false;
  }

  /**
   * What the OS was answered is the outcome, and says that it was asked. A prompt that was closed
   * without an answer leaves nothing to tell it by but a Shown.
   */
  private async prompt(ask: DirectPrompt, whose: Identity): Promise<void> {
    const isCalled = await this.permission.follow("os_prompt");
    const push = await this.permission.read();
    if (!isCalled) await this.report("suppressed", ask, whose);
    else if (!isAnswered(push)) await this.report("shown", ask, whose);
    await this.tellPermission(whose);
    if (!this.isTold()) await this.tellPermission(this.install.identity);
  }

  private async reconcile(): Promise<void> {
    await this.permission.read();
    await this.tellChange();
  }

  /** Tells what the server does not know yet, nor is about to. */
  private async tellChange(): Promise<void> {
    if (!this.permission.canPrompt) await this.asking.giveBack();
    const isKnown = this.permission.last.status !== undefined;
    if (isKnown && !this.isTold()) await this.tellPermission(this.install.identity);
  }

  private isTold(): boolean {
    const { identity } = this.install;
    const waiting = this.queue.newest(PERMISSION_CHANGED);
    if (waiting === undefined || keyOf(identityOf(waiting)) !== keyOf(identity)) {
      return this.install.wasTold(identity, this.permission.last);
    }
    return canonical(waiting.context.push ?? {}) === canonical(this.permission.last);
  }

  private tellPermission(whose: Identity): Promise<void> {
    return this.keep(this.messages.track(whose, PERMISSION_CHANGED, {}, this.permission.last));
  }

  // --- sending ---

  private async start(): Promise<boolean> {
    const isReadable =
      (await this.install.load()) &&
      (await this.queue.load()) &&
      ((await this.devices?.load()) ?? true);
    if (isReadable) void this.queue.flush();
    return isReadable;
  }

  private async keep(message: Message): Promise<void> {
    await this.queue.add(message);
    void this.queue.flush();
  }

  private async keepAsValue(message: Message): Promise<void> {
    await this.queue.addValue(asValue(withPush(message, this.permission.last)));
    void this.queue.flush();
  }

  private sent(message: Message): void {
    const { push } = message.context;
    if (message.event === PERMISSION_CHANGED && push) this.install.told(identityOf(message), push);
  }

  private refused(what: string, refusal: Refusal, about: { event?: string } = {}): void {
    const code = isUnauthorized(refusal) ? "unauthorized" : "refused";
    this.options.onError?.({ code, message: `${what} is refused: ${refusal.why}.`, ...about });
  }

  private moment(): Moment {
    const { clock } = this.platform;
    return { now: clock.now(), elapsed: clock.elapsed() };
  }

  /**
   * What the app handed in may throw; its calls of ours still never do. Where the storage could
   * not be read nothing is done: every message would be a stranger's.
   */
  private async safely<T>(what: string, work: () => Promise<T>): Promise<T | undefined> {
    if (!(await this.isReady) || this.isClosed) return undefined;
    try {
      return await work();
    } catch (cause) {
      this.options.onError?.({ code: "app_failed", message: `${what} failed: ${cause}`, cause });
      return undefined;
    }
  }
}

/**
 * A client; the app keeps one. Throws where `host` is no URL or `writeKey` is empty. A `platform`
 * replaces the runtime's own as a whole: one that differs in the clock alone is
 * `{ ...thePlatform, clock }`.
 */
export function createSoftask(options: Options, platform: Platform = thePlatform): Softask {
  return new Softask(options, platform);
}

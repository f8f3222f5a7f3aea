import { readActions, type Action } from "./actions.js";
import type { Envoy } from "./envoy.js";
import { keyOf, type Identity } from "./install.js";
import { isObject } from "./json.js";
import { identityOf, type Message } from "./messages.js";
import type { Cancel, Platform } from "./platform.js";
import { readResults } from "./results.js";
import { Stored } from "./stored.js";
import type { Problem, Storage } from "./types.js";
import { isUnauthorized, type Reply, type Wire } from "./wire.js";

/** What waits. `isValue`: a trigger that nobody answered, kept for the count alone. */
export interface Waiting {
  message: Message;
  isValue: boolean;
}

const KEPT = 200;

/** Messages of one request; as many of the largest still fit into what the server takes. */
const AT_ONCE = 20;

/** Characters of one message, which the server takes as bytes. */
const LARGEST = 32 * 1024;

const TIMEOUT = 10_000;
const FIRST_PAUSE = 1_000;
const LONGEST_PAUSE = 300_000;

/** For so long, nothing more is sent of whoever could not prove who they are. */
const HELD_FOR = 300_000;

/** Who listens to what becomes of the messages. */
export interface Listener {
  sent(message: Message): void;
  actions(actions: Action[]): void;
  problem(problem: Problem): void;
}

/** Messages that must arrive: stored until the server has answered them, in their order. */
export class Queue {
  private readonly stored: Stored<Waiting[]>;
  private readonly wire: Wire;
  private readonly envoy: Envoy;
  private readonly platform: Platform;
  private readonly listener: Listener;
  private flushing: Promise<boolean> | undefined;
  /** Who could not prove who they are, and until when they are left alone. */
  private readonly held = new Map<string, number>();
  private failures = 0;
  private cancelRetry: Cancel = () => undefined;
  private closed = false;

  constructor(storage: Storage, wire: Wire, envoy: Envoy, platform: Platform, listener: Listener) {
    this.stored = new Stored("queue", [], storage, listener.problem);
    this.wire = wire;
    this.envoy = envoy;
    this.platform = platform;
    this.listener = listener;
  }

  /** False where the storage could not be read. */
  load(): Promise<boolean> {
    return this.stored.load(isQueue);
  }

  get length(): number {
    return this.stored.value.length;
  }

  /** The last message of that event which waits. */
  newest(event: string): Message | undefined {
    return this.stored.value
      .map((each) => each.message)
      .filter((each) => each.event === event)
      .pop();
  }

  /** Whether it is stored. In memory it waits even so, and is sent. */
  add(message: Message): Promise<boolean> {
    return this.append({ message, isValue: false });
  }

  /** The same for what is worth less than any outcome, where there is no room for both. */
  addValue(message: Message): Promise<boolean> {
    return this.append({ message, isValue: true });
  }

  /** Takes a message back that was not sent yet. */
  async remove(message: Message): Promise<void> {
    this.forget(message);
    await this.stored.save();
  }

  /** Whether everything that waited is answered: all of it, or what is that user's. */
  async flush(whose?: Identity): Promise<boolean> {
    if (this.sendable().length > 0) {
      this.flushing ??= this.drain();
      if (!(await this.flushing)) return false;
    }
    const waiting = this.stored.value.map(ownerOf).filter((owner) => this.isHeld(owner));
    return whose === undefined ? waiting.length === 0 : !waiting.includes(keyOf(whose));
  }

  /** Whoever could not prove who they are may be able to now. */
  release(): void {
    this.held.clear();
  }

  close(): void {
    this.closed = true;
    this.cancelRetry();
  }

  private async append(waiting: Waiting): Promise<boolean> {
    const { message } = waiting;
    if (JSON.stringify(message).length > LARGEST) {
      this.drop("refused", message, `it is larger than ${LARGEST} characters`);
      return false;
    }
    this.stored.value = [...this.stored.value, waiting];
    while (this.length > KEPT) this.makeRoom();
    return this.stored.save();
  }

  private async drain(): Promise<boolean> {
    this.cancelRetry();
    try {
      for (let batch = this.head(); batch.length > 0; batch = this.head()) {
        const reply = await this.envoy.batch(batch, TIMEOUT);
        if (reply.kind === "again") {
          this.retryLater();
          return false;
        }
        this.failures = 0;
        this.settle(batch, reply);
        await this.stored.save();
      }
      if (this.length > 0) this.retryIn(HELD_FOR);
      return true;
    } finally {
      this.flushing = undefined;
    }
  }

  /** The first messages, of one user: of several, the server promises no order in a batch. */
  private head(): Message[] {
    const all = this.sendable();
    const owners = all.map(ownerOf);
    const others = owners.findIndex((each) => each !== owners[0]);
    const own = others < 0 ? all : all.slice(0, others);
    return own.slice(0, AT_ONCE).map((each) => each.message);
  }

  private sendable(): Waiting[] {
    return this.stored.value.filter((each) => !this.isHeld(ownerOf(each)));
  }

  private isHeld(owner: string): boolean {
    return this.platform.clock.elapsed() < (this.held.get(owner) ?? 0);
  }

  private settle(batch: Message[], reply: Exclude<Reply, { kind: "again" }>): void {
    if (reply.kind === "refused") {
      batch.forEach((message) => this.refuse(message, reply.why, isUnauthorized(reply)));
      return;
    }
    const results = new Map(readResults(reply.body).map((each) => [each.messageId, each]));
    for (const message of batch) {
      const { why, isUnproven = false, warnings = [] } = results.get(message.messageId) ?? {};
      if (why !== undefined) this.refuse(message, why, isUnproven);
      else this.take(message);
      warnings.forEach((each) => this.tell("taken_in_part", message, `is taken in part: ${each}`));
    }
    this.listener.actions(readActions(reply.body));
  }

  private take(message: Message): void {
    this.forget(message);
    this.listener.sent(message);
  }

  /** What nobody could vouch for is kept: a "Not now" is not lost for a token that is late. */
  private refuse(message: Message, why: string, isUnproven: boolean): void {
    if (isUnproven) {
      this.hold(message, why);
      return;
    }
    this.forget(message);
    this.drop("refused", message, why);
  }

  private hold(message: Message, why: string): void {
    const owner = keyOf(identityOf(message));
    if (this.isHeld(owner)) return;
    this.held.set(owner, this.platform.clock.elapsed() + HELD_FOR);
    this.tell("unauthorized", message, `waits: ${why}.`);
  }

  private forget(message: Message): void {
    this.stored.value = this.stored.value.filter((each) => each.message !== message);
  }

  private retryLater(): void {
    const pause = Math.min(FIRST_PAUSE * 2 ** this.failures, LONGEST_PAUSE);
    const jittered = pause * (0.5 + this.platform.random() / 2);
    this.failures += 1;
    this.retryIn(Math.max(jittered, this.wire.silence));
  }

  private retryIn(wait: number): void {
    if (this.closed) return;
    this.cancelRetry = this.platform.clock.after(wait, () => void this.flush());
  }

  /** The oldest value goes first, the oldest outcome only where there is nothing else. */
  private makeRoom(): void {
    const all = this.stored.value;
    const index = Math.max(
      0,
      all.findIndex((each) => each.isValue),
    );
    this.stored.value = all.filter((_, each) => each !== index);
    const gone = all[index];
    if (gone) this.drop("queue_full", gone.message, `more than ${KEPT} messages wait`);
  }

  /** `why` has no full stop. */
  private drop(code: Problem["code"], message: Message, why: string): void {
    this.tell(code, message, `is dropped: ${why}.`);
  }

  private tell(code: Problem["code"], message: Message, what: string): void {
    const event = message.event ?? message.type;
    this.listener.problem({ code, message: `${event} ${what}`, event });
  }
}

function ownerOf({ message }: Waiting): string {
  return keyOf(identityOf(message));
}

function isQueue(value: unknown): value is Waiting[] {
  return Array.isArray(value) && value.every((each) => isObject(each) && isObject(each["message"]));
}

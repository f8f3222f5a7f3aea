import { readActions, type Action } from "./actions.js";
import { isObject, type JsonObject } from "./json.js";
import { keyOf } from "./install.js";
import { identityOf, type Message } from "./messages.js";
import type { Cancel, Platform } from "./platform.js";
import { Stored } from "./stored.js";
import type { Problem, Storage } from "./types.js";
import { reasonOf, type Reply, type Wire } from "./wire.js";

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
  private readonly platform: Platform;
  private readonly listener: Listener;
  private flushing: Promise<boolean> | undefined;
  private failures = 0;
  private cancelRetry: Cancel = () => undefined;
  private closed = false;

  constructor(storage: Storage, wire: Wire, platform: Platform, listener: Listener) {
    this.stored = new Stored("queue", [], storage, listener.problem);
    this.wire = wire;
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
    this.stored.value = this.stored.value.filter((each) => each.message !== message);
    await this.stored.save();
  }

  /** Whether everything that waited is answered. */
  flush(): Promise<boolean> {
    if (this.length === 0) return Promise.resolve(true);
    this.flushing ??= this.drain();
    return this.flushing;
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
      while (this.length > 0) {
        const sending = this.head();
        const batch = sending.map((each) => each.message);
        const reply = await this.wire.post("/v1/batch", { batch }, TIMEOUT);
        if (reply.kind === "again") {
          this.retryLater();
          return false;
        }
        this.stored.value = this.stored.value.filter((each) => !sending.includes(each));
        this.failures = 0;
        this.settle(batch, reply);
        await this.stored.save();
      }
      return true;
    } finally {
      this.flushing = undefined;
    }
  }

  /** The first messages, of one user: of several, the server promises no order in a batch. */
  private head(): Waiting[] {
    const whose = this.stored.value.map((each) => keyOf(identityOf(each.message)));
    const others = whose.findIndex((each) => each !== whose[0]);
    const own = others < 0 ? this.stored.value : this.stored.value.slice(0, others);
    return own.slice(0, AT_ONCE);
  }

  private settle(batch: Message[], reply: Exclude<Reply, { kind: "again" }>): void {
    if (reply.kind === "refused") {
      batch.forEach((message) => this.drop("refused", message, reply.why));
      return;
    }
    const rejected = rejectedOf(reply.body);
    for (const message of batch) {
      const why = rejected.get(message.messageId);
      if (why === undefined) this.listener.sent(message);
      else this.drop("refused", message, why);
    }
    this.listener.actions(readActions(reply.body));
  }

  private retryLater(): void {
    if (this.closed) return;
    const pause = Math.min(FIRST_PAUSE * 2 ** this.failures, LONGEST_PAUSE);
    const jittered = pause * (0.5 + this.platform.random() / 2);
    this.failures += 1;
    const wait = Math.max(jittered, this.wire.silence);
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
    const event = message.event ?? message.type;
    this.listener.problem({ code, message: `${event} is dropped: ${why}.`, event });
  }
}

/** Why rows were rejected, by message id. */
function rejectedOf(body: JsonObject): Map<unknown, string> {
  const results = Array.isArray(body["results"]) ? body["results"].filter(isObject) : [];
  return new Map(
    results
      .filter((row) => row["status"] === "rejected")
      .map((row) => [row["messageId"], reasonOf(row["error"])]),
  );
}

function isQueue(value: unknown): value is Waiting[] {
  return Array.isArray(value) && value.every((each) => isObject(each) && isObject(each["message"]));
}

import type { Install } from "./install.js";
import { isObject, numberOf, textOf, type JsonObject } from "./json.js";
import type { Clock } from "./platform.js";
import { Stored } from "./stored.js";
import type { Token } from "./tokens.js";
import type { Problem, Storage } from "./types.js";
import { isUnproven, type Refusal, type Reply, type Wire } from "./wire.js";

/** What proves an anonymous id. Times are milliseconds since the epoch, by the phone's clock. */
interface Device {
  /** The id as the install made it; it goes by that name here. */
  own: string;
  /** The id as the server knows it. */
  anonymousId: string;
  token: string;
  takenAt: number;
  endsAt: number;
}

/** Of the present user and of those before, whose outcomes may still wait. */
const KEPT = 3;

const PAUSE = 300_000;

/** Tokens that Softask issues to this install, and the anonymous ids that it gives with them. */
export class Devices {
  private readonly stored: Stored<Device[]>;
  private readonly asking = new Map<string, Promise<Token>>();
  private readonly refused = new Set<string>();
  private pausedUntil = 0;
  private isLackTold = false;
  private readonly wire: Wire;
  private readonly install: Install;
  private readonly clock: Clock;
  private readonly report: (problem: Problem) => void;

  constructor(
    storage: Storage,
    wire: Wire,
    install: Install,
    clock: Clock,
    report: (problem: Problem) => void,
  ) {
    this.stored = new Stored("devices", [], storage, report);
    this.wire = wire;
    this.install = install;
    this.clock = clock;
    this.report = report;
  }

  /** False where the storage could not be read. */
  load(): Promise<boolean> {
    return this.stored.load(isDevices);
  }

  /** The anonymous id as the server knows it. */
  nameOf(own: string): string {
    return this.find(own)?.anonymousId ?? own;
  }

  /**
   * The id's token: taken before its first message, renewed from half of its life on. One that
   * ended is taken anew, with another id where the server no longer knows whose this one is.
   */
  async of(own: string, left: () => number): Promise<Token> {
    const held = this.find(own);
    if (held && !this.isDue(held)) return held.token;
    const isPaused = this.clock.elapsed() < this.pausedUntil;
    if (isPaused || own !== this.install.anonymousId) return this.stillGood(held);
    const asked = this.asking.get(own) ?? this.take(own, held, left);
    this.asking.set(own, asked);
    return asked;
  }

  /** The server did not take it. */
  forget(own: string): void {
    const held = this.find(own);
    if (held) this.refused.add(held.token);
  }

  private async take(own: string, held: Device | undefined, left: () => number): Promise<Token> {
    const reply = await this.ask(held, left);
    this.asking.delete(own);
    const issued = reply.kind === "answered" ? this.read(reply.body, own) : undefined;
    if (issued) return this.keep(issued);
    const good = this.stillGood(held);
    if (good === null && reply.kind !== "refused") return undefined;
    this.pausedUntil = this.clock.elapsed() + PAUSE;
    if (reply.kind === "refused") this.tell(reply);
    return good;
  }

  /** An id under which nothing was ever sent is not named: the server makes a better one. */
  private async ask(held: Device | undefined, left: () => number): Promise<Reply> {
    const { anonymousId, isSaid } = this.install;
    const id = held?.anonymousId ?? (isSaid ? anonymousId : undefined);
    if (id === undefined) return this.wire.post("/v1/devices", {}, left(), null);
    const body = { anonymousId: id };
    const reply = await this.wire.post("/v1/devices", body, left(), held?.token ?? null);
    return isUnproven(reply) ? this.wire.post("/v1/devices", {}, left(), null) : reply;
  }

  private read(body: JsonObject, own: string): Device | undefined {
    const [anonymousId, token] = [textOf(body["anonymousId"]), textOf(body["token"])];
    const seconds = numberOf(body["expiresInSeconds"]);
    if (anonymousId === undefined || token === undefined || seconds === undefined) return undefined;
    const takenAt = this.clock.now();
    return { own, anonymousId, token, takenAt, endsAt: takenAt + seconds * 1000 };
  }

  private keep(device: Device): string {
    // Another profile, which knows nothing of this phone yet.
    if (this.nameOf(device.own) !== device.anonymousId) this.install.toldNobody();
    const others = this.stored.value.filter((each) => each.own !== device.own);
    this.stored.value = [...others, device].slice(-KEPT);
    void this.stored.save();
    this.isLackTold = false;
    return device.token;
  }

  private find(own: string): Device | undefined {
    return this.stored.value.find((each) => each.own === own);
  }

  private isDue(device: Device): boolean {
    const now = this.clock.now();
    const isYoung = device.takenAt <= now && now < (device.takenAt + device.endsAt) / 2;
    return !isYoung || this.refused.has(device.token);
  }

  private stillGood(device: Device | undefined): string | null {
    if (device === undefined || this.refused.has(device.token)) return null;
    return this.clock.now() < device.endsAt ? device.token : null;
  }

  private tell({ why }: Refusal): void {
    const message = `This install gets no token: ${why}.`;
    if (!this.isLackTold) this.report({ code: "unauthorized", message });
    this.isLackTold = true;
  }
}

function isDevices(value: unknown): value is Device[] {
  return Array.isArray(value) && value.every((each) => isObject(each) && "token" in each);
}

import type { Devices } from "./devices.js";
import type { Install } from "./install.js";
import { isObject } from "./json.js";
import { identityOf, type Context, type Message } from "./messages.js";
import { within, type Clock } from "./platform.js";
import type { Token, UserTokens } from "./tokens.js";
import { isUnproven, type Reply, type Wire } from "./wire.js";

/** What is said of somebody, or asked. */
export interface Said {
  userId?: string;
  anonymousId?: string;
  context: Context;
}

/** What proves whose it is, and each anonymous id that it names. */
interface Proof {
  token: string | null;
  devices: ReadonlyMap<string, string>;
}

type Send = (proof: Proof, left: number) => Promise<Reply>;

const AGAIN: Reply = { kind: "again" };

/**
 * Sends what proves who speaks along with what is said: by the time of sending, since the queue
 * may outlive every token.
 */
export class Envoy {
  private readonly wire: Wire;
  private readonly install: Install;
  private readonly users: UserTokens;
  private readonly devices: Devices | undefined;
  private readonly clock: Clock;

  constructor(
    wire: Wire,
    install: Install,
    users: UserTokens,
    devices: Devices | undefined,
    clock: Clock,
  ) {
    this.wire = wire;
    this.install = install;
    this.users = users;
    this.devices = devices;
    this.clock = clock;
  }

  post(path: string, said: Said, timeout: number): Promise<Reply> {
    return this.twice([said], timeout, (proof, left) =>
      this.wire.post(path, this.addressed(said, proof), left, proof.token),
    );
  }

  /** The messages are one user's. */
  batch(messages: readonly Message[], timeout: number): Promise<Reply> {
    return this.twice(messages, timeout, (proof, left) => {
      const batch = messages.map((each) => this.addressed(each, proof));
      return this.wire.post("/v1/batch", { batch }, left, proof.token);
    });
  }

  /** With a fresh token, where the server did not take the first one. */
  private async twice(said: readonly Said[], timeout: number, send: Send): Promise<Reply> {
    const end = this.clock.elapsed() + timeout;
    const left = () => end - this.clock.elapsed();
    const first = await this.proof(said, left);
    if (first === undefined) return AGAIN;
    const reply = await send(first, left());
    if (!isUnproven(reply)) return reply;
    this.forget(said);
    const second = await this.proof(said, left);
    return second && second.token !== first.token ? send(second, left()) : reply;
  }

  private async proof(said: readonly Said[], left: () => number): Promise<Proof | undefined> {
    const proof = await within(this.clock, left(), () => this.find(said, left));
    return left() > 0 ? proof : undefined;
  }

  private async find(said: readonly Said[], left: () => number): Promise<Proof | undefined> {
    const devices = new Map<string, string>();
    for (const own of namesIn(said)) {
      const token = await this.deviceToken(own, left);
      if (token === undefined) return undefined;
      if (token === null) this.install.say(own);
      else devices.set(own, token);
    }
    const token = await this.tokenOf(said, devices);
    return token === undefined ? undefined : { token, devices };
  }

  private async deviceToken(own: string, left: () => number): Promise<Token> {
    return this.devices ? this.devices.of(own, left) : null;
  }

  private async tokenOf(said: readonly Said[], devices: Proof["devices"]): Promise<Token> {
    const whose = identityOf(said[0] ?? {});
    return "userId" in whose
      ? this.users.of(whose.userId)
      : (devices.get(whose.anonymousId) ?? null);
  }

  private forget(said: readonly Said[]): void {
    const whose = identityOf(said[0] ?? {});
    if ("userId" in whose) this.users.forget(whose.userId);
    else this.devices?.forget(whose.anonymousId);
  }

  /** By the server's names. A message with both ids proves both: it merges them. */
  private addressed<T extends Said>(said: T, { devices }: Proof): T {
    const { userId, anonymousId: own } = said;
    if (own === undefined) return said;
    const named = { ...said, anonymousId: this.devices?.nameOf(own) ?? own };
    const deviceToken = userId === undefined ? undefined : devices.get(own);
    if (deviceToken === undefined) return named;
    const { softask } = said.context;
    const more = isObject(softask) ? softask : {};
    return { ...named, context: { ...said.context, softask: { ...more, deviceToken } } };
  }
}

function namesIn(said: readonly Said[]): Set<string> {
  const named = said.map((each) => each.anonymousId);
  return new Set(named.filter((each) => each !== undefined));
}

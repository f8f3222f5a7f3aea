import { isObject, textOf } from "./json.js";
import { Stored } from "./stored.js";
import type { Ids, Problem, SentSnapshot, Storage } from "./types.js";

/** Whose a message is: the user's, once there was an `identify`. */
export type Identity = { userId: string } | { anonymousId: string };

/** What outlives a logout, and what does not. Times are milliseconds since the epoch. */
interface Kept {
  deviceId: string;
  anonymousId: string;
  userId?: string;
  /** When the user was asked last: by the OS prompt, or by a popup that an earlier user saw. */
  askedAt?: number;
  /** Whether the OS prompt was ever called. */
  prompted?: true;
  /** When "Not now" was tapped last. */
  declinedAt?: number;
  /** When a soft ask was shown last. */
  shownAt?: number;
  /** Offers that were shown here, the newest last. */
  shown: string[];
  /** Whether nothing was ever sent under this anonymous id. */
  unsaid?: true;
  /** The snapshot that the server has, and whose profile has it. */
  told?: { whose: string; push: string };
}

const SHOWN_KEPT = 50;

/** What one installation of the app keeps. */
export class Install {
  private readonly stored: Stored<Kept>;
  private readonly randomId: () => string;

  constructor(storage: Storage, randomId: () => string, report: (problem: Problem) => void) {
    const ids = { deviceId: randomId(), anonymousId: randomId() };
    const fresh: Kept = { ...ids, unsaid: true, shown: [] };
    this.stored = new Stored("install", fresh, storage, report);
    this.randomId = randomId;
  }

  /** False where the storage could not be read: whose phone it is, is then not known. */
  async load(): Promise<boolean> {
    const isReadable = await this.stored.load(isKept);
    await this.stored.save();
    return isReadable;
  }

  get deviceId(): string {
    return this.stored.value.deviceId;
  }

  get anonymousId(): string {
    return this.stored.value.anonymousId;
  }

  get userId(): string | undefined {
    return this.stored.value.userId;
  }

  get identity(): Identity {
    const { userId, anonymousId } = this.stored.value;
    return userId === undefined ? { anonymousId } : { userId };
  }

  get ids(): Ids {
    const { deviceId, anonymousId, userId } = this.stored.value;
    return { deviceId, anonymousId, ...(userId === undefined ? {} : { userId }) };
  }

  /** What the install remembers of asking, whoever uses it. */
  get floors(): Pick<SentSnapshot, "everAsked" | "lastAskedAt" | "lastDeclinedAt"> {
    const { askedAt, declinedAt, prompted } = this.stored.value;
    return {
      ...(prompted === undefined ? {} : { everAsked: true }),
      ...(askedAt === undefined ? {} : { lastAskedAt: iso(askedAt) }),
      ...(declinedAt === undefined ? {} : { lastDeclinedAt: iso(declinedAt) }),
    };
  }

  /** Whether the server may know the anonymous id. */
  get isSaid(): boolean {
    return this.stored.value.unsaid === undefined;
  }

  /** It is sent from now on. */
  say(anonymousId: string): void {
    if (this.isSaid || anonymousId !== this.anonymousId) return;
    const { unsaid: _, ...kept } = this.stored.value;
    this.stored.value = kept;
    void this.stored.save();
  }

  login(userId: string): void {
    void this.change({ userId });
  }

  /**
   * A stranger from now on, on a phone that was asked all the same: a soft ask that the last user
   * saw holds the next one back as an OS prompt would.
   */
  logout(): void {
    const { userId: _, told: __, shownAt, ...kept } = this.stored.value;
    const askedAt = Math.max(kept.askedAt ?? 0, shownAt ?? 0);
    this.stored.value = { ...kept, anonymousId: this.randomId(), unsaid: true };
    void this.change(askedAt > 0 ? { askedAt } : {});
  }

  hasShown(offerId: string): boolean {
    return this.stored.value.shown.includes(offerId);
  }

  /** Whether it is stored now; an offer of which it is not must not be shown. */
  shown(offerId: string): Promise<boolean> {
    const shown = [...this.stored.value.shown, offerId].slice(-SHOWN_KEPT);
    return this.change({ shown });
  }

  softAskShown(at: number): Promise<boolean> {
    return this.change({ shownAt: at });
  }

  asked(at: number): Promise<boolean> {
    return this.change({ askedAt: at, prompted: true });
  }

  declined(at: number): Promise<boolean> {
    return this.change({ declinedAt: at });
  }

  /** The server has this snapshot in the profile of that identity. */
  told(whose: Identity, push: SentSnapshot): void {
    void this.change({ told: { whose: keyOf(whose), push: canonical(push) } });
  }

  /** The profile that was told is not the one that is spoken to from now on. */
  toldNobody(): void {
    const { told: _, ...kept } = this.stored.value;
    this.stored.value = kept;
    void this.stored.save();
  }

  wasTold(whose: Identity, push: SentSnapshot): boolean {
    const { told } = this.stored.value;
    return told?.whose === keyOf(whose) && told.push === canonical(push);
  }

  private change(change: Partial<Kept>): Promise<boolean> {
    this.stored.value = { ...this.stored.value, ...change };
    return this.stored.save();
  }
}

/** Equal for equal identities. */
export function keyOf(identity: Identity): string {
  return "userId" in identity ? `user ${identity.userId}` : `anonymous ${identity.anonymousId}`;
}

/** Equal for equal snapshots, in whatever order the app names their parts. */
export function canonical(push: SentSnapshot): string {
  return JSON.stringify(Object.entries(push).sort(([one], [other]) => (one < other ? -1 : 1)));
}

function iso(at: number): string {
  return new Date(at).toISOString();
}

function isKept(value: unknown): value is Kept {
  if (!isObject(value)) return false;
  const ids = [value["deviceId"], value["anonymousId"]];
  return ids.every((id) => textOf(id) !== undefined) && Array.isArray(value["shown"]);
}

/** Cancels a timer; harmless once it fired. */
export type Cancel = () => void;

export interface Clock {
  /** Milliseconds since the epoch; may jump, since the user can set it. */
  now(): number;
  /** Milliseconds that only ever grow; may stand still while the device sleeps. */
  elapsed(): number;
  after(ms: number, run: () => void): Cancel;
}

/** What the client needs of its runtime: React Native, a browser, Capacitor or Node. */
export interface Platform {
  fetch: typeof fetch;
  clock: Clock;
  randomId(): string;
  /** From 0 to below 1. */
  random(): number;
}

/** The runtime's own. */
export const thePlatform: Platform = {
  fetch: (input, init) => globalThis.fetch(input, init),
  clock: {
    now: () => Date.now(),
    elapsed: () => globalThis.performance.now(),
    after: (ms, run) => {
      const timer = setTimeout(run, ms);
      return () => clearTimeout(timer);
    },
  },
  randomId: uuid,
  random: () => Math.random(),
};

/**
 * What the work came to, or undefined where it took longer. The signal tells the work that
 * nobody waits any more; work that does not heed it is left behind.
 */
export function within<T>(
  clock: Clock,
  ms: number,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T | undefined> {
  const controller = new AbortController();
  return new Promise((resolve, reject) => {
    const cancel = clock.after(ms, () => {
      resolve(undefined);
      controller.abort();
    });
    work(controller.signal).then(resolve, reject).finally(cancel);
  });
}

/** React Native has no `crypto`, and pages without TLS have no `randomUUID`. */
function uuid(): string {
  const source: Partial<Crypto> = (globalThis as { crypto?: Crypto }).crypto ?? {};
  if (source.randomUUID) return globalThis.crypto.randomUUID();
  const bytes = new Uint8Array(16);
  if (source.getRandomValues) globalThis.crypto.getRandomValues(bytes);
  else bytes.forEach((_, index) => (bytes[index] = Math.random() * 256));
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}

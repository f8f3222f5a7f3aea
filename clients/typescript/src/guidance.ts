import { isObject, numberOf } from "./json.js";
import type { Clock } from "./platform.js";
import type { Settings } from "./types.js";
import type { Refusal, Wire } from "./wire.js";

const KEPT = 300_000;
const TIMEOUT = 2_000;

/** What the project wants to be sent, asked for every five minutes at most. */
export class Guidance {
  private known: { settings: Settings; at: number } | undefined;
  private readonly wire: Wire;
  private readonly clock: Clock;
  private readonly refused: (reply: Refusal) => void;

  constructor(wire: Wire, clock: Clock, refused: (reply: Refusal) => void) {
    this.wire = wire;
    this.clock = clock;
    this.refused = refused;
  }

  /** Old settings are better than none; undefined before the first answer. */
  async read(): Promise<Settings | undefined> {
    const at = this.clock.elapsed();
    if (this.known && at - this.known.at < KEPT) return this.known.settings;
    const reply = await this.wire.settings(TIMEOUT);
    if (reply.kind === "refused") this.refused(reply);
    const settings = reply.kind === "answered" ? readSettings(reply.body["softask"]) : undefined;
    if (settings) this.known = { settings, at };
    return settings ?? this.known?.settings;
  }
}

function readSettings(value: unknown): Settings | undefined {
  if (!isObject(value)) return undefined;
  const events = Array.isArray(value["events"]) ? value["events"] : [];
  return {
    paused: value["paused"] === true,
    events: events.filter((event) => typeof event === "string"),
    maxAgeSeconds: numberOf(value["maxAgeSeconds"]) ?? 60,
  };
}

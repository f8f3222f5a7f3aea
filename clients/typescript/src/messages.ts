import type { Identity, Install } from "./install.js";
import type { Platform } from "./platform.js";
import type { AppContext, SentSnapshot } from "./types.js";
import { VERSION } from "./version.js";

export interface Context {
  [key: string]: unknown;
  app: Record<string, unknown>;
  push?: SentSnapshot;
}

/** One message in Segment's shape. It never changes: its id stands for what it says. */
export interface Message {
  type: "track" | "identify";
  messageId: string;
  timestamp: string;
  userId?: string;
  anonymousId?: string;
  event?: string;
  properties?: Record<string, unknown>;
  traits?: Record<string, unknown>;
  context: Context;
}

export const PERMISSION_CHANGED = "PushPermissionChanged";

/** Makes messages, each with everything that the server may want to know of the device. */
export class Messages {
  inForeground = true;
  private readonly install: Install;
  private readonly platform: Platform;
  private readonly app: () => AppContext;

  constructor(install: Install, platform: Platform, app: () => AppContext) {
    this.install = install;
    this.platform = platform;
    this.app = app;
  }

  track(
    whose: Identity,
    event: string,
    properties: Record<string, unknown>,
    push?: SentSnapshot,
  ): Message {
    const context = this.context(push);
    return { type: "track", ...this.head(), ...whose, event, properties, context };
  }

  identify(whose: Identity, traits: Record<string, unknown>): Message {
    return { type: "identify", ...this.head(), ...whose, traits, context: this.context() };
  }

  context(push?: SentSnapshot): Context {
    const app = this.app();
    return {
      ...whereabouts(),
      ...app,
      device: { ...app.device, id: this.install.deviceId },
      app: { ...app.app, inForeground: this.inForeground },
      library: { name: "softask-client", version: VERSION },
      ...(push === undefined ? {} : { push }),
    };
  }

  private head(): { messageId: string; timestamp: string } {
    const timestamp = new Date(this.platform.clock.now()).toISOString();
    return { messageId: this.platform.randomId(), timestamp };
  }
}

/** The same message with a newer snapshot. */
export function withPush(message: Message, push: SentSnapshot): Message {
  return { ...message, context: { ...message.context, push } };
}

/**
 * The same message for the count alone. What the background sends opens no popup, however soon
 * it arrives; the context plays no part in what a message id stands for.
 */
export function asValue(message: Message): Message {
  const { context } = message;
  return { ...message, context: { ...context, app: { ...context.app, inForeground: false } } };
}

/** Whose a message is. */
export function identityOf(said: { userId?: string; anonymousId?: string }): Identity {
  const { userId, anonymousId } = said;
  return userId === undefined ? { anonymousId: anonymousId ?? "" } : { userId };
}

/** Older JavaScript engines of React Native have no `Intl`. */
function whereabouts(): { locale?: string; timezone?: string } {
  if (typeof Intl === "undefined") return {};
  const { locale, timeZone } = Intl.DateTimeFormat().resolvedOptions();
  return { locale, timezone: timeZone };
}

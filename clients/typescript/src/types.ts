/** What the OS says, in its own word. */
export type NativeStatus =
  "notDetermined" | "denied" | "authorized" | "provisional" | "ephemeral" | "granted" | "default";

/** What the device knows of its permission. What the app cannot tell is left out. */
export interface PushSnapshot {
  status?: NativeStatus;
  promptsUsed?: number;
  canRequest?: boolean;
  /** Android: whether the app ever called the OS prompt; a fresh install reports "denied". */
  everAsked?: boolean;
  /** Android: `shouldShowRequestPermissionRationale`. */
  rationale?: boolean;
  /** Whether the user opted out in the app, whatever the OS says. */
  optedOut?: boolean;
  notificationTypes?: number;
  targetSdk?: number;
}

/** The snapshot as it is sent: with the floors that the install keeps, in ISO 8601. */
export interface SentSnapshot extends PushSnapshot {
  lastAskedAt?: string;
  lastDeclinedAt?: string;
}

/** What "Yes" leads to. */
export type Route = "os_prompt" | "open_settings" | "in_app_opt_in";

/** The push permission, as the app reaches it. */
export interface Native {
  read(): Promise<PushSnapshot>;
  /**
   * Calls the OS prompt and settles when it was answered: after a "Yes", and in the arm
   * "direct_prompt" of an experiment without a popup before it.
   */
  prompt(): Promise<unknown>;
  openSettings(): Promise<unknown>;
  /** Undoes an opt-out in the app; only apps that know such a thing need it. */
  optIn?(): Promise<unknown>;
}

/** Strings by key: AsyncStorage and localStorage fit as they are. */
export interface Storage {
  getItem(key: string): Promise<string | null> | string | null;
  setItem(key: string, value: string): unknown;
}

export interface Content {
  locale: string;
  title: string;
  body: string;
  approve: string;
  /** Absent where the campaign leaves the second button out. */
  decline?: string;
  extras?: Record<string, unknown>;
}

/** What every ask says of itself. */
export interface Granted {
  campaign: string;
  campaignVersion: number;
  offerId: string;
  attempt: number;
  arm: string;
  /** The user's content variant; absent where the campaign compares none. */
  variant?: string;
  userId: string;
  showAfterSeconds: number;
  expiresAt: string;
  expiresInSeconds: number;
  /** For test users alone. */
  test?: boolean;
}

/** A popup to open now. */
export interface Offer extends Granted {
  type: "open_deeplink";
  deeplink: string;
  content: Content;
  /** A hint: the client reads the native status again at the tap. Null asks for no permission. */
  onApprove: Route | null;
}

/** What the user did with the popup; "dismissed" is closed without an answer. */
export type Answer = "approved" | "declined" | "dismissed";

export type Outcome = "shown" | "suppressed" | Answer;

export interface Popup {
  /** Opens the app's own popup; settles when the user answered it. Rejects if it cannot open. */
  open(offer: Offer): Promise<Answer>;
  /** Whether another dialog is in the way now. The offer is then given back, unspent. */
  isBlocked?(): boolean | Promise<boolean>;
}

/** What the app tells of itself with every message. */
export interface AppContext {
  os?: { name: string; version?: string; apiLevel?: number };
  app?: { name?: string; version?: string; build?: string; installedAt?: string };
  device?: { type?: string; model?: string; manufacturer?: string };
  locale?: string;
  timezone?: string;
  [key: string]: unknown;
}

/** Something that the app's developer should know of. */
export interface Problem {
  code:
    | "refused"
    | "unauthorized"
    | "taken_in_part"
    | "unreachable"
    | "queue_full"
    | "storage_failed"
    | "app_failed";
  message: string;
  /** The event that it is about. */
  event?: string;
  cause?: unknown;
}

/** Under which ids the server knows this phone and who uses it. */
export interface Ids {
  deviceId: string;
  anonymousId: string;
  /** Since the login. */
  userId?: string;
}

/** What the project wants to be sent. */
export interface Settings {
  paused: boolean;
  /** The events that some campaign refers to. */
  events: string[];
  /** How old a trigger may be to open a popup. */
  maxAgeSeconds: number;
}

export interface Options {
  /** Where Softask answers: `https://….amazonaws.com`; a `/v1` after it is left off. */
  host: string;
  writeKey: string;
  storage: Storage;
  native: Native;
  popup: Popup;
  /** Asked for every message: a locale may change while the app runs. */
  context?: () => AppContext;
  /** Event names of campaigns that name their own `outcomes`, by campaign. */
  outcomes?: Record<string, Partial<Record<Outcome, string>>>;
  /**
   * A token of the user who is logged in, fresh from the app's backend; null where there is none.
   * It is asked for where none is held, the held one is about to end, or was not taken.
   */
  token?: () => Promise<string | null | undefined>;
  /** Whether Softask issues a token to the install, which proves its anonymous id. */
  deviceTokens?: boolean;
  /** Must not throw. */
  onError?: (problem: Problem) => void;
}

import { isObject, numberOf, textOf, type JsonObject } from "./json.js";
import type { Content, Granted, Offer, Route } from "./types.js";

/** The OS prompt itself, without a popup before it. */
export interface DirectPrompt extends Granted {
  type: "request_os_permission";
}

export interface Withdraw {
  type: "withdraw";
  offerId: string;
}

/** Something to ask the user. */
export type Ask = Offer | DirectPrompt;

export type Action = Ask | Withdraw;

const ROUTES: readonly Route[] = ["os_prompt", "open_settings", "in_app_opt_in"];

/** The actions of an answer that are understood; unknown types are left out. */
export function readActions(body: unknown): Action[] {
  const actions = isObject(body) ? body["actions"] : undefined;
  if (!Array.isArray(actions)) return [];
  return actions
    .filter(isObject)
    .map(readAction)
    .filter((action) => action !== undefined);
}

/** A route that is understood, else null: nothing native follows. */
export function readRoute(value: unknown): Route | null {
  return ROUTES.find((route) => route === value) ?? null;
}

function readAction(action: JsonObject): Action | undefined {
  const offerId = textOf(action["offerId"]);
  if (offerId === undefined) return undefined;
  switch (action["type"]) {
    case "open_deeplink":
      return readOffer(action, offerId);
    case "request_os_permission":
      return readDirectPrompt(action, offerId);
    case "withdraw":
      return { type: "withdraw", offerId };
    default:
      return undefined;
  }
}

function readOffer(action: JsonObject, offerId: string): Offer | undefined {
  const granted = readGranted(action, offerId);
  const deeplink = textOf(action["deeplink"]);
  const content = readContent(action["content"]);
  if (granted === undefined || deeplink === undefined || content === undefined) return undefined;
  const onApprove = readRoute(action["onApprove"]);
  return { type: "open_deeplink", ...granted, deeplink, content, onApprove };
}

function readDirectPrompt(action: JsonObject, offerId: string): DirectPrompt | undefined {
  const granted = readGranted(action, offerId);
  return granted && { type: "request_os_permission", ...granted };
}

function readGranted(action: JsonObject, offerId: string): Granted | undefined {
  const campaign = textOf(action["campaign"]);
  const variant = textOf(action["variant"]);
  const expiresInSeconds = numberOf(action["expiresInSeconds"]);
  if (campaign === undefined || expiresInSeconds === undefined) return undefined;
  return {
    campaign,
    campaignVersion: numberOf(action["campaignVersion"]) ?? 0,
    offerId,
    attempt: numberOf(action["attempt"]) ?? 1,
    arm: textOf(action["arm"]) ?? "",
    ...(variant === undefined ? {} : { variant }),
    userId: textOf(action["userId"]) ?? "",
    showAfterSeconds: numberOf(action["showAfterSeconds"]) ?? 0,
    expiresAt: textOf(action["expiresAt"]) ?? "",
    expiresInSeconds,
    ...(action["test"] === true ? { test: true } : {}),
  };
}

function readContent(value: unknown): Content | undefined {
  if (!isObject(value)) return undefined;
  const [title, body, approve, decline] = ["title", "body", "approve", "decline"].map((name) =>
    textOf(value[name]),
  );
  if (title === undefined || body === undefined || approve === undefined) return undefined;
  const extras = value["extras"];
  return {
    locale: textOf(value["locale"]) ?? "",
    title,
    body,
    approve,
    ...(decline === undefined ? {} : { decline }),
    ...(isObject(extras) ? { extras } : {}),
  };
}

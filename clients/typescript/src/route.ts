import type { PushSnapshot, Route } from "./types.js";

/** The first Android that has a notification permission to ask for. */
const ASKING_API = 33;

const GRANTED = ["authorized", "granted", "ephemeral"];
const ANSWERED = [...GRANTED, "denied"];

/**
 * What "Yes" leads to on this device now. The server's route says what the campaign allows; what
 * the OS says at the tap decides: an OS prompt that cannot appear is never called.
 */
export function nextStep(
  push: PushSnapshot,
  route: Route,
  os: { name: string; apiLevel?: number } | undefined,
): Route | null {
  if (push.status === undefined) return null;
  if (GRANTED.includes(push.status)) return isOptedOut(push) ? "in_app_opt_in" : null;
  if (canPrompt(push, os)) return "os_prompt";
  return route === "open_settings" ? "open_settings" : null;
}

/** Whether the snapshot tells what an OS prompt was answered; one that was swiped away was not. */
export function isAnswered({ status }: PushSnapshot): boolean {
  return status !== undefined && ANSWERED.includes(status);
}

function isOptedOut(push: PushSnapshot): boolean {
  return push.optedOut === true || push.notificationTypes === -2;
}

/** Android says "denied" before it ever asked, and after one denial asks once more. */
function canPrompt(
  push: PushSnapshot,
  os: { name: string; apiLevel?: number } | undefined,
): boolean {
  if (push.status !== "denied") return true;
  if (os?.name.toLowerCase() !== "android") return false;
  if ((os.apiLevel ?? ASKING_API) < ASKING_API) return false;
  if ((push.targetSdk ?? ASKING_API) < ASKING_API) return false;
  return push.rationale === true || push.everAsked === false;
}

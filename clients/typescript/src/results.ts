import { isObject, textOf, type JsonObject } from "./json.js";

/** What became of one message of a batch. */
export interface Result {
  messageId: unknown;
  /** Why it was rejected, without a full stop; undefined where it was not. */
  why?: string;
  /** Whether it was, because nothing proved who speaks: with another token it may be taken. */
  isUnproven: boolean;
  /** What was left out of a message that was taken. */
  warnings: string[];
}

const UNPROVEN = ["unauthorized", "forbidden"];

const NO_REASON = "no reason given";

/** Of an answer to a batch; of others none. */
export function readResults(body: JsonObject): Result[] {
  const rows = Array.isArray(body["results"]) ? body["results"] : [];
  return rows.filter(isObject).map(readResult);
}

/** The server's word for an error, less its full stop: it ends a sentence of ours. */
export function reasonOf(error: unknown): string {
  const message = isObject(error) ? textOf(error["message"]) : undefined;
  return message?.replace(/\.$/, "") ?? NO_REASON;
}

function readResult({ messageId, status, error, warnings }: JsonObject): Result {
  const told = Array.isArray(warnings) ? warnings : [];
  return {
    messageId,
    ...(status === "rejected" ? { why: reasonOf(error) } : {}),
    isUnproven: isObject(error) && UNPROVEN.some((code) => code === error["code"]),
    warnings: told.filter((each) => typeof each === "string"),
  };
}

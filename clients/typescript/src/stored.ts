import { parsed } from "./json.js";
import type { Problem, Storage } from "./types.js";

/**
 * One JSON value under one key of the app's storage. Writes go one after the other, each of the
 * value as it then is.
 *
 * Where the storage could not be read, nothing is written either: a new device id over one that
 * is only out of reach would make the phone a stranger.
 */
export class Stored<T> {
  value: T;
  private isReadable = false;
  private writing: Promise<boolean> = Promise.resolve(true);
  private readonly key: string;
  private readonly storage: Storage;
  private readonly report: (problem: Problem) => void;

  constructor(key: string, empty: T, storage: Storage, report: (problem: Problem) => void) {
    this.key = `softask.${key}`;
    this.value = empty;
    this.storage = storage;
    this.report = report;
  }

  /** Takes what is stored, if `isKept` knows its shape. False where nothing could be read. */
  async load(isKept: (value: unknown) => value is T): Promise<boolean> {
    try {
      const found = parsed(await this.storage.getItem(this.key));
      this.isReadable = true;
      if (isKept(found)) this.value = found;
    } catch (cause) {
      this.fail("read", cause);
    }
    return this.isReadable;
  }

  /** Whether the value is stored now. */
  save(): Promise<boolean> {
    this.writing = this.writing.then(() => this.write());
    return this.writing;
  }

  private async write(): Promise<boolean> {
    if (!this.isReadable) return false;
    try {
      await this.storage.setItem(this.key, JSON.stringify(this.value));
      return true;
    } catch (cause) {
      this.fail("written", cause);
      return false;
    }
  }

  private fail(what: string, cause: unknown): void {
    this.report({ code: "storage_failed", message: `${this.key} cannot be ${what}.`, cause });
  }
}

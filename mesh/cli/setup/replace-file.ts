/** Writes the user's files so that a crash leaves the old one or the new one, never half of it. */
import { randomBytes } from "node:crypto";
import {
  chmodSync,
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname } from "node:path";
import { GaggleError, systemCode } from "../../contract/errors.ts";

/** What `read` gives, or undefined where there is no such file. */
export function ifThere<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (systemCode(error) === "ENOENT") return undefined;
    throw error;
  }
}

/** Text of a file, or undefined where there is none. */
export const readIfThere = (path: string): string | undefined => ifThere(() => readFileSync(path, "utf8"));

/**
 * The same for a file that is going to be written back, where a character that could not be read would be lost.
 * @throws GaggleError INVALID_INPUT where it is not UTF-8
 */
export function readWholeIfThere(path: string): string | undefined {
  const bytes = ifThere(() => readFileSync(path));
  try {
    return bytes === undefined ? undefined : new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw new GaggleError("INVALID_INPUT", `${path} is no UTF-8 text. Save it as UTF-8 and run this again.`, { cause });
  }
}

/**
 * Replaces or makes a file. A symlink in its place is followed, so that a file kept elsewhere (in a repository of dotfiles, say) is the one that changes.
 * @param mode of a new file; an existing one keeps its own unless `force`
 */
export function replaceFile(path: string, text: string, mode: number, force = false): void {
  mkdirSync(dirname(path), { recursive: true });
  const target = ifThere(() => realpathSync(path)) ?? path;
  const kept = ifThere(() => statSync(target).mode & 0o777);
  const temporary = `${target}.${process.pid}.${randomBytes(4).toString("hex")}.tmp`;
  try {
    const file = openSync(temporary, "wx", 0o600);
    try {
      writeFileSync(file, text);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    chmodSync(temporary, force ? mode : (kept ?? mode));
    renameSync(temporary, target);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}

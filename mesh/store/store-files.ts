/**
 * What a folder must hold before LevelDB may open it. LevelDB makes a new, empty database where the file is missing that names the current one, and
 * says nothing of a log that is gone: either would lose tasks in silence.
 */
import { readdir } from "node:fs/promises";
import { GaggleError } from "../contract/errors.ts";

/** What to do about a damaged store; docs/limits.md has it in full. */
export const DAMAGED_FIX =
  "Restore the whole home from a backup, or move it away and join again; docs/limits.md, A damaged store, says how.";

/**
 * Checks that no file is missing.
 * @throws GaggleError STORE_FAILED where a database was here and a part of it is gone
 */
export async function assertStoreWhole(dir: string): Promise<void> {
  const names = await readdir(dir);
  const has = (end: string): boolean => names.some((name) => name.endsWith(end));
  const current = names.includes("CURRENT");
  // A database that was only just made, and whose making was cut off, has a first manifest and no log.
  const isNewborn = names.includes("MANIFEST-000001");
  const missing = !current && (has(".log") || has(".ldb")) ? "CURRENT" : current && !isNewborn && !has(".log") ? "the log" : undefined;
  if (missing !== undefined) throw new GaggleError("STORE_FAILED", `The store is damaged: ${missing} is missing. ${DAMAGED_FIX}`);
}

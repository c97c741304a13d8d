/** The files of a node's folder that a backup holds, besides its store: whom it serves, its keys, its bundles. */
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { GaggleError, ifThere } from "../../mesh/contract/errors.ts";
import { type KeySources, processKeySources } from "../../mesh/identity/at-rest/key-sources.ts";
import { PROTECTION_FILE } from "../../mesh/identity/at-rest/folder-key.ts";
import { readSecretValue } from "../../mesh/identity/secret-file.ts";
import { writePrivateFile } from "../../mesh/store/private-file.ts";
import type { BackupFile } from "./backup-lines.ts";

/** What may stand in a backup: nothing leads out of the folder. */
const ALLOWED = /^(?:node\.json|(?:keys|bundles)\/[a-z][a-z0-9-]*\.(?:json|pem))$/;

const namesIn = async (dir: string): Promise<string[]> => ((await ifThere(readdir(dir))) ?? []).toSorted();

/**
 * The files, keys opened: what protects them on this machine does not exist on another. They are protected anew at the restored node's first start.
 * @throws GaggleError KEYS_LOCKED, NOT_FOUND where the folder is none of a node
 */
export async function* nodeFiles(dir: string, sources: KeySources = processKeySources()): AsyncGenerator<BackupFile> {
  const text = await readFile(join(dir, "node.json"), "utf8").catch((cause: unknown) => {
    throw new GaggleError("NOT_FOUND", `There is no bootstrap node in ${dir}; name its folder with --dir.`, { cause });
  });
  yield { kind: "file", path: "node.json", text };
  for (const name of await namesIn(join(dir, "bundles"))) {
    const path = `bundles/${name}`;
    if (ALLOWED.test(path)) yield { kind: "file", path, text: await readFile(join(dir, path), "utf8") };
  }
  for (const name of await namesIn(join(dir, "keys"))) {
    const path = `keys/${name}`;
    if (!ALLOWED.test(path) || name === PROTECTION_FILE) continue;
    yield { kind: "file", path, text: await openedText(join(dir, path), sources) };
  }
}

async function openedText(path: string, sources: KeySources): Promise<string> {
  if (!path.endsWith(".json")) return readFile(path, "utf8");
  const read = await readSecretValue(path, sources);
  if (read === undefined) throw new GaggleError("NOT_FOUND", "A key went away while the backup was taken; take it again.");
  return JSON.stringify(read.value);
}

/** Writes a file of a backup into a folder. @throws GaggleError INVALID_INPUT for a path that has no place in a node's folder */
export async function writeNodeFile(dir: string, { path, text }: BackupFile): Promise<void> {
  if (!ALLOWED.test(path))
    throw new GaggleError("INVALID_INPUT", "The backup names a file that has no place in a node's folder; it was altered.");
  await writePrivateFile(join(dir, path), text);
}

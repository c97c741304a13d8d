/** What a backup holds: files of a folder, keys taken out of their protection, and the pairs of a store. docs/decisions/0118-backup-of-an-agent.md */
import { randomBytes } from "node:crypto";
import { readdir, readFile, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { z } from "zod";
import { GaggleError } from "../../contract/errors.ts";
import { parseAs, parseJson } from "../../contract/json.ts";
import { PROTECTION_FILE } from "../../identity/at-rest/folder-key.ts";
import { processKeySources } from "../../identity/at-rest/key-sources.ts";
import { protectFolder } from "../../identity/at-rest/protect-folder.ts";
import { openBytes, sealBytes, sealedBytes } from "../../identity/at-rest/sealed-json.ts";
import {
  keyFromPassphrase,
  MIN_PASSPHRASE_LENGTH,
  newScryptParameters,
  type ScryptParameters,
  scryptParameters,
} from "../../identity/passphrase-key.ts";
import { readSecretValue, writeSecretFile } from "../../identity/secret-file.ts";
import { openLevelStore } from "../../store/level-store.ts";
import { makePrivateFolder, writePrivateFile } from "../../store/private-file.ts";

/** What is backed up. */
export interface ArchivedFolder {
  readonly kind: "agent" | "org";
  /** Folders whose JSON files are keys, relative. */
  readonly secrets: readonly string[];
  /** Folders and files that are left out, relative: what is large, made anew, or is a store. */
  readonly leftOut: readonly string[];
}

/** An agent's home: without files of tasks, logs and what Goose keeps. */
export const AGENT_HOME: ArchivedFolder = {
  kind: "agent",
  secrets: ["keys"],
  leftOut: ["store", "artifacts", "guard-memory", "logs", "goose", "runs", "disk-reserve"],
};
/** An organisation's folder: without the store of the node, which has a backup of its own. */
export const ORG_FOLDER: ArchivedFolder = { kind: "org", secrets: ["root", "admin", "bootstrap/keys"], leftOut: ["bootstrap/store"] };

const header = z.strictObject({
  v: z.literal(1),
  kind: z.enum(["agent", "org"]),
  createdAt: z.iso.datetime(),
  kdf: scryptParameters,
  wrapped: sealedBytes,
});
const BOUND = "gaggle backup";

/** A new backup's first line and the key that it wraps. @param cost of the passphrase's key; less than usual for tests alone @throws GaggleError INVALID_INPUT for a short passphrase */
export async function newBackup(
  kind: "agent" | "org",
  passphrase: string,
  nowMs: number,
  cost?: ScryptParameters["N"],
): Promise<{ header: string; key: Uint8Array }> {
  if ([...passphrase].length < MIN_PASSPHRASE_LENGTH)
    throw new GaggleError("INVALID_INPUT", `The passphrase is too short; use at least ${MIN_PASSPHRASE_LENGTH} characters.`);
  const key = randomBytes(32);
  const kdf = newScryptParameters(randomBytes(16), cost);
  const wrapped = sealBytes(await keyFromPassphrase(passphrase, kdf), BOUND, key);
  return { header: JSON.stringify({ v: 1, kind, createdAt: new Date(nowMs).toISOString(), kdf, wrapped }), key };
}

/** Opens a backup's first line. @throws GaggleError INVALID_INPUT, CREDENTIAL_INVALID for a wrong passphrase */
export async function openBackupKey(
  text: string,
  passphrase: string,
): Promise<{ kind: "agent" | "org"; createdAt: string; key: Uint8Array }> {
  const { kind, createdAt, kdf, wrapped } = parseAs(header, parseJson(text, "The backup's first line"), "The backup's first line");
  return { kind, createdAt, key: openBytes(await keyFromPassphrase(passphrase, kdf), BOUND, wrapped) };
}

const path = z.string().regex(/^[A-Za-z0-9_-][A-Za-z0-9._-]*(\/[A-Za-z0-9_-][A-Za-z0-9._-]*)*$/);
const entry = z.discriminatedUnion("is", [
  z.strictObject({ is: z.literal("secret"), path, value: z.unknown(), asIs: z.boolean() }),
  z.strictObject({ is: z.literal("file"), path, base64: z.string() }),
  z.strictObject({ is: z.literal("pair"), key: z.string(), value: z.string() }),
  z.strictObject({ is: z.literal("end"), entries: z.int() }),
]);
type Entry = z.infer<typeof entry>;

/** The lines of a backup. @param pairs of the folder's store as it was at one moment; none where it has none */
export async function* archiveLines(
  dir: string,
  what: ArchivedFolder,
  pairs: AsyncIterable<[string, string]> | undefined,
): AsyncGenerator<string> {
  let entries = 0;
  for await (const one of entriesOf(dir, what, pairs)) {
    entries++;
    yield JSON.stringify(one);
  }
  yield JSON.stringify({ is: "end", entries } satisfies Entry);
}

async function* entriesOf(dir: string, what: ArchivedFolder, pairs: AsyncIterable<[string, string]> | undefined): AsyncGenerator<Entry> {
  for (const file of await filesUnder(dir, "", what.leftOut)) {
    const folder = file.split("/").slice(0, -1).join("/");
    if (file.endsWith(`/${PROTECTION_FILE}`) || !path.safeParse(file).success || /\.part$|\.json\.\d+\./.test(file)) continue;
    if (!what.secrets.includes(folder) || !file.endsWith(".json")) {
      yield { is: "file", path: file, base64: (await readFile(join(dir, file))).toString("base64") };
      continue;
    }
    const found = await readSecretValue(join(dir, file), processKeySources());
    if (found !== undefined) yield { is: "secret", path: file, value: found.value, asIs: file.endsWith("/approval.json") };
  }
  for await (const [key, value] of pairs ?? []) yield { is: "pair", key, value };
}

async function filesUnder(dir: string, inner: string, leftOut: readonly string[]): Promise<string[]> {
  const found = await readdir(join(dir, inner), { withFileTypes: true });
  const paths = found.map(async (one) => {
    const at = inner === "" ? one.name : `${inner}/${one.name}`;
    if (leftOut.includes(at)) return [];
    if (one.isDirectory()) return filesUnder(dir, at, leftOut);
    return one.isFile() ? [at] : [];
  });
  return (await Promise.all(paths)).flat();
}

const PAIRS_AT_ONCE = 1_000;
/** Says that a folder is being put together, or, in an agent's home, that it has to be confirmed before it counts. */
const MARK = "recovered.json";

/** Path of the mark of a folder that came from a backup. */
export const recoveredMark = (dir: string): string => join(dir, MARK);

/**
 * Puts a folder together from a backup's lines. Its last file makes it count, so one that was cut off is none, and is begun anew by the next try.
 * @param last the file that makes the folder count, such as `config.json`
 * @throws GaggleError CONFLICT where the folder holds something already, CREDENTIAL_INVALID where the backup is damaged
 */
export async function restoreFolder(dir: string, last: string, createdAt: string, lines: AsyncIterable<string>): Promise<void> {
  await makePrivateFolder(dir);
  const there = await readdir(dir);
  if (there.includes(last) || (there.length > 0 && !there.includes(MARK)))
    throw new GaggleError("CONFLICT", `${dir} is not empty. Recover into a folder of its own, or move this one away.`);
  // What an earlier try left: it may be of another backup.
  for (const name of there) await rm(join(dir, name), { recursive: true });
  await writePrivateFile(recoveredMark(dir), JSON.stringify({ v: 1, backedUpAt: createdAt }));
  const kept = await restoreEntries(dir, last, lines);
  if (kept === undefined) throw new GaggleError("CREDENTIAL_INVALID", "The backup is incomplete.");
  await writePrivateFile(join(dir, last), kept);
}

/** @returns the text of the file that makes the folder count */
async function restoreEntries(dir: string, last: string, lines: AsyncIterable<string>): Promise<string | undefined> {
  const secret = createSecretWriter();
  const store = createPairWriter(join(dir, "store"));
  let kept: string | undefined;
  let entries = 0;
  let ended = false;
  for await (const line of lines) {
    const one = parseAs(entry, parseJson(line, "The backup"), "The backup");
    if (one.is === "end") ended = one.entries === entries;
    else entries++;
    if (one.is === "pair") await store.put(one.key, one.value);
    if (one.is === "secret") await secret(join(dir, one.path), one.value, one.asIs);
    if (one.is !== "file") continue;
    const text = Buffer.from(one.base64, "base64").toString("utf8");
    if (one.path === last) kept = text;
    else if (one.path !== MARK) await writePrivateFile(join(dir, one.path), text);
  }
  await store.close();
  return ended ? kept : undefined;
}

/** Writes keys; each folder of them is protected before its first one. */
function createSecretWriter() {
  const folders = new Set<string>();
  return async (file: string, value: unknown, asIs: boolean): Promise<void> => {
    const folder = dirname(file);
    if (!folders.has(folder)) {
      await makePrivateFolder(folder);
      await protectFolder(folder);
      folders.add(folder);
    }
    await writeSecretFile(file, value, { asIs });
  };
}

function createPairWriter(dir: string) {
  let store: Awaited<ReturnType<typeof openLevelStore>> | undefined;
  let waiting: { type: "put"; key: string; value: string }[] = [];
  const flush = async (): Promise<void> => {
    store ??= await openLevelStore(dir);
    await store.batch(waiting, { sync: true });
    waiting = [];
  };
  return {
    async put(key: string, value: string): Promise<void> {
      waiting.push({ type: "put", key, value });
      if (waiting.length >= PAIRS_AT_ONCE) await flush();
    },
    async close(): Promise<void> {
      if (waiting.length > 0) await flush();
      await store?.close();
    },
  };
}

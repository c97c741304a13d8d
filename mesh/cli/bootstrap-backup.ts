/** `gaggle bootstrap backup` and `gaggle bootstrap restore`. Source: docs/decisions/0117-backup-of-a-running-node.md */
import { createReadStream, createWriteStream } from "node:fs";
import { open, unlink } from "node:fs/promises";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { restoreBackup } from "../../bootstrap-node/backup/restore-backup.ts";
import { takeBackup } from "../../bootstrap-node/backup/take-backup.ts";
import { systemClock } from "../agent/system.ts";
import { GaggleError, systemCode } from "../contract/errors.ts";
import type { CommandContext } from "./context.ts";

/** Stands for standard output or input in the place of a file's name. */
const STANDARD = "-";

/** Writes a backup into a new file that only its owner can read, or to standard output. @throws GaggleError as taking it; CONFLICT where the file exists */
export async function bootstrapBackup({ out }: Pick<CommandContext, "out">, { dir, file }: { dir: string; file: string }): Promise<void> {
  const lines = Readable.from(takeBackup({ clock: systemClock, fetch: globalThis.fetch }, dir));
  if (file === STANDARD) {
    await pipeline(lines, process.stdout, { end: false });
    return;
  }
  const handle = await open(file, "wx", 0o600).catch((cause: unknown) => {
    if (systemCode(cause) === "EEXIST") throw new GaggleError("CONFLICT", `${file} exists already; name a new file.`, { cause });
    throw new GaggleError("INVALID_INPUT", `${file} can't be written; check the folder and its rights.`, { cause });
  });
  try {
    const sink = createWriteStream("", { fd: handle.fd, autoClose: false });
    await pipeline(lines, sink);
    await handle.sync();
    const { size } = await handle.stat();
    out.result({ file, bytes: size });
    out.line(`The backup is in ${file}: ${size} bytes. It holds the node's keys in clear: keep it as you keep those, or encrypt it.`);
  } catch (error) {
    await unlink(file).catch(() => undefined);
    throw error;
  } finally {
    await handle.close();
  }
}

/** Makes a node's folder from a backup. @throws GaggleError as restoring */
export async function bootstrapRestore(
  { out }: Pick<CommandContext, "out">,
  { dir, file, replace }: { dir: string; file: string; replace: boolean },
): Promise<void> {
  const source = file === STANDARD ? process.stdin : createReadStream(file);
  try {
    const restored = await restoreBackup({ clock: systemClock }, source, { dir, replace });
    const { org, backupAt, pairs, before } = restored;
    out.result({ dir, org, backupAt, pairs, ...(before === undefined ? {} : { before }) });
    out.line(`The bootstrap node of ${org} is restored to ${dir} as it was at ${backupAt}.`);
    if (before !== undefined) out.line(`What was there is now in ${before}.`);
    out.line("Invitations made before now are void: make new ones. Agents that joined after the backup have to join again.");
  } catch (cause) {
    if (systemCode(cause) !== "ENOENT" || file === STANDARD) throw cause;
    throw new GaggleError("NOT_FOUND", `There is no ${file}.`, { cause });
  }
}

/** Writes and reads backups of agents and of organisations' folders. */
import { backupHome } from "../../agent/backup/backup-home.ts";
import { archiveLines, newBackup, openBackupKey, ORG_FOLDER, recoveredMark, restoreFolder } from "../../agent/backup/folder-archive.ts";
import { readHeader, readSealed, writeSealed } from "../../agent/backup/sealed-stream.ts";
import { homePaths, readAgentConfig } from "../../agent/agent-config.ts";
import { connectDaemon } from "../../client/connect-daemon.ts";
import { GaggleError } from "../../contract/errors.ts";
import { openLevelStore } from "../../store/level-store.ts";
import { unlink } from "node:fs/promises";
import { readOrg } from "../org/org-folder.ts";

/**
 * Backs an agent up: its daemon does where it runs, since only one process may have the store.
 * @throws GaggleError NOT_JOINED, INVALID_INPUT for a short passphrase, KEYS_LOCKED, CONFLICT where there is such a file
 */
export async function backupAgent(home: string, file: string, passphrase: string): Promise<void> {
  await readAgentConfig(home);
  const { header, key } = await newBackup("agent", passphrase, Date.now());
  const request = { file, header, key: Buffer.from(key).toString("base64url") };
  const daemon = await runningDaemon(home);
  if (daemon !== undefined) {
    await daemon.call("daemon.backup", request).finally(() => daemon.close());
    return;
  }
  const store = await openLevelStore(homePaths(home).store);
  try {
    await backupHome(home, store.snapshot(), request);
  } finally {
    await store.close();
  }
}

async function runningDaemon(home: string) {
  try {
    return await connectDaemon({ home, program: "gaggle" });
  } catch (error) {
    if (error instanceof GaggleError && error.code === "DAEMON_UNREACHABLE") return undefined;
    throw error;
  }
}

/** Backs an organisation's folder up, without the node's store. @throws GaggleError NOT_FOUND, INVALID_INPUT, KEYS_LOCKED, CONFLICT where there is such a file */
export async function backupOrg(dir: string, file: string, passphrase: string): Promise<void> {
  await readOrg(dir);
  const { header, key } = await newBackup("org", passphrase, Date.now());
  await writeSealed(file, header, key, archiveLines(dir, ORG_FOLDER, undefined));
}

/**
 * Puts a folder together from a backup; its keys are then kept as this machine keeps keys.
 * @throws GaggleError CREDENTIAL_INVALID (passphrase, or damaged), CONFLICT (the folder is not empty), INVALID_INPUT (a backup of something else)
 */
export async function recoverFolder(dir: string, kind: "agent" | "org", file: string, passphrase: string): Promise<{ createdAt: string }> {
  const opened = await openBackupKey(await readHeader(file), passphrase);
  if (opened.kind !== kind) {
    const named = opened.kind === "org" ? "an organisation's folder; name where it goes with --org" : "an agent; leave --org out";
    throw new GaggleError("INVALID_INPUT", `This is the backup of ${named}.`);
  }
  await restoreFolder(dir, kind === "agent" ? "config.json" : "org.json", opened.createdAt, readSealed(file, opened.key));
  // Nobody else has an organisation's folder; an agent's mark stays until its first start was confirmed.
  if (kind === "org") await unlink(recoveredMark(dir));
  return { createdAt: opened.createdAt };
}

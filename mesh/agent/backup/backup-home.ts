/** Writes the backup of an agent's home; while the daemon runs, the daemon does. */
import type { DaemonRequest } from "../../contract/daemon-api.ts";
import { archiveLines, AGENT_HOME } from "./folder-archive.ts";
import { writeSealed } from "./sealed-stream.ts";

/**
 * Writes it.
 * @param pairs of the store as it is at one moment
 * @throws GaggleError KEYS_LOCKED, CONFLICT where there is such a file; what the system says where the file can't be written
 */
export async function backupHome(
  home: string,
  pairs: AsyncIterable<[string, string]>,
  { file, header, key }: DaemonRequest<"daemon.backup">,
): Promise<{ ok: true }> {
  await writeSealed(file, header, Buffer.from(key, "base64url"), archiveLines(home, AGENT_HOME, pairs));
  return { ok: true };
}

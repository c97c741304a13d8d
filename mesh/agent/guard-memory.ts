/**
 * Where the guard keeps what it found in texts that came more than once: `guard-memory` in the agent's home, mode 0600. Keyed hashes and spans,
 * encrypted under a key of this agent: no text, no value. After a restart Goose's system prompt is then not looked through again.
 */
import { hkdfSync } from "node:crypto";
import { join } from "node:path";
import type { DetectionMemory } from "../../guard/detect/create-detection.ts";
import { readPrivateText, writePrivateFile } from "../store/private-file.ts";

/** What the memory belongs to. */
export interface GuardMemoryConfig {
  readonly path: string;
  /** 32 bytes that only this agent has; when they change, the old memory can't be read any more. */
  readonly key: Uint8Array;
  /** Gaggle's install folder. */
  readonly installDir: string;
  readonly version: string;
}

/** Opens the memory. What another build of Gaggle found, by other rules, can't be read: its secret is another one. */
export async function openGuardMemory({ path, key, installDir, version }: GuardMemoryConfig): Promise<DetectionMemory> {
  const build = (await readPrivateText(join(installDir, "dist", ".built-from"))) ?? "";
  return {
    secret: new Uint8Array(hkdfSync("sha256", key, new Uint8Array(), `gaggle guard memory ${version} ${build.slice(0, 200)}`, 32)),
    load: () => readPrivateText(path),
    save: (sealed) => writePrivateFile(path, sealed),
  };
}

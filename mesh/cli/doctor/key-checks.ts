/** Check of how the keys on this disk are kept. */
import { homePaths } from "../../agent/agent-config.ts";
import { openFolderKey, protectionOf } from "../../identity/at-rest/folder-key.ts";
import { processKeySources } from "../../identity/at-rest/key-sources.ts";
import { PROTECTION_GAPS, PROTECTION_WORDS } from "../key-words.ts";
import { type Check, ok, warn } from "./check.ts";

/** That the keys can be opened, and by what. @throws GaggleError KEYS_LOCKED */
export async function checkKeys(home: string): Promise<Check> {
  const { keys } = homePaths(home);
  await openFolderKey(keys, processKeySources());
  const by = await protectionOf(keys);
  const gap = PROTECTION_GAPS[by];
  return gap === undefined ? ok("keys", PROTECTION_WORDS[by]) : warn("keys", PROTECTION_WORDS[by], gap);
}

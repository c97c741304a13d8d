/** Remembers the findings of texts by their digest: a chat's history, Goose's system prompt and its tool definitions come again at every turn. */
import { sha256Hex } from "../../mesh/contract/json.ts";
import type { Finding } from "./finding.ts";

/** Texts shorter than this are looked at quicker than hashed. */
const MIN_LENGTH = 64;

/**
 * Wraps a pure search.
 * @param entries texts remembered; the one unused for longest goes first
 */
export function createFindingCache(search: (text: string) => Finding[], entries: number): (text: string) => readonly Finding[] {
  const held = new Map<string, readonly Finding[]>();
  return (text) => {
    if (text.length < MIN_LENGTH) return search(text);
    const key = sha256Hex(text);
    const findings = held.get(key) ?? search(text);
    held.delete(key);
    held.set(key, findings);
    const oldest = held.size > entries ? held.keys().next() : undefined;
    if (oldest?.done === false) held.delete(oldest.value);
    return findings;
  };
}

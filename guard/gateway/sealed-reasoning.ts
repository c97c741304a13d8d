/**
 * Reasoning that a model's server sealed, by signature or as ciphertext. It goes back exactly as it came, or not at all: the guard can't read
 * ciphertext, and a server refuses reasoning that was changed, be it only by another spelling of a token.
 */
import { sha256Hex } from "../../mesh/contract/json.ts";
import type { SealKeeper } from "./formats/format.ts";

/** What is remembered, bounded: what came first goes first. */
export interface SealedReasoning {
  /** The keeper of one session. */
  keeper(sessionId: string): SealKeeper;
  /** The text as the server sent it; undefined where it never did, or the client's text is another one. */
  unseal(sessionId: string, seal: string, shown: string): string | undefined;
}

/** Seals remembered, and characters of their texts. */
const MAX_SEALS = 2_000;
const MAX_CHARACTERS = 16_777_216;

/** Makes the memory. */
export function createSealedReasoning(): SealedReasoning {
  const kept = new Map<string, { original: string; shown: string }>();
  let characters = 0;
  const keyOf = (sessionId: string, seal: string): string => `${sha256Hex(seal)}${sessionId}`;
  const forgetOldest = (): void => {
    for (const [key, { original }] of kept) {
      if (kept.size <= MAX_SEALS && characters <= MAX_CHARACTERS) return;
      kept.delete(key);
      characters -= original.length;
    }
  };
  return {
    keeper: (sessionId) => ({
      keep: (seal, original, shown) => {
        const key = keyOf(sessionId, seal);
        characters += original.length - (kept.get(key)?.original.length ?? 0);
        kept.delete(key);
        kept.set(key, { original, shown: sha256Hex(shown) });
        forgetOldest();
      },
    }),
    unseal: (sessionId, seal, shown) => {
      const held = kept.get(keyOf(sessionId, seal));
      return held?.shown === sha256Hex(shown) ? held.original : undefined;
    },
  };
}

/**
 * Reasoning that a model's server sealed, by signature or as ciphertext. It goes back exactly as it came, or not at all: the guard can't read
 * ciphertext, and a server refuses reasoning that was changed, be it only by another spelling of a token.
 */
import { sha256Hex } from "../../mesh/contract/json.ts";
import type { SealKeeper } from "./formats/format.ts";

/** What is remembered, bounded: what came first goes first. */
export interface SealedReasoning {
  /** The keeper for one session and one model's server. @param owner names both */
  keeper(owner: string): SealKeeper;
  /** The text as the server sent it; undefined where this server never did in this session, or the client's text is another one. */
  unseal(owner: string, seal: string, shown: string): string | undefined;
}

/** Seals remembered, and characters of their texts. */
const MAX_SEALS = 2_000;
const MAX_CHARACTERS = 16_777_216;

/** Makes the memory. */
export function createSealedReasoning(): SealedReasoning {
  const kept = new Map<string, { original: string; shown: string }>();
  let characters = 0;
  const keyOf = (owner: string, seal: string): string => `${sha256Hex(seal)}${owner}`;
  const forgetOldest = (): void => {
    for (const [key, { original }] of kept) {
      if (kept.size <= MAX_SEALS && characters <= MAX_CHARACTERS) return;
      kept.delete(key);
      characters -= original.length;
    }
  };
  return {
    keeper: (owner) => ({
      keep: (seal, original, shown) => {
        const key = keyOf(owner, seal);
        characters += original.length - (kept.get(key)?.original.length ?? 0);
        kept.delete(key);
        kept.set(key, { original, shown: sha256Hex(shown) });
        forgetOldest();
      },
    }),
    unseal: (owner, seal, shown) => {
      const held = kept.get(keyOf(owner, seal));
      return held?.shown === sha256Hex(shown) ? held.original : undefined;
    },
  };
}

/**
 * Seals token→value pairs to one agent's key. The envelope that carries the seal is signed; id and sender stand inside too, so that a seal counts in
 * no other envelope. docs/decisions/0064-mesh-boundary.md
 */
import { z } from "zod";
import { GaggleError } from "../../mesh/contract/errors.ts";
import { agentId, uuid } from "../../mesh/contract/ids.ts";
import type { Pair } from "./mask-tree.ts";
import { openJson, type OpenKey, type SealKey, sealJson } from "./sealed-json.ts";

const TYP = "gaggle-pairs+jwe";

/** The envelope that a seal belongs to. */
export interface SealedIn {
  readonly id: string;
  readonly from: string;
  readonly to: string;
}

/** A pair as it is sealed. What stood as a JSON number goes back as exactly that number. */
export const sealedPair = z
  .tuple([z.string().max(100), z.string(), z.boolean()])
  .refine(([, text, isNumber]) => !isNumber || JSON.stringify(Number(text)) === text, "this is no number");

const content = z.strictObject({
  v: z.literal(1),
  id: uuid,
  from: agentId,
  to: agentId,
  pairs: z.array(sealedPair),
});

/** Seals pairs to the receiver's key. */
export const sealPairs = (pairs: readonly Pair[], { id, from, to }: SealedIn, key: SealKey): Promise<string> =>
  sealJson(TYP, { v: 1, id, from, to, pairs }, key);

const invalid = (): GaggleError =>
  new GaggleError(
    "ENVELOPE_INVALID",
    "The sealed values of the message can't be opened with this agent's key, or belong to another message; send it again.",
  );

/**
 * Opens a seal.
 * @param envelope the envelope that it came in, its signature checked
 * @throws GaggleError ENVELOPE_INVALID for anything but a seal to this key for exactly this envelope
 */
export async function openPairs(sealed: string, envelope: SealedIn, key: OpenKey): Promise<Pair[]> {
  const opened = await openJson(TYP, sealed, key, content);
  if (opened === undefined || opened.id !== envelope.id || opened.from !== envelope.from || opened.to !== envelope.to) throw invalid();
  return opened.pairs;
}

/**
 * Seals what the tokens in a masked file stand for to one agent's key. Task, file and both agents stand inside, so that a seal counts for no other
 * file. docs/decisions/0088-artifacts.md
 */
import { z } from "zod";
import { GaggleError } from "../../mesh/contract/errors.ts";
import { agentId, sha256, uuid } from "../../mesh/contract/ids.ts";
import type { Pair } from "./mask-tree.ts";
import { openJson, type OpenKey, type SealKey, sealJson } from "./sealed-json.ts";
import { sealedPair } from "./seal-pairs.ts";

const TYP = "gaggle-file-pairs+jwe";

/** The file that a seal belongs to. */
export interface SealedFile {
  readonly taskId: string;
  /** SHA-256 of the masked file. */
  readonly file: string;
  readonly from: string;
  readonly to: string;
}

const content = z.strictObject({ v: z.literal(1), taskId: uuid, file: sha256, from: agentId, to: agentId, pairs: z.array(sealedPair) });

/** Seals pairs to the receiver's key. @returns compact JWE */
export const sealFile = (pairs: readonly Pair[], { taskId, file, from, to }: SealedFile, key: SealKey): Promise<string> =>
  sealJson(TYP, { v: 1, taskId, file, from, to, pairs }, key);

/** Opens a seal. @throws GaggleError ENVELOPE_INVALID for anything but a seal to this key for exactly this file */
export async function openFile(sealed: string, expected: SealedFile, key: OpenKey): Promise<Pair[]> {
  const opened = await openJson(TYP, sealed, key, content);
  const { taskId, file, from, to } = expected;
  if (opened === undefined || opened.taskId !== taskId || opened.file !== file || opened.from !== from || opened.to !== to)
    throw new GaggleError(
      "ENVELOPE_INVALID",
      "The sealed values of this file can't be opened with this agent's key, or belong to another file; ask for it again.",
    );
  return opened.pairs;
}

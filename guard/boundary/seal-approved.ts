/**
 * Seals how the files of a task were named in what was approved to one agent's key: names and hashes of what is masked on its way. The envelope that
 * carries the seal is signed; id and both agents stand inside too, so that a seal counts in no other. docs/decisions/0134-approved-files-are-compared.md
 */
import { z } from "zod";
import { type ArtifactRef, artifactRefs } from "../../mesh/contract/artifact.ts";
import { GaggleError } from "../../mesh/contract/errors.ts";
import { agentId, uuid } from "../../mesh/contract/ids.ts";
import type { SealedIn } from "./seal-pairs.ts";
import { openJson, type OpenKey, type SealKey, sealJson } from "./sealed-json.ts";

const TYP = "gaggle-approved-files+jwe";

const content = z.strictObject({ v: z.literal(1), id: uuid, from: agentId, to: agentId, files: artifactRefs });

/** Seals them to the receiver's key. @param files in the message's order @returns compact JWE */
export const sealApproved = (files: readonly ArtifactRef[], { id, from, to }: SealedIn, key: SealKey): Promise<string> =>
  sealJson(TYP, { v: 1, id, from, to, files }, key);

/** Opens a seal. @throws GaggleError ENVELOPE_INVALID for anything but a seal to this key for exactly this envelope */
export async function openApproved(sealed: string, envelope: SealedIn, key: OpenKey): Promise<ArtifactRef[]> {
  const opened = await openJson(TYP, sealed, key, content);
  if (opened === undefined || opened.id !== envelope.id || opened.from !== envelope.from || opened.to !== envelope.to)
    throw new GaggleError(
      "ENVELOPE_INVALID",
      "What was approved of the files of the message can't be opened with this agent's key, or belongs to another message; send it again.",
    );
  return opened.files;
}

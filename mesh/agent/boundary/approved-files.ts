/**
 * Files of a task that was approved: its sender says, sealed, how they were named in what was approved, and the receiver compares what it puts back.
 * docs/decisions/0134-approved-files-are-compared.md
 */
import { openApproved } from "../../../guard/boundary/seal-approved.ts";
import type { OpenKey } from "../../../guard/boundary/sealed-json.ts";
import type { ArtifactRef } from "../../contract/artifact.ts";
import { GaggleError } from "../../contract/errors.ts";
import type { OpenedEnvelope } from "../../delivery/envelope.ts";

/** Media types of text that say nothing beside what kind of text it is. */
const PLAIN_TYPES = /^(?:text\/(?:csv|html|markdown|plain|tab-separated-values|xml|yaml)|application\/(?:json|xml|yaml))$/;

/** The media type of a text as it leaves: whoever attached the file may have written anything into it. */
export function plainType(mediaType: string): string {
  const [type = ""] = mediaType.split(";");
  return PLAIN_TYPES.test(type.trim()) ? type.trim() : "text/plain";
}

/** Whether a file could be the approved one, as it left: its name and content are compared where it is used. */
const isSameKind = (came: ArtifactRef, approved: ArtifactRef | undefined): boolean =>
  approved !== undefined && (came.mediaType === approved.mediaType || came.mediaType === plainType(approved.mediaType));

/** The envelope with what it says of approved files. @throws GaggleError ENVELOPE_INVALID for a seal that is not for this agent and envelope, or of other files */
export async function withApprovedFiles(opened: OpenedEnvelope, key: OpenKey): Promise<OpenedEnvelope> {
  const { approvedFiles: sealed, message, id, from, to } = opened.claims;
  if (sealed === undefined || message.type !== "task.request") return opened;
  const approvedFiles = await openApproved(sealed, { id, from, to }, key);
  const { artifacts = [] } = message;
  if (approvedFiles.length !== artifacts.length || !artifacts.every((came, i) => isSameKind(came, approvedFiles[i])))
    throw new GaggleError("ENVELOPE_INVALID", "The files of the message are not those that were approved with it; send it again.");
  return { ...opened, approvedFiles };
}

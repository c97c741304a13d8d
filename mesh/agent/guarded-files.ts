/**
 * Files as they leave their department and as they are used in another: texts only, masked, their values sealed beside them for a receiver that may
 * have them, and put back where a person saves the file or a run gets it. docs/decisions/0088-artifacts.md
 */
import { storeContent } from "../artifact/import-file.ts";
import { type ArtifactRef, artifactRef, type FileValues, MAX_FILE_VALUES_BYTES } from "../contract/artifact.ts";
import { GaggleError } from "../contract/errors.ts";
import type { Principal } from "../contract/identity.ts";
import type { Message } from "../contract/message.ts";
import type { BlobStore } from "../contract/ports.ts";
import type { OutboxRecord } from "../delivery/outbox-record.ts";
import { leavingQuestion } from "../enforcement/message-question.ts";
import { isTextType } from "../session/results.ts";
import type { FileBoundary } from "./boundary/file-boundary.ts";

/** Largest text that is masked as it leaves the department. */
const MAX_TEXT_BYTES = 1_048_576;
/** Largest masked text that is used here: masked, a text may be longer. */
const MAX_MASKED_BYTES = 4 * MAX_TEXT_BYTES;
/** Files kept as they left, so that a try again costs nothing. */
const MAX_LEFT = 1_000;

/** A file as its message names it, and the blob with its values, where there is one. */
export interface LeftFile {
  readonly ref: ArtifactRef;
  readonly values?: FileValues;
}

/** A file of a task, as it came. */
export interface CameFile {
  readonly ref: ArtifactRef;
  readonly taskId: string;
  readonly sender: Principal;
  readonly values?: FileValues | undefined;
}

/** What it needs. */
export interface GuardedFilesDeps {
  readonly self: Principal;
  readonly blobs: BlobStore;
  readonly boundary: FileBoundary;
  /** Version of the bundle in force. */
  version(): number;
}

type Leaving = Pick<OutboxRecord, "to" | "mask" | "asked">;

const refuse = (why: string): GaggleError => new GaggleError("GUARD_REFUSED", `A file ${why}, so it doesn't pass between departments.`);

/** A name as it may stand in a message; a masked one may have grown too long, one with values put back may be none. */
const nameOr = (name: string, other: string): string => (artifactRef.shape.name.safeParse(name).success ? name : other);

/** Media types of text that say nothing beside what kind of text it is. */
const PLAIN_TYPES = /^(?:text\/(?:csv|html|markdown|plain|tab-separated-values|xml|yaml)|application\/(?:json|xml|yaml))$/;

/** The media type as it leaves: whoever attached the file may have written anything into it. */
const plainType = (mediaType: string): string => {
  const [type = ""] = mediaType.split(";");
  return PLAIN_TYPES.test(type.trim()) ? type.trim() : "text/plain";
};

/** Makes it. */
export function createGuardedFiles({ self, blobs, boundary, version }: GuardedFilesDeps) {
  const left = new Map<string, Promise<LeftFile>>();

  const textOf = async ({ sha256, mediaType, bytes }: ArtifactRef, maxBytes: number): Promise<string> => {
    if (!isTextType(mediaType)) throw refuse("that is no text can't be looked through");
    if (bytes > maxBytes) throw refuse("of this size can't be looked through");
    const content = await blobs.read(sha256, 0, bytes);
    try {
      return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(content);
    } catch {
      throw refuse("that is no UTF-8 text can't be looked through");
    }
  };

  const store = (text: string): Promise<Pick<ArtifactRef, "bytes" | "sha256" | "chunks">> => {
    const bytes = Buffer.from(text);
    async function* once() {
      yield bytes;
    }
    return storeContent(blobs, once);
  };

  const mask = async (
    ref: ArtifactRef,
    { to, mask: classes, asked }: Leaving,
    message: Message & { taskId: string },
  ): Promise<LeftFile> => {
    const { taskId } = message;
    const leaving = { to, taskId, mask: classes, context: asked, question: leavingQuestion(message) };
    const file = { name: ref.name, text: await textOf(ref, MAX_TEXT_BYTES) };
    const { name, text, given } = await boundary.maskFile(leaving, file);
    const known = { name: nameOr(name, "file.txt"), mediaType: plainType(ref.mediaType) };
    const masked = { ...known, ...(await store(text)) };
    if (given.length === 0) return { ref: masked };
    const sealed = await boundary.sealFileValues(given, { to, taskId, file: masked.sha256 });
    return sealed.length > MAX_FILE_VALUES_BYTES
      ? { ref: masked }
      : { ref: masked, values: { file: masked.sha256, ...(await store(sealed)) } };
  };

  return {
    /** A file as it leaves with a message. @throws GaggleError GUARD_REFUSED, POLICY_DENIED, PEER_UNREACHABLE */
    async leave(ref: ArtifactRef, record: Leaving, message: Message & { taskId: string }): Promise<LeftFile> {
      const { to, mask: classes = [] } = record;
      if (to.department === self.department && classes.length === 0) return { ref };
      const key = JSON.stringify([ref.sha256, ref.name, ref.mediaType, to.agentId, message.type, message.taskId, classes, version()]);
      const made = left.get(key) ?? mask(ref, record, message);
      left.set(key, made);
      // A failure is not remembered: the next try looks again.
      made.catch(() => left.delete(key));
      const [oldest] = left.keys();
      if (left.size > MAX_LEFT && oldest !== undefined) left.delete(oldest);
      return made;
    },

    /** A file as it is used here; undefined where it is used as it came. Its blobs are here. @throws GaggleError GUARD_REFUSED, ENVELOPE_INVALID */
    async open({ ref, taskId, sender, values }: CameFile): Promise<{ name: string; bytes: Uint8Array } | undefined> {
      if (sender.department === self.department && values === undefined) return undefined;
      const masked = { name: ref.name, text: await textOf(ref, MAX_MASKED_BYTES) };
      const sealed = values && Buffer.from(await blobs.read(values.sha256, 0, values.bytes)).toString("latin1");
      const { name, text } = await boundary.openFile({ sender, taskId, file: ref.sha256, sealed }, masked);
      return { name: nameOr(name, ref.name), bytes: Buffer.from(text) };
    },
  };
}

/**
 * Files as they leave their department and as they are used in another: texts only, masked, their values sealed beside them for a receiver that may
 * have them, and put back where a person saves the file or a run gets it. docs/decisions/0088-artifacts.md
 */
import { approvedHash } from "../artifact/artifact-book.ts";
import { storeContent } from "../artifact/import-file.ts";
import { type ArtifactRef, artifactRef, type FileValues, MAX_FILE_VALUES_BYTES } from "../contract/artifact.ts";
import { GaggleError } from "../contract/errors.ts";
import type { Principal } from "../contract/identity.ts";
import { canonicalHash, sha256Hex } from "../contract/json.ts";
import type { Message } from "../contract/message.ts";
import type { BlobStore } from "../contract/ports.ts";
import type { OutboxRecord } from "../delivery/outbox-record.ts";
import { leavingQuestion } from "../enforcement/message-question.ts";
import { isTextType } from "../session/results.ts";
import { plainType } from "./boundary/approved-files.ts";
import type { FileBoundary } from "./boundary/file-boundary.ts";
import { isApproved } from "./boundary/whole-or-not.ts";

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
  /** Whether its receiver can put back exactly what it was. */
  readonly isWhole: boolean;
}

/** A file of a task, as it came. */
export interface CameFile {
  readonly ref: ArtifactRef;
  readonly taskId: string;
  readonly sender: Principal;
  readonly values?: FileValues | undefined;
  /** Hash of what was approved of it, as `approvedHash` makes it; left out where nothing was. */
  readonly approved?: string | undefined;
}

/** A file with its values put back. */
interface UsedFile {
  readonly name: string;
  readonly bytes: Uint8Array;
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

const notApproved = (): GaggleError =>
  new GaggleError(
    "APPROVAL_INVALID",
    "The file is not as it was approved: a value in it may not be put back here, or its sender changed it. Let policy restore it here (guard.restore), or ask for the task and its approval anew.",
  );

/** A name as it may stand in a message; a masked one may have grown too long, one with values put back may be none. */
const nameOr = (name: string, other: string): string => (artifactRef.shape.name.safeParse(name).success ? name : other);

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
    const { name, text, given, isWhole } = await boundary.maskFile(leaving, file);
    const known = { name: nameOr(name, "file.txt"), mediaType: plainType(ref.mediaType) };
    const masked = { ...known, ...(await store(text)) };
    const isSame = isWhole && known.name === name;
    if (given.length === 0) return { ref: masked, isWhole: isSame };
    const sealed = await boundary.sealFileValues(given, { to, taskId, file: masked.sha256 });
    return sealed.length > MAX_FILE_VALUES_BYTES
      ? { ref: masked, isWhole: false }
      : { ref: masked, isWhole: isSame, values: { file: masked.sha256, ...(await store(sealed)) } };
  };

  const open = async ({ ref, taskId, sender, values }: CameFile): Promise<UsedFile | undefined> => {
    if (sender.department === self.department && values === undefined) return undefined;
    const masked = { name: ref.name, text: await textOf(ref, MAX_MASKED_BYTES) };
    const sealed = values && Buffer.from(await blobs.read(values.sha256, 0, values.bytes)).toString("latin1");
    const { name, text } = await boundary.openFile({ sender, taskId, file: ref.sha256, sealed }, masked);
    return { name: nameOr(name, ref.name), bytes: Buffer.from(text) };
  };

  return {
    /** A file as it leaves with a message. @throws GaggleError GUARD_REFUSED, POLICY_DENIED, PEER_UNREACHABLE */
    async leave(ref: ArtifactRef, record: Leaving, message: Message & { taskId: string }): Promise<LeftFile> {
      const { to, mask: classes = [] } = record;
      if (to.department === self.department && classes.length === 0) return { ref, isWhole: true };
      const key = JSON.stringify([ref.sha256, ref.name, ref.mediaType, to.agentId, message.type, message.taskId, classes, version()]);
      const made = left.get(key) ?? mask(ref, record, message);
      left.set(key, made);
      // A failure is not remembered: the next try looks again.
      made.catch(() => left.delete(key));
      const [oldest] = left.keys();
      if (left.size > MAX_LEFT && oldest !== undefined) left.delete(oldest);
      return made;
    },

    /**
     * What an approved task says of files that were masked on their way.
     * @throws GaggleError POLICY_DENIED where its receiver has to compare a file with what was approved and can't put it back
     */
    async approved(
      { id, to, asked }: Pick<OutboxRecord, "id" | "to" | "asked">,
      message: Message & { readonly artifacts: readonly ArtifactRef[] },
      left: readonly LeftFile[],
    ): Promise<{ approvedFiles?: string }> {
      const { artifacts } = message;
      if (!isApproved(message) || canonicalHash(artifacts) === canonicalHash(left.map(({ ref }) => ref))) return {};
      if (left.every(({ isWhole }) => isWhole)) return { approvedFiles: await boundary.sealApproved(artifacts, { id, to }) };
      boundary.assertMayLack({ to, message, context: asked });
      return {};
    },

    /**
     * A file as it is used here; undefined where it is used as it came. Its blobs are here.
     * @throws GaggleError GUARD_REFUSED, ENVELOPE_INVALID, APPROVAL_INVALID where it is not as it was approved
     */
    async open(came: CameFile): Promise<UsedFile | undefined> {
      const used = await open(came);
      const { ref, taskId, sender, approved } = came;
      const { name, sha256 } = used === undefined ? ref : { name: used.name, sha256: sha256Hex(used.bytes) };
      if (approved === undefined || approved === approvedHash({ name, sha256 })) return used;
      await boundary.noteUnapproved({ sender, taskId, file: ref.sha256 });
      throw notApproved();
    },
  };
}

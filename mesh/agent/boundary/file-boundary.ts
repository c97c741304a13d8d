/**
 * What the boundary does with the text of a file: masked as it leaves, its values sealed beside it, and put back where it is used, by the same rules
 * as a message's content. docs/decisions/0088-artifacts.md
 */
import type { Held } from "../../../guard/boundary/look-inside.ts";
import type { Pair } from "../../../guard/boundary/mask-tree.ts";
import { openFile, type SealedFile, sealFile } from "../../../guard/boundary/seal-file.ts";
import { sealApproved } from "../../../guard/boundary/seal-approved.ts";
import type { OpenKey, SealKey } from "../../../guard/boundary/sealed-json.ts";
import type { ArtifactRef } from "../../contract/artifact.ts";
import { actorOf, type AuditDraft } from "../../contract/audit.ts";
import type { Principal } from "../../contract/identity.ts";
import type { Json } from "../../contract/json.ts";
import type { PolicyContext } from "../../contract/ports.ts";
import type { MessageQuestion } from "../../enforcement/message-question.ts";
import type { Opening } from "./opening.ts";
import type { OpenContent } from "./open-content.ts";
import { isWhole, type WholeCheck } from "./whole-or-not.ts";

/** Most values that go along with one file. */
export const MAX_FILE_VALUES = 20_000;

/** Content that leaves: to whom, under which matter, and what the audit says it belongs to. */
export interface LeavingContent {
  readonly to: Principal;
  /** Tokens of one matter are the same in all that leaves for it. */
  readonly ref: string;
  readonly question?: MessageQuestion | undefined;
  /** Under which circumstances policy let it go. */
  readonly context?: PolicyContext | undefined;
  /** Classes that policy obliged to mask, within the department too. */
  readonly mask?: readonly string[] | undefined;
  readonly target: string;
  readonly traceId: string;
  readonly maxSealed?: number;
}

/** Masks and records. `given`: the values that the receiver may have. */
export type MaskContent = (leaving: LeavingContent, content: Json) => Promise<{ content: Json; isMasked: boolean; given: readonly Pair[] }>;

/** A file's name and text. */
export interface FileText {
  readonly name: string;
  readonly text: string;
}

/** What the boundary does with files. */
export interface FileBoundary {
  /** A file as it leaves with a task. `isWhole`: what is given puts back exactly the file. @throws GaggleError GUARD_REFUSED where it could not be looked through, POLICY_DENIED with what is in it */
  maskFile(
    leaving: Pick<LeavingContent, "to" | "question" | "context" | "mask"> & { readonly taskId: string },
    file: FileText,
  ): Promise<FileText & { readonly given: readonly Pair[]; readonly isWhole: boolean }>;
  /** How a task's files were named in what was approved, for its receiver. @throws GaggleError PEER_UNREACHABLE where the receiver's key is not known yet */
  sealApproved(files: readonly ArtifactRef[], envelope: { readonly id: string; readonly to: Principal }): Promise<string>;
  /** A task whose files can't all be put back as they were. @throws GaggleError POLICY_DENIED where its receiver has to compare them with what was approved */
  assertMayLack: WholeCheck;
  /** Records that a file was not used, since it is not as it was approved. */
  noteUnapproved(came: { readonly sender: Principal; readonly taskId: string; readonly file: string }): Promise<void>;
  /** The values of a masked file, for its receiver. @throws GaggleError PEER_UNREACHABLE where the receiver's key is not known yet */
  sealFileValues(pairs: readonly Pair[], file: { readonly to: Principal; readonly taskId: string; readonly file: string }): Promise<string>;
  /**
   * A file as it is used here.
   * @param came `sealed` is what its sender sealed of it
   * @throws GaggleError GUARD_REFUSED where it could not be looked through, ENVELOPE_INVALID for a seal of another file or agent
   */
  openFile(
    came: { readonly sender: Principal; readonly taskId: string; readonly file: string; readonly sealed?: string | undefined },
    file: FileText,
  ): Promise<FileText>;
}

/** What it needs. */
export interface FileBoundaryDeps {
  readonly self: Principal;
  readonly openKey: OpenKey;
  readonly maskContent: MaskContent;
  readonly open: OpenContent;
  sealKey(to: Principal): SealKey;
  readonly assertMayLack: WholeCheck;
  newTrace(): string;
  record(drafts: readonly AuditDraft[]): Promise<void>;
  /** Told which values of a task's files are here. */
  keepOfFile(taskId: string, from: string, values: readonly Held[]): Promise<void>;
}

const fileOf = (content: Json): FileText => {
  const [name, text] = Array.isArray(content) ? content : [];
  return { name: typeof name === "string" ? name : "", text: typeof text === "string" ? text : "" };
};

const listed = (name: string, values: readonly string[] = []): Readonly<Record<string, string>> =>
  values.length === 0 ? {} : { [name]: values.join(",").slice(0, 500) };

/** Makes it. */
export function createFileBoundary(deps: FileBoundaryDeps): FileBoundary {
  const { self } = deps;
  const actor = actorOf(self);

  const restoreDraft = (sender: Principal, file: string, { note }: Opening): Omit<AuditDraft, "target" | "traceId"> => ({
    actor,
    action: "guard.restore",
    result: note.decision.allowed && note.withheld === undefined ? "ok" : "denied",
    details: {
      file,
      from: sender.agentId,
      fromSubject: sender.subject,
      fromDepartment: sender.department,
      rules: note.decision.rules.join(",").slice(0, 500),
      policyHash: note.decision.policyHash,
      ...listed("withheld", note.withheld),
      ...listed("misnamed", note.misnamed),
    },
    redactions: [...note.redactions],
  });

  return {
    async maskFile({ taskId, ...leaving }, { name, text }) {
      const task = { ref: taskId, target: `task:${taskId}`, traceId: deps.newTrace(), maxSealed: MAX_FILE_VALUES };
      const { content, given } = await deps.maskContent({ ...leaving, ...task }, [name, text]);
      return { ...fileOf(content), given, isWhole: isWhole([name, text], content, given) };
    },
    sealApproved: (files, { id, to }) => sealApproved(files, { id, from: self.agentId, to: to.agentId }, deps.sealKey(to)),
    assertMayLack: deps.assertMayLack,
    noteUnapproved: ({ sender, taskId, file }) => {
      const details = { file, from: sender.agentId, fromSubject: sender.subject, code: "APPROVAL_INVALID" };
      const traceId = deps.newTrace();
      return deps.record([{ actor, action: "approval.check", target: `task:${taskId}`, result: "denied", details, traceId }]);
    },
    sealFileValues: (pairs, { to, taskId, file }) => {
      const belongs: SealedFile = { taskId, file, from: self.agentId, to: to.agentId };
      return sealFile(pairs, belongs, deps.sealKey(to));
    },
    async openFile({ sender, taskId, file, sealed }, { name, text }) {
      const belongs: SealedFile = { taskId, file, from: sender.agentId, to: self.agentId };
      const pairs = sealed === undefined ? undefined : await openFile(sealed, belongs, deps.openKey);
      const { content, opening, said } = await deps.open({ sender, masked: [name, text], pairs, ref: taskId });
      const denied = said.denied && said.details !== undefined ? [{ action: "data.release", details: { ...said.details, file } }] : [];
      const drafts = [
        ...(opening === undefined ? [] : [restoreDraft(sender, file, opening)]),
        ...denied.map((draft) => ({ ...draft, actor, result: "denied" as const })),
      ];
      if (opening !== undefined && opening.held.length > 0) await deps.keepOfFile(taskId, sender.agentId, opening.held);
      const traceId = deps.newTrace();
      if (drafts.length > 0) await deps.record(drafts.map((draft) => ({ ...draft, target: `task:${taskId}`, traceId })));
      return fileOf(content);
    },
  };
}

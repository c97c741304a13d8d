/**
 * Whether a task that was approved has to reach its receiver whole: where the receiver's policy wants the approval, it has to put back every value, or it
 * can't compare what came with what was approved. Asked by the sender before anything of the task leaves. docs/decisions/0134-approved-files-are-compared.md
 */
import { type Pair, restoreTree } from "../../../guard/boundary/mask-tree.ts";
import { GaggleError } from "../../contract/errors.ts";
import type { Principal } from "../../contract/identity.ts";
import { canonicalHash, type Json } from "../../contract/json.ts";
import type { Message } from "../../contract/message.ts";
import type { PolicyContext, PolicyEngine } from "../../contract/ports.ts";
import { receivingQuestion } from "../../enforcement/message-question.ts";

/** A task on its way. */
export interface ApprovedTask {
  readonly to: Principal;
  readonly message: Message;
  /** Under which circumstances policy let it go. */
  readonly context?: PolicyContext | undefined;
  /** Classes in it, as far as they are known. */
  readonly classes?: readonly string[];
}

/** Whether signed approvals go with a message. */
export const isApproved = (message: Message): boolean => message.type === "task.request" && (message.approvals?.length ?? 0) > 0;

/** Whether putting values back gives exactly what was masked. */
export const isWhole = (content: Json, masked: Json, given: readonly Pair[]): boolean =>
  canonicalHash(restoreTree(masked, given)) === canonicalHash(content);

/** Makes the check. It throws GaggleError POLICY_DENIED where the receiver has to compare and can't. */
export function createWholeCheck({ self, policy }: { readonly self: Principal; readonly policy: PolicyEngine }) {
  return ({ to, message, context, classes }: ApprovedTask): void => {
    const asked = receivingQuestion(message);
    if (asked === undefined || !isApproved(message)) return;
    const known = { ...context, ...(classes === undefined ? {} : { dataClasses: classes }) };
    const question = { ...asked, principal: self, target: to, targetRole: to.role, context: known };
    const { obligations = [] } = policy.decide(question, { keeps: ["mask", "approval"], counts: false });
    if (!obligations.some(({ kind }) => kind === "approval" || kind === "second-person")) return;
    throw new GaggleError(
      "POLICY_DENIED",
      "It was approved as it is, and its receiver may not have back all that is masked on the way, so it could not be compared with what was approved. " +
        "Let policy restore it there (guard.restore), or send it without these values and have that approved.",
    );
  };
}
/** The check. */
export type WholeCheck = ReturnType<typeof createWholeCheck>;

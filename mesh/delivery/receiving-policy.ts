/** What the receiver's own policy says of a message, and whether what it obliges to was kept by its sender. Sans-IO. Spec P1. */
import type { Principal } from "../contract/identity.ts";
import type { EnvelopeClaims } from "../contract/message.ts";
import type { Obligation, PolicyDecision, PolicyEngine, PolicyQuestion } from "../contract/ports.ts";
import { type Approver, type ApproverDecision, askAboutApprovers, counting, missingApprovals } from "../enforcement/approvers.ts";
import { receivingQuestion } from "../enforcement/message-question.ts";
import { messageAsApproved, type OpenedEnvelope } from "./envelope.ts";

/** What the decision needs. */
export interface ReceivingPolicyDeps {
  readonly policy: PolicyEngine;
  /** Whose signed approvals of exactly this message came with it; those that don't hold are left out. `dataClasses`: in what they approved. */
  approversOf?(from: Principal, message: EnvelopeClaims["message"], dataClasses?: readonly string[]): readonly Approver[];
  /** SHA-256 of the recipe that a skill of this agent's role runs. */
  recipeHashOf?(skill: string): string | undefined;
}

/** A question with its answer. */
export interface Received {
  readonly question: PolicyQuestion;
  readonly decision: PolicyDecision;
  /** Whose signed approvals came with it and whom policy lets decide. */
  readonly approvers: readonly Approver[];
  /** What policy says of each whose approval came with it. */
  readonly signed: readonly ApproverDecision[];
}

/** Within a department no guard has looked; there masking is the sender's to keep. */
const isUnmasked = (obligation: Obligation, { found }: OpenedEnvelope): boolean =>
  obligation.kind === "mask" && (found?.unmasked ?? []).some((name) => obligation.classes.includes(name));

/** What the sender should have kept and did not; undefined where there is nothing. */
function whyUnkept(decision: PolicyDecision, opened: OpenedEnvelope, from: Principal, approvers: readonly Approver[]): string | undefined {
  const [missing] = missingApprovals(decision, approvers, from.subject);
  if (missing !== undefined) return `It came without a signed approval by ${missing} of exactly what it asks.`;
  const isBare = (decision.obligations ?? []).some((one) => isUnmasked(one, opened));
  return isBare ? "It came with classes unmasked that have to be masked." : undefined;
}

/** Makes it. `undefined` for messages that only continue what is known here. */
export function createReceivingPolicy({ policy, approversOf, recipeHashOf }: ReceivingPolicyDeps, self: Principal) {
  return (opened: OpenedEnvelope, from: Principal): Received | undefined => {
    const { message } = opened.claims;
    const asked = receivingQuestion(message);
    if (asked === undefined) return undefined;
    // Whoever asked and whoever signed may have changed their daemons: that this person may decide on this is asked here again.
    const signed = askAboutApprovers(policy, approversOf?.(from, messageAsApproved(opened), opened.approved) ?? [], from);
    const approvers = counting(signed);
    const recipeHash = message.type === "task.request" && message.skill !== undefined ? recipeHashOf?.(message.skill) : undefined;
    const question: PolicyQuestion = {
      ...asked,
      principal: from,
      target: self,
      targetRole: self.role,
      context: {
        participants: [from.subject, ...approvers.map(({ subject }) => subject)],
        ...(opened.found === undefined ? {} : { dataClasses: opened.found.classes }),
        ...(recipeHash === undefined ? {} : { recipeHash }),
      },
    };
    // A session's state comes again at every change.
    const decision = policy.decide(question, { keeps: ["mask", "approval"], counts: message.type !== "session.state" });
    const unkept = decision.allowed ? whyUnkept(decision, opened, from, approvers) : undefined;
    if (unkept === undefined) return { question, decision, approvers, signed };
    return { question, approvers, signed, decision: { ...decision, allowed: false, reason: `${decision.reason} ${unkept}` } };
  };
}

/** What the receiver's own policy says of a message, and whether what it obliges to was kept by its sender. Sans-IO. Spec P1. */
import type { Principal } from "../contract/identity.ts";
import type { EnvelopeClaims } from "../contract/message.ts";
import type { Obligation, PolicyDecision, PolicyEngine, PolicyQuestion } from "../contract/ports.ts";
import { receivingQuestion } from "../enforcement/message-question.ts";
import type { OpenedEnvelope } from "./envelope.ts";

/** Who has signed that a message may be done. */
export interface Approver {
  readonly subject: string;
  readonly role: string;
}

/** What the decision needs. */
export interface ReceivingPolicyDeps {
  readonly policy: PolicyEngine;
  /** Whose signed approvals of exactly this message came with it; those that don't hold are left out. */
  approversOf?(from: Principal, message: EnvelopeClaims["message"]): readonly Approver[];
  /** SHA-256 of the recipe that a skill of this agent's role runs. */
  recipeHashOf?(skill: string): string | undefined;
}

/** A question with its answer. */
export interface Received {
  readonly question: PolicyQuestion;
  readonly decision: PolicyDecision;
}

const isKept = (obligation: Obligation, { found }: OpenedEnvelope, from: Principal, approvers: readonly Approver[]): boolean => {
  if (obligation.kind === "approval") return approvers.some(({ role, subject }) => role === obligation.role && subject !== from.subject);
  // Within a department no guard has looked; there it is the sender's to keep.
  return obligation.kind !== "mask" || !(found?.unmasked ?? []).some((name) => obligation.classes.includes(name));
};

const WHY: Readonly<Partial<Record<Obligation["kind"], string>>> = {
  approval: "It came without a signed approval of exactly what it asks, by the role that has to give it.",
  mask: "It came with classes unmasked that have to be masked.",
};

/** Makes it. `undefined` for messages that only continue what is known here. */
export function createReceivingPolicy({ policy, approversOf, recipeHashOf }: ReceivingPolicyDeps, self: Principal) {
  return (opened: OpenedEnvelope, from: Principal): Received | undefined => {
    const { message } = opened.claims;
    const asked = receivingQuestion(message);
    if (asked === undefined) return undefined;
    const approvers = approversOf?.(from, message) ?? [];
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
    const decision = policy.decide(question, { keeps: ["mask", "approval"] });
    const unkept = (decision.obligations ?? []).find((one) => !isKept(one, opened, from, approvers));
    if (!decision.allowed || unkept === undefined) return { question, decision };
    return { question, decision: { ...decision, allowed: false, reason: `${decision.reason} ${WHY[unkept.kind] ?? ""}` } };
  };
}

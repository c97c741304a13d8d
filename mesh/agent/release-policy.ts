/**
 * What policy says of the classes in a message that leaves for another department: the profile may let a class pass, and policy has to allow it
 * too. What is obliged to be masked does not pass either. Spec P1 (data class), G5; docs/decisions/0104-data-release.md
 */
import type { AuditDraft } from "../contract/audit.ts";
import type { DataClass } from "../contract/data-class.ts";
import { GaggleError } from "../contract/errors.ts";
import type { Principal } from "../contract/identity.ts";
import type { PolicyContext, PolicyDecision, PolicyEngine } from "../contract/ports.ts";
import { decisionDetails } from "../enforcement/decision-details.ts";
import type { MessageQuestion } from "../enforcement/message-question.ts";

/** What leaves, or arrives: to whom, with which classes in it, and what would pass if policy said nothing. */
export interface Leaving {
  /** Whose it is; left out, this agent's. */
  readonly from?: Principal;
  readonly to: Principal;
  readonly found: ReadonlySet<DataClass>;
  readonly passes: ReadonlySet<DataClass>;
  /** The question that policy answers about the message itself, where it has one. */
  readonly asked?: MessageQuestion | undefined;
  /** Under which circumstances it was let go. */
  readonly context?: PolicyContext | undefined;
}

/** What may pass, and what the audit says of it; no details where nothing was asked. */
export interface Released {
  readonly passes: ReadonlySet<DataClass>;
  readonly details?: AuditDraft["details"];
  readonly denied: boolean;
}

const masked = ({ obligations = [] }: PolicyDecision): string[] => obligations.flatMap((one) => (one.kind === "mask" ? one.classes : []));

const rulesOf = (decisions: readonly PolicyDecision[]): string[] => [...new Set(decisions.flatMap(({ rules }) => rules))];

const receiverOf = ({ agentId, subject, department }: Principal) => ({ to: agentId, toSubject: subject, toDepartment: department });
const senderOf = ({ agentId, subject, department }: Principal) => ({ from: agentId, fromSubject: subject, fromDepartment: department });

/** Makes the question: as a message leaves this agent, and by its receiver as it arrives. */
export function createReleasePolicy({ self, policy }: { readonly self: Principal; readonly policy: PolicyEngine }) {
  const base = ({ from = self, to, found, context }: Leaving) => ({
    principal: from,
    target: to,
    targetRole: to.role,
    context: { ...context, dataClasses: [...found].toSorted() },
  });

  /** Classes that the message's own decision obliges to mask, now that it is known what is in it. @throws GaggleError POLICY_DENIED */
  const obliged = (leaving: Leaving): readonly string[] => {
    const { asked } = leaving;
    if (asked === undefined) return [];
    // Whether it may be sent, and how often, was decided when it was: an approval that it needs is there, and it counts once.
    const decision = policy.decide({ ...asked, ...base(leaving) }, { keeps: ["mask", "approval"], counts: false });
    if (!decision.allowed)
      throw new GaggleError("POLICY_DENIED", `The signed policy does not let this leave, with what is in it. ${decision.reason}`);
    return masked(decision);
  };

  return (leaving: Leaving): Released => {
    const { to, found, passes } = leaving;
    const mask = obliged(leaving);
    const asked = [...passes].filter((name) => found.has(name) && !mask.includes(name)).toSorted();
    const answers = asked.map((name) => ({
      name,
      decision: policy.decide(
        { action: "data.release", resource: name, ...base(leaving) },
        { keeps: ["mask"], ...(leaving.from === undefined ? {} : { counts: false }) },
      ),
    }));
    const released = new Set(
      answers.filter(({ name, decision }) => decision.allowed && !masked(decision).includes(name)).map(({ name }) => name),
    );
    const withheld = [...passes].filter((name) => found.has(name) && !released.has(name));
    const [first] = answers;
    if (first === undefined && withheld.length === 0) return { passes: released, denied: false };
    const decisions = answers.map(({ decision }) => decision);
    const risk = Math.max(0, ...decisions.map((one) => one.risk ?? 0));
    const sum = first && decisionDetails({ ...first.decision, rules: rulesOf(decisions), risk, allowed: withheld.length === 0 });
    const details = {
      ...sum,
      released: [...released].join(","),
      withheld: withheld.join(","),
      ...(leaving.from === undefined ? receiverOf(to) : senderOf(leaving.from)),
    };
    return { passes: released, details, denied: withheld.length > 0 };
  };
}
/** The question. */
export type ReleasePolicy = ReturnType<typeof createReleasePolicy>;

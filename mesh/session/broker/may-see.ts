/** Who may see a shard: its visibility, the session's scope, and policy on each of its classes. The owner asks before it sends, the receiver before it keeps. */
import type { Principal } from "../../contract/identity.ts";
import type { PolicyDecision, PolicyEngine, PolicyQuestion } from "../../contract/ports.ts";
import type { SessionScope, ShardMeta, Visibility } from "../../contract/session.ts";

/** Whether a shard is meant for somebody. */
export function isVisibleTo({ roles, departments, participants }: Visibility, { agentId, role, department }: Principal): boolean {
  if (roles === undefined && departments === undefined && participants === undefined) return true;
  return (roles?.includes(role) ?? false) || (departments?.includes(department) ?? false) || (participants?.includes(agentId) ?? false);
}

/** The question whether somebody may take part. */
export const joining = (owner: Principal, who: Principal): PolicyQuestion => ({
  action: "session.join",
  principal: owner,
  target: { agentId: who.agentId, subject: who.subject, role: who.role, department: who.department },
  targetRole: who.role,
});

/** The first of a shard's classes that the session is not for; undefined where all are within its scope. */
export const outsideScope = ({ classes }: SessionScope, shard: Pick<ShardMeta, "classes">): string | undefined =>
  classes === undefined ? undefined : shard.classes.find((one) => !classes.includes(one));

/** Asking without giving anything. */
export const LOOKING = { counts: false, masks: true } as const;

/**
 * Policy on a shard: every one of its classes has to be allowed. The principal is the session's owner, the target the receiver. What is obliged to be
 * masked is masked by the owner's guard as it leaves.
 * @param counts true where it is given now, and not only looked at
 */
export function mayShare(
  policy: PolicyEngine,
  { owner, receiver, shard }: { owner: Principal; receiver: Principal; shard: Pick<ShardMeta, "classes"> },
  { counts, masks }: { readonly counts: boolean; readonly masks: boolean },
): PolicyDecision {
  const asked = { action: "session.share" as const, principal: owner, target: receiver, targetRole: receiver.role };
  const context = { participants: [owner.subject, receiver.subject] };
  const asking = { counts, ...(masks ? { keeps: ["mask" as const] } : {}) };
  const decisions = shard.classes.map((resource) => policy.decide({ ...asked, resource, context }, asking));
  const [first] = decisions;
  if (first === undefined) return { allowed: false, rules: [], reason: "The shard has no class.", policyHash: "0".repeat(64) };
  const all = {
    rules: [...new Set(decisions.flatMap(({ rules }) => rules))],
    obligations: decisions.flatMap(({ obligations = [] }) => obligations),
    risk: Math.max(...decisions.map(({ risk = 0 }) => risk)),
  };
  return decisions.find(({ allowed }) => !allowed) ?? { ...first, ...all };
}

/** Who may see a shard: its visibility, the session's scope, and policy on each of its classes. The owner asks before it sends, the receiver before it keeps. */
import type { Principal } from "../../contract/identity.ts";
import type { PolicyDecision, PolicyEngine } from "../../contract/ports.ts";
import type { SessionScope, ShardMeta, Visibility } from "../../contract/session.ts";

/** Whether a shard is meant for somebody. */
export function isVisibleTo({ roles, departments, participants }: Visibility, { agentId, role, department }: Principal): boolean {
  if (roles === undefined && departments === undefined && participants === undefined) return true;
  return (roles?.includes(role) ?? false) || (departments?.includes(department) ?? false) || (participants?.includes(agentId) ?? false);
}

/** The first of a shard's classes that the session is not for; undefined where all are within its scope. */
export const outsideScope = ({ classes }: SessionScope, shard: Pick<ShardMeta, "classes">): string | undefined =>
  classes === undefined ? undefined : shard.classes.find((one) => !classes.includes(one));

/** Policy on a shard: every one of its classes has to be allowed. The principal is the session's owner, the target the receiver. */
export function mayShare(
  policy: PolicyEngine,
  { owner, receiver, shard }: { owner: Principal; receiver: Principal; shard: Pick<ShardMeta, "classes"> },
): PolicyDecision {
  const decisions = shard.classes.map((resource) =>
    policy.decide({ action: "session.share", principal: owner, targetRole: receiver.role, resource }),
  );
  const [first] = decisions;
  if (first === undefined) return { allowed: false, rules: [], reason: "The shard has no class.", policyHash: "0".repeat(64) };
  return decisions.find(({ allowed }) => !allowed) ?? { ...first, rules: [...new Set(decisions.flatMap(({ rules }) => rules))] };
}

/** What the bootstrap node writes into its own audit chain. */
import { BOOTSTRAP_ROLE } from "../mesh/contract/identity.ts";
import type { AuditDraft } from "../mesh/contract/audit.ts";
import type { Random } from "../mesh/contract/ports.ts";

/** Who the node is in the audit trail. */
export interface OwnIdentity {
  readonly agentId: string;
  readonly random: Random;
}

/** An event of the node itself; each starts a trace of its own. */
export const ownEvent = (own: OwnIdentity, event: Pick<AuditDraft, "action" | "target" | "result" | "details">): AuditDraft => ({
  ...event,
  actor: { type: "service", id: own.agentId, role: BOOTSTRAP_ROLE },
  traceId: Buffer.from(own.random.bytes(16)).toString("hex"),
});

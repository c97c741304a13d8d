/** What a daemon does when its agent leaves for good: colleagues and the bootstrap node hear of it, then nothing more is sent. */
import type { AuditChain } from "../../audit/chain.ts";
import type { AuditDraft } from "../../contract/audit.ts";
import { errorCode } from "../../contract/errors.ts";
import type { CardService } from "../../directory/create-card-service.ts";
import type { AgentLog } from "../agent-core.ts";
import type { Background } from "../background.ts";

/** What leaving needs of the daemon. */
export interface LeavingParts {
  readonly cards: Pick<CardService, "leave">;
  readonly background: Pick<Background, "ship" | "shipped">;
  readonly core: {
    readonly self: { readonly agentId: string };
    readonly chain: Pick<AuditChain, "head">;
    readonly log: AgentLog;
    audit(draft: Omit<AuditDraft, "actor" | "traceId">): Promise<void>;
  };
}

/** @returns how much of the audit trail the bootstrap node has: less than `seq` where it could not be reached */
export async function leaveMesh({ cards, background, core }: LeavingParts): Promise<{ seq: number; shipped: number }> {
  await core.audit({ action: "agent.leave", target: `agent:${core.self.agentId}`, result: "ok" });
  cards.leave();
  await background
    .ship()
    .catch((error: unknown) => core.log.warn({ code: errorCode(error) }, "the last audit events were not handed over"));
  return { seq: core.chain.head().seq, shipped: background.shipped() };
}

/**
 * Other agents of this agent's own person. Most are a second machine of theirs; one that they don't know was admitted by a bootstrap node that lies or is taken
 * over, and the person's own daemon is who can tell. Source: decision 0109.
 */
import { type AuditDraft, SECOND_AGENT } from "../contract/audit.ts";
import type { CommitQueue, OrderedStore } from "../contract/ports.ts";
import type { AgentLog } from "./agent-core.ts";

const keyOf = (agentId: string): string => `own-agent/${agentId}`;

/** What is needed. */
export interface OwnAgentsDeps {
  readonly queue: CommitQueue;
  readonly store: Pick<OrderedStore, "get">;
  readonly actor: AuditDraft["actor"];
  readonly log: Pick<AgentLog, "warn">;
  newTrace(): string;
  onError(error: unknown): void;
}

/** Records each of them once, over restarts. */
export function createOwnAgents(deps: OwnAgentsDeps): { saw(agentId: string, issuedAtMs: number): void } {
  const told = new Set<string>();
  return {
    saw(agentId, issuedAtMs) {
      if (told.has(agentId)) return;
      told.add(agentId);
      if (deps.store.get(keyOf(agentId)) !== undefined) return;
      deps.log.warn(
        { agentId },
        "another agent acts in this person's name; if it is not a machine of theirs, an admin revokes it: gaggle org revoke --agent",
      );
      const issuedAt = new Date(issuedAtMs).toISOString();
      const event = { action: SECOND_AGENT, target: `agent:${agentId}`, result: "ok", details: { alarm: true, issuedAt } } as const;
      const record = deps.queue.run(
        (tx) => {
          tx.put(keyOf(agentId), issuedAt);
          tx.audit({ actor: deps.actor, traceId: deps.newTrace(), ...event });
        },
        { finishing: true },
      );
      record.catch(deps.onError);
    },
  };
}

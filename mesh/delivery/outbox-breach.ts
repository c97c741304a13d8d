/** What becomes of a broken invariant of the outbox: it is told and recorded, once a kind, recipient and run of the daemon. */
import type { AuditDraft } from "../contract/audit.ts";
import { brokenInvariant } from "./invariants.ts";
import type { OutboxDeps } from "./outbox-types.ts";

/** Makes the report; of errors that break no invariant it does nothing. */
export function createBreachReport(deps: Pick<OutboxDeps, "queue" | "random" | "onError">, config: { actor: AuditDraft["actor"] }) {
  const reported = new Set<string>();
  return (error: unknown, agentId = ""): void => {
    const invariant = brokenInvariant(error);
    if (invariant === undefined || reported.has(invariant + agentId)) return;
    deps.onError(error);
    reported.add(invariant + agentId);
    deps.queue
      .run(
        (tx) =>
          tx.audit({
            actor: config.actor,
            action: "delivery.broken",
            target: `invariant:${invariant}`,
            result: "failed",
            traceId: Buffer.from(deps.random.bytes(16)).toString("hex"),
          }),
        { finishing: true },
      )
      .catch(deps.onError);
  };
}

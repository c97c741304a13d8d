/** Messages that could not be delivered: look at them, send them again. Sans-IO. Source: spec M4. */
import type { AuditDraft } from "../contract/audit.ts";
import type { OutboxItem } from "../contract/daemon-api.ts";
import { errorCode, GaggleError } from "../contract/errors.ts";
import { newUuid } from "../contract/ids.ts";
import { ENVELOPE_LIFETIME_MS } from "../contract/limits.ts";
import type { PolicyDecision, Transaction } from "../contract/ports.ts";
import { maskOf } from "./outbox-accept.ts";
import { sendAudit } from "./outbox-audit.ts";
import { pages, toItem } from "./outbox-items.ts";
import { DEAD_RANGE, type DeadLetter, deadKey, type OutboxRecord, SEQ_KEY, traceIdOf } from "./outbox-record.ts";
import type { Outbox, OutboxDeps } from "./outbox-types.ts";

/** Makes it. @param config `store` queues a record; `forget` is told in the batch that takes a letter off */
export function createDeadLetters(
  deps: Pick<OutboxDeps, "random" | "store" | "queue" | "policyHash" | "onRetry">,
  config: { actor: AuditDraft["actor"]; store(tx: Transaction, record: OutboxRecord): void; forget(tx: Transaction): void },
): { list: Outbox["dead"]; retry: Outbox["retry"]; retryAll: Outbox["retryAll"] } {
  const freshOf = (tx: Transaction, dead: OutboxRecord, decision: PolicyDecision | undefined): OutboxRecord => ({
    ...dead,
    id: newUuid(tx.now, deps.random),
    seq: Number(tx.get(SEQ_KEY) ?? 0) + 1,
    createdAt: tx.now,
    exp: tx.now + ENVELOPE_LIFETIME_MS,
    policyHash: decision?.policyHash ?? deps.policyHash(),
    ...maskOf(decision),
  });

  /** Queues a letter again; the decision where policy does not allow it any more. */
  const retryIn = (tx: Transaction, id: string): PolicyDecision | undefined => {
    const text = tx.get(deadKey(id));
    if (text === undefined) throw new GaggleError("NOT_FOUND", "There is no dead letter with this id; `gaggle dead` lists them.");
    const { record } = JSON.parse(text) as DeadLetter;
    const decision = deps.onRetry(tx, record);
    const fresh = freshOf(tx, record, decision);
    const { to, policyHash, ref } = fresh;
    const sent = { id: fresh.id, to, policyHash, type: fresh.message.type, traceId: traceIdOf(fresh.traceparent) };
    tx.audit(sendAudit(config.actor, { ...sent, ...(ref === undefined ? {} : { ref }), ...(decision === undefined ? {} : { decision }) }));
    if (decision?.allowed === false) return decision;
    tx.del(deadKey(id));
    config.forget(tx);
    config.store(tx, fresh);
    return undefined;
  };

  const retry = async (id: string): Promise<void> => {
    const denied = await deps.queue.run((tx) => retryIn(tx, id));
    if (denied !== undefined) throw new GaggleError("POLICY_DENIED", `The signed policy does not allow this any more. ${denied.reason}`);
  };

  return {
    async list(limit): Promise<OutboxItem[]> {
      const rows = await deps.store.range({ ...DEAD_RANGE, limit });
      return rows.map(([, text]) => {
        const { record, attempts, code } = JSON.parse(text) as DeadLetter;
        return toItem(record, { attempts, lastError: code });
      });
    },
    retry,
    async retryAll() {
      const ids: string[] = [];
      for await (const page of pages(deps.store, DEAD_RANGE)) ids.push(...page.map((text) => (JSON.parse(text) as DeadLetter).record.id));
      let sent = 0;
      for (const id of ids) {
        try {
          await retry(id);
          sent++;
        } catch (error) {
          const code = errorCode(error);
          if (code !== "STATE_CONFLICT" && code !== "POLICY_DENIED" && code !== "NOT_FOUND") throw error;
        }
      }
      return { sent, kept: ids.length - sent };
    },
  };
}

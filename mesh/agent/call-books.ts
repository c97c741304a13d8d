/** Enters model calls in the daemon's ledger, in the batch of their audit event, with what they cost by the signed price table. Source: spec G7. */
import type { CacheCounts } from "../../guard/detect/detection.ts";
import type { ModelCall } from "../../guard/gateway/gateway-api.ts";
import type { CallAccount } from "../../guard/routes/call-accounts.ts";
import type { Ledger, LedgerEntry } from "../../guard/routes/ledger.ts";
import type { BudgetedRoutes } from "../../guard/routes/model-routes.ts";
import { formatUsd } from "../contract/money.ts";
import type { AuditDraft } from "../contract/audit.ts";
import { dataClass } from "../contract/data-class.ts";
import type { Transaction } from "../contract/ports.ts";
import type { BudgetState, Usage } from "../contract/usage.ts";
import type { GooseSessions } from "./goose-sessions.ts";
import type { CallBooks } from "./model-guard.ts";

/** What the books need. */
export interface CallBooksDeps {
  readonly routes: Pick<BudgetedRoutes, "account" | "release">;
  readonly ledger: Pick<Ledger, "book">;
  readonly sessions: Pick<GooseSessions, "find">;
  readonly actor: AuditDraft["actor"];
  newTrace(): string;
}

/** Makes the books over routes and ledger. */
export function createCallBooks({ routes, ledger, sessions, actor, newTrace }: CallBooksDeps): CallBooks {
  /** A soft limit is told once in its period. */
  const warn = (tx: Transaction, { id, of, period, usedUsd, usedTokens, resetsAt }: BudgetState): void => {
    const key = `budget/warned/${id}`;
    if (tx.get(key) === resetsAt) return;
    tx.put(key, resetsAt);
    const details = { of, period, usedUsd, usedTokens, resetsAt };
    tx.audit({ actor, action: "budget.warn", target: `budget:${id}`, result: "ok", details, traceId: newTrace() });
  };

  return {
    book(tx, call, planned, cache) {
      const account = planned === undefined ? undefined : routes.account(planned);
      const usage = usageOf(call, account);
      const taskId = sessions.find(call.sessionId)?.taskId;
      ledger.book(tx, { ...entryOf(call, cache), usage, ...(taskId === undefined ? {} : { taskId }) });
      for (const warning of account?.warnings ?? []) warn(tx, warning);
      return { tokens: usage.inputTokens + usage.outputTokens, usd: usage.usd };
    },
    release: (planned) => routes.release(planned),
  };
}

const isClass = (name: string): boolean => dataClass.safeParse(name).success;

/** What was masked and refused, by class; what could not be read is no class. */
function entryOf(call: ModelCall, cache: CacheCounts): Omit<LedgerEntry, "usage" | "taskId"> {
  const { sessionId, redactions, refusal, served, guardMs } = call;
  return {
    sessionId,
    model: served?.model ?? call.model,
    redactions: Object.fromEntries(redactions.filter((one) => isClass(one.class)).map((one) => [one.class, one.count])),
    ...(refusal === undefined ? {} : { refusedClass: isClass(refusal.class) ? refusal.class : "none" }),
    ...(served === undefined ? {} : { guardMs }),
    cacheHits: cache.hits,
    cacheMisses: cache.misses,
  };
}

function usageOf({ result, usage }: ModelCall, account: CallAccount | undefined): Usage {
  const { input, cachedInput, output } = account?.usage ?? usage;
  return {
    calls: 1,
    refused: result === "denied" ? 1 : 0,
    failed: result === "failed" ? 1 : 0,
    unpriced: account?.unpriced === true ? 1 : 0,
    inputTokens: input,
    cachedInputTokens: cachedInput,
    outputTokens: output,
    usd: formatUsd(account?.nanoUsd ?? 0n),
  };
}

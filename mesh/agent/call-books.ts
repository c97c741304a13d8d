/** Enters model calls in the daemon's ledger, with what they cost by the signed price table. Source: spec G7. */
import type { ModelCall } from "../../guard/gateway/gateway-api.ts";
import type { Ledger } from "../../guard/routes/ledger.ts";
import type { BudgetedRoutes } from "../../guard/routes/model-routes.ts";
import { formatUsd } from "../../guard/routes/money.ts";
import { dataClass } from "../contract/data-class.ts";
import type { CallBooks } from "./model-guard.ts";

const isClass = (name: string): boolean => dataClass.safeParse(name).success;

/** What was masked, by class; what could not be read is no class. */
const countsOf = ({ redactions }: ModelCall): Record<string, number> =>
  Object.fromEntries(redactions.filter((one) => isClass(one.class)).map((one) => [one.class, one.count]));

const refusedClassOf = ({ refusal }: ModelCall): { refusedClass?: string } =>
  refusal === undefined ? {} : { refusedClass: isClass(refusal.class) ? refusal.class : "none" };

/** Makes the books over routes and ledger. */
export function createCallBooks({ routes, ledger }: { routes: BudgetedRoutes; ledger: Ledger }): CallBooks {
  return {
    book(tx, call, planned) {
      const account = planned === undefined ? undefined : routes.account(planned);
      const { input, cachedInput, output } = account?.usage ?? call.usage;
      const usd = formatUsd(account?.nanoUsd ?? 0n);
      ledger.book(tx, {
        sessionId: call.sessionId,
        model: account?.model ?? call.model,
        usage: {
          calls: 1,
          refused: call.result === "denied" ? 1 : 0,
          failed: call.result === "failed" ? 1 : 0,
          unpriced: account?.unpriced === true ? 1 : 0,
          inputTokens: input,
          cachedInputTokens: cachedInput,
          outputTokens: output,
          usd,
        },
        redactions: countsOf(call),
        ...refusedClassOf(call),
        ...(call.served === undefined ? {} : { guardMs: call.guardMs }),
        cacheHits: 0,
        cacheMisses: 0,
      });
      return { tokens: input + output, usd };
    },
    release: (planned) => routes.release(planned),
  };
}

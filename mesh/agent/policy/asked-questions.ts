/** Remembers what policy is really asked, each question once, so that another set can be tried on it. In memory, and of this daemon alone. */
import type { Clock, PolicyDecision, PolicyEngine, PolicyQuestion } from "../../contract/ports.ts";

/** A question with its last answer. */
export interface AskedBefore {
  readonly question: PolicyQuestion;
  readonly decision: PolicyDecision;
  readonly count: number;
  /** Milliseconds since the epoch. */
  readonly lastAt: number;
}

/** What was asked. */
export interface AskedQuestions {
  readonly since: number;
  /** The most recent last. */
  all(): AskedBefore[];
}

/** Different questions that are kept; the one asked longest ago goes first. */
const MAX_KEPT = 2_000;

/** The same question by another device of the same person is no other one. */
const keyOf = ({ principal, target, ...rest }: PolicyQuestion): string =>
  JSON.stringify([rest, { ...principal, agentId: "" }, target === undefined ? null : { ...target, agentId: "" }]);

/** The engine, and what it was asked. */
export function rememberQuestions(engine: PolicyEngine, { clock }: { readonly clock: Pick<Clock, "now"> }) {
  const kept = new Map<string, AskedBefore>();
  const since = clock.now();
  const remember = (question: PolicyQuestion, decision: PolicyDecision): void => {
    const key = keyOf(question);
    const count = (kept.get(key)?.count ?? 0) + 1;
    kept.delete(key);
    kept.set(key, { question, decision, count, lastAt: clock.now() });
    const [oldest] = kept.keys();
    if (kept.size > MAX_KEPT && oldest !== undefined) kept.delete(oldest);
  };
  const policy: PolicyEngine = {
    decide(question, asking) {
      const decision = engine.decide(question, asking);
      remember(question, decision);
      return decision;
    },
  };
  const asked: AskedQuestions = { since, all: () => [...kept.values()] };
  return { policy, asked };
}

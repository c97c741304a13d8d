/** Questions that come again are answered from memory: a decision depends on the policy set, the org chart and the question, and on nothing else. */
import type { PolicyDecision, PolicyQuestion } from "../../mesh/contract/ports.ts";
import type { CedarEngine } from "./cedar-engine.ts";

/** Answers that are kept; the one unused for longest gives way. */
const MAX_KEPT = 2_000;
/** Longest question that is kept, in characters. */
const MAX_QUESTION_CHARS = 2_000;

/** The same engine, which keeps what policies have decided. A no without a policy is not kept, since a failure may have said it. */
export function rememberDecisions(engine: CedarEngine): CedarEngine {
  const kept = new Map<string, PolicyDecision>();

  const keep = (key: string, decision: PolicyDecision): void => {
    kept.delete(key);
    const [oldest] = kept.keys();
    if (kept.size >= MAX_KEPT && oldest !== undefined) kept.delete(oldest);
    kept.set(key, decision);
  };

  const answer = (question: PolicyQuestion, key: string): PolicyDecision => {
    const decision = kept.get(key) ?? engine.decide(question);
    if (key.length <= MAX_QUESTION_CHARS && (decision.allowed || decision.rules.length > 0)) keep(key, decision);
    return decision;
  };

  return {
    decide: (question) => {
      const key = keyOf(question);
      return key === undefined ? engine.decide(question) : answer(question, key);
    },
    close() {
      kept.clear();
      engine.close();
    },
  };
}

/** All of a question as text; undefined where it has none, which is the engine's to refuse. */
function keyOf(question: PolicyQuestion): string | undefined {
  try {
    return JSON.stringify(question);
  } catch {
    return undefined;
  }
}

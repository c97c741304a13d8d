/** The policy engine: Cedar over the signed policy set. Default deny, a forbid beats every permit. Source: design, Trust, Policy; spec P1. */
import type { OrgChart, PolicyAction } from "../../mesh/contract/bundle.ts";
import { POLICY_SCHEMA_VERSION, type PolicySet, policySet } from "../../mesh/contract/policy-set.ts";
import type { PolicyDecision, PolicyEngine, PolicyQuestion } from "../../mesh/contract/ports.ts";
import { loadCedar } from "./cedar.ts";
import { uniteObligations } from "./obligations.ts";
import { type PreparedPolicy, type PreparedSet, prepareSet } from "./prepared-set.ts";
import { inWords, knownNames } from "./question-words.ts";
import { cedarRequest, type People, peopleOf } from "./request.ts";
import { riskOf } from "./risk.ts";
import { widensSession } from "./widening-tools.ts";

/** What an engine decides by. */
export interface CedarEngineConfig {
  /** `policy.json` of the bundle. */
  readonly set: PolicySet;
  /** Who reports to whom; policies may ask. */
  readonly orgChart: OrgChart;
  /** SHA-256 of `policy.json`, as the manifest has it; every decision names it. */
  readonly policyHash: string;
}

/** A policy engine that holds memory of Cedar's. */
export interface CedarEngine extends PolicyEngine {
  /** Frees it; from then on it denies everything. */
  close(): void;
}

/** Questions that are asked before serving, so that the first real one is quick. */
const WARM_UP_ROUNDS = 5;

/**
 * An engine over a policy set, warmed up. It never throws: a set that is not valid or of another schema, an annotation that is not understood, any diagnostic
 * of Cedar and any failure deny. Reasons hold no text of a user's.
 */
export function createCedarEngine(config: CedarEngineConfig): CedarEngine {
  const { policyHash } = config;
  const opened = open(config);
  if (typeof opened === "string") return { decide: () => no(opened, policyHash), close: () => undefined };
  const decider = createDecider(opened, policyHash);
  warmUp(opened.set, decider);
  return {
    decide(question) {
      try {
        return decider(question);
      } catch {
        // Whatever went wrong, and whatever it holds of the question: the answer is no.
        return no("The policy could not be evaluated, so the answer is no.", policyHash);
      }
    },
    close: () => opened.set.close(),
  };
}

interface Opened {
  readonly set: PreparedSet;
  readonly people: People;
  readonly known: ReadonlySet<string>;
}

const no = (reason: string, policyHash: string, rules: readonly string[] = []): PolicyDecision => ({
  allowed: false,
  rules,
  reason,
  policyHash,
});

/** The set, ready; or why everything is denied. */
function open({ set, orgChart }: CedarEngineConfig): Opened | string {
  const parsed = policySet.safeParse(set);
  if (!parsed.success) return "The policy set is not valid, so everything is denied; an admin must sign a new one.";
  if (parsed.data.schema !== POLICY_SCHEMA_VERSION) {
    return "The policy set is for another version of Gaggle, so everything is denied; update Gaggle, or sign with this version.";
  }
  try {
    return { set: prepareSet(loadCedar(), parsed.data), people: peopleOf(orgChart), known: knownNames(parsed.data, orgChart) };
  } catch {
    return "The policy set could not be loaded, so everything is denied; an admin must sign a new one, or Gaggle be installed again.";
  }
}

function createDecider({ set, people, known }: Opened, policyHash: string): (question: PolicyQuestion) => PolicyDecision {
  return (question) => {
    const words = inWords(question, known);
    const answer = set.ask(cedarRequest(question, people), question.principal.role);
    const risks = (ids: readonly string[]): number[] => ids.flatMap((id) => set.policies.get(id)?.meaning.risk ?? []);
    const deny = (reason: string, ids: readonly string[] = []): PolicyDecision => ({
      ...no(reason, policyHash, ids),
      risk: riskOf(question, risks(ids)),
    });
    const named = (ids: readonly string[]): string => ids.join(", ");

    if (answer === undefined) return deny(`No policy lets ${words}.`);
    const ids = [...answer.reason].sort();
    // Cedar skips what it can't evaluate, also a forbid: what was to be forbidden would be allowed.
    if (answer.errors.length > 0) {
      const failed = [...answer.errors].sort();
      return deny(`A policy could not be evaluated, so the answer is no (${named(failed)}).`, failed);
    }
    if (!answer.allowed && ids.length > 0) return deny(`The policy does not let ${words}: it is forbidden (${named(ids)}).`, ids);
    if (!answer.allowed) return deny(`No policy lets ${words}.`);

    const permits = ids.flatMap((id) => set.policies.get(id) ?? []);
    const unclear = permits.filter(({ meaning }) => meaning.problems.length > 0).map(({ id }) => id);
    if (unclear.length > 0) return deny(`A policy says what this version of Gaggle does not understand (${named(unclear)}).`, unclear);
    if (!permits.some((permit) => mayWiden(permit, question))) {
      return deny(`The tool lets a session do what no hook sees, so a policy has to name it with @widens; ${named(ids)} does not.`);
    }
    const obligations = uniteObligations(permits.flatMap(({ meaning }) => meaning.obligations));
    return {
      allowed: true,
      rules: ids,
      reason: `The policy lets ${words} (${named(ids)}).`,
      policyHash,
      ...(obligations.length > 0 ? { obligations } : {}),
      risk: riskOf(question, risks(ids)),
    };
  };
}

/** A permit for any tool is none for what widens a session. */
const mayWiden = ({ meaning }: PreparedPolicy, { action, resource }: PolicyQuestion): boolean =>
  action !== "tool.call" || resource === undefined || !widensSession(resource) || meaning.widens.includes(resource);

/** Whatever it answers: it is asked so that WebAssembly is compiled before the first real question. */
function warmUp({ policies }: PreparedSet, decide: (question: PolicyQuestion) => PolicyDecision): void {
  const nobody = { agentId: "?", subject: "?", role: "?", department: "?" };
  const actions = new Set([...policies.values()].flatMap((policy) => policy.actions));
  for (let round = 0; round < WARM_UP_ROUNDS; round++) {
    for (const action of actions) {
      try {
        decide({ action: action as PolicyAction, principal: nobody });
      } catch {
        // The same failure denies when it is asked for real.
      }
    }
  }
}

/** `gaggle policy shadow DIR`: tries another set on what this daemon was really asked. Nothing is changed anywhere. */
import { createCedarEngine } from "../../../guard/policy/cedar-engine.ts";
import { comparePolicies } from "../../../guard/policy/compare.ts";
import type { DaemonClient } from "../../client/connect-daemon.ts";
import type { OrgChart } from "../../contract/bundle.ts";
import type { DaemonResult } from "../../contract/daemon-api.ts";
import type { AskedQuestion } from "../../contract/daemon-api/policy-methods.ts";
import { canonicalHash } from "../../contract/json.ts";
import type { Obligation, PolicyDecision, PolicyEngine, PolicyQuestion } from "../../contract/ports.ts";
import { obligationWord } from "../../enforcement/decision-details.ts";
import { asSeen, type Output, paint } from "../output.ts";
import { readPolicySet } from "./read-policies.ts";
import { questionLine } from "./words.ts";

type Asked = DaemonResult<"policy.asked">["questions"][number];

/** An answer as it is compared. */
interface Answer {
  readonly allowed: boolean;
  readonly rules: readonly string[];
  readonly obligations: readonly string[];
}

/** What `--json` prints. */
export interface ShadowReport {
  readonly since: string;
  /** Hashes of the set in force and of the one that was tried. */
  readonly before: string;
  readonly after: string;
  /** Different questions that were tried, and how often they were asked. */
  readonly questions: number;
  readonly asked: number;
  readonly differences: readonly {
    readonly question: AskedQuestion;
    readonly count: number;
    readonly before: Answer;
    readonly after: Answer;
  }[];
}

/** The question as the engine takes it. */
function questionOf({ question: { principal, target, ...rest } }: Asked): PolicyQuestion {
  const { agentId = "principal" } = principal;
  const acted = target === undefined ? {} : { target, ...(target.role === undefined ? {} : { targetRole: target.role }) };
  // What came over the line has no undefined in it.
  return { ...rest, principal: { ...principal, agentId }, ...acted } as PolicyQuestion;
}

const answerOf = ({ allowed, rules, obligations = [] }: PolicyDecision): Answer => ({
  allowed,
  rules,
  obligations: obligations.map(obligationWord),
});

/** Tries the candidate on what was asked. */
export function compareAsked(asked: DaemonResult<"policy.asked">, candidate: PolicyEngine, after: string): ShadowReport {
  const byQuestion = new Map(asked.questions.map((one) => [questionOf(one), one]));
  const inForce: PolicyEngine = {
    decide(question) {
      const one = byQuestion.get(question);
      const { allowed = false, rules = [], obligations = [] } = one ?? {};
      return { allowed, rules, reason: "", policyHash: asked.policyHash, obligations: obligations as Obligation[] };
    },
  };
  const differences = comparePolicies(inForce, candidate, byQuestion.keys()).flatMap(({ question, before, after: then }) => {
    const one = byQuestion.get(question);
    return one === undefined ? [] : [{ question: one.question, count: one.count, before: answerOf(before), after: answerOf(then) }];
  });
  const count = asked.questions.reduce((sum, one) => sum + one.count, 0);
  return { since: asked.since, before: asked.policyHash, after, questions: asked.questions.length, asked: count, differences };
}

const verdict = ({ allowed, rules, obligations }: Answer): string =>
  `${allowed ? paint.good("allowed") : paint.bad("denied")} (${[...rules, ...obligations].map(asSeen).join(", ") || "no policy"})`;

/** Tells where a candidate set would answer differently. */
export async function shadowPolicies(out: Output, daemon: Pick<DaemonClient, "call">, dir: string): Promise<ShadowReport> {
  const set = await readPolicySet(dir);
  const { people } = await daemon.call("directory.chart", {});
  const orgChart: OrgChart = people.map(({ id, title, role, department, manager }) => ({
    id,
    title,
    role,
    department,
    manager,
    locale: "",
  }));
  const hash = canonicalHash(set);
  const candidate = createCedarEngine({ set, orgChart, policyHash: hash });
  try {
    const report = compareAsked(await daemon.call("policy.asked", {}), candidate, hash);
    out.result(report);
    for (const { question, count, before, after } of report.differences) {
      out.line(`${questionLine(question)}  ${paint.dim(`asked ${count} times`)}`);
      out.line(`  now ${verdict(before)}, then ${verdict(after)}`);
    }
    const { differences, questions, asked, since } = report;
    out.line(
      `${differences.length} of ${questions} questions (asked ${asked} times since ${since}) would be answered differently. Nothing was changed.`,
    );
    return report;
  } finally {
    candidate.close();
  }
}

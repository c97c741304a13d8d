/** Unit tests of policies: `policies/tests/*.yaml`. `gaggle org sign` runs them and signs nothing where one fails. docs/decisions/0101-policy-bundle.md */
import { z } from "zod";
import { type OrgChart, policyAction } from "../../mesh/contract/bundle.ts";
import { dataClass } from "../../mesh/contract/data-class.ts";
import { canonicalJson } from "../../mesh/contract/json.ts";
import { sha256, slug, subjectId } from "../../mesh/contract/ids.ts";
import type { Obligation, PolicyEngine, PolicyQuestion } from "../../mesh/contract/ports.ts";
import { UNKNOWN } from "./policy-schema.ts";

/** A person of the org chart, or somebody of a role. */
const who = z.union([z.strictObject({ person: subjectId }), z.strictObject({ role: slug, department: slug.optional() })]);

const obligation = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("mask"), classes: z.array(dataClass) }),
  z.strictObject({ kind: z.literal("approval"), role: slug }),
  z.strictObject({ kind: z.literal("second-person") }),
  z.strictObject({ kind: z.literal("rate"), perMinute: z.int().min(1) }),
  z.strictObject({ kind: z.literal("log"), level: z.enum(["metadata", "full"]) }),
]);

/** One test: a question, and what the policy must say. */
export const policyTestCase = z.strictObject({
  name: z.string().min(1).max(200),
  who,
  action: policyAction,
  target: who.optional(),
  resource: z.string().max(200).optional(),
  context: z
    .strictObject({
      dataClasses: z.array(dataClass).optional(),
      unattended: z.boolean().optional(),
      participants: z.array(subjectId).optional(),
      local: z.boolean().optional(),
      recipeHash: sha256.optional(),
    })
    .optional(),
  expect: z.enum(["allow", "deny"]),
  /** Policies that have to be among those that decide; empty for the default deny, where none does. */
  by: z.array(slug).optional(),
  /** Exactly the obligations that go with the yes. */
  obligations: z.array(obligation).optional(),
});
/** One test. */
export type PolicyTestCase = z.infer<typeof policyTestCase>;

/** A file of tests. */
export const policyTestFile = z.strictObject({ tests: z.array(policyTestCase).min(1).max(1_000) });

/** A test that failed. */
export interface PolicyTestFailure {
  readonly name: string;
  readonly problem: string;
}

/** Runs tests. @returns those that failed, with what was said instead */
export function runPolicyTests(engine: PolicyEngine, tests: readonly PolicyTestCase[], chart: OrgChart): PolicyTestFailure[] {
  return tests.flatMap((test) => {
    const question = questionOf(test, chart);
    const problem = typeof question === "string" ? question : problemOf(test, engine, question);
    return problem === undefined ? [] : [{ name: test.name, problem }];
  });
}

function problemOf(test: PolicyTestCase, engine: PolicyEngine, question: PolicyQuestion): string | undefined {
  const { allowed, rules, reason, obligations = [] } = engine.decide(question);
  if (allowed !== (test.expect === "allow")) return `expected ${test.expect}; ${reason}`;
  if (test.by !== undefined && !decidedBy(test.by, rules)) return `expected ${list(test.by)} to decide; ${list(rules)} did`;
  if (test.obligations !== undefined && !sameObligations(test.obligations, obligations)) {
    return `expected other obligations; they are ${canonicalJson(obligations)}`;
  }
  return undefined;
}

const list = (ids: readonly string[]): string => (ids.length === 0 ? "no policy" : ids.join(", "));
const decidedBy = (wanted: readonly string[], rules: readonly string[]): boolean =>
  wanted.length === 0 ? rules.length === 0 : wanted.every((id) => rules.includes(id));
const same = (a: readonly string[], b: readonly string[]): boolean => [...a].sort().join() === [...b].sort().join();
const sameObligations = (a: readonly Obligation[], b: readonly Obligation[]): boolean => same(a.map(canonicalJson), b.map(canonicalJson));

/** The question of a test, or why there is none. */
function questionOf({ who: actor, action, target, resource, context }: PolicyTestCase, chart: OrgChart): PolicyQuestion | string {
  const principal = personOf(actor, "principal", chart);
  const acted = target && personOf(target, "target", chart);
  if (typeof principal === "string") return principal;
  if (typeof acted === "string") return acted;
  return {
    action,
    principal,
    ...(acted === undefined ? {} : { target: acted, targetRole: acted.role }),
    ...(resource === undefined ? {} : { resource }),
    ...(context === undefined ? {} : { context: given(context) }),
  };
}

/** Without the keys that hold nothing. */
const given = (context: NonNullable<PolicyTestCase["context"]>): NonNullable<PolicyQuestion["context"]> =>
  Object.fromEntries(Object.entries(context).filter(([, value]) => value !== undefined));

function personOf(one: z.infer<typeof who>, agentId: string, chart: OrgChart) {
  if ("person" in one) {
    const person = chart.find(({ id }) => id === one.person);
    return person === undefined
      ? `${one.person} is not in the org chart`
      : { agentId, subject: person.id, role: person.role, department: person.department };
  }
  return { agentId, subject: UNKNOWN, role: one.role, department: one.department ?? one.role };
}

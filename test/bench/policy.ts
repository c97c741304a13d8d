/** How long a decision of the policy takes, and how long a bundle's policies take to load: 200 policies and an organisation of 1,000 people. */
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { loadCedar } from "../../guard/policy/cedar.ts";
import { createCedarEngine } from "../../guard/policy/cedar-engine.ts";
import { compilePolicies } from "../../guard/policy/compile-policies.ts";
import { cedarRequest, peopleOf } from "../../guard/policy/request.ts";
import type { OrgChart } from "../../mesh/contract/bundle.ts";
import { canonicalHash } from "../../mesh/contract/json.ts";
import type { PolicySet } from "../../mesh/contract/policy-set.ts";
import type { PolicyQuestion } from "../../mesh/contract/ports.ts";

/** What was measured. Times in milliseconds, memory in MB. */
export interface PolicyFigures {
  /** One decision with all that belongs to it: entities, reason, obligations; warm. */
  readonly policyP50Ms: number;
  readonly policyP99Ms: number;
  /** Cedar alone, its stateful call on the same slice with the same entities, in the same run: what {@link policyP99Ms} is held against. */
  readonly cedarP50Ms: number;
  readonly cedarP99Ms: number;
  /** From a bundle's `policy.json` and org chart to a warm engine, in a fresh process, with loading Cedar; the median of some. */
  readonly bundleLoadMs: number;
  /** What that process grew by. */
  readonly policyRssMb: number;
  /** Compiling the same policies from `.cedar` and validating them, as signing does. */
  readonly policySignMs: number;
}

const ROLES = 20;
const PEOPLE = 1_000;
const POLICIES = 200;
const DECISIONS = 500;
/** Quantiles are the medians of so many batches, so that one pause of the machine does not decide. */
const BATCHES = 11;
const LOADS = 5;

const role = (i: number): string => `role-${i % ROLES}`;

/** An organisation of 1,000: everybody leads ten. */
export const largeChart = (): OrgChart =>
  Array.from({ length: PEOPLE }, (_, i) => ({
    id: `person.${i}`,
    title: `Title ${i % 50}`,
    role: role(i),
    department: role(i),
    manager: i === 0 ? null : `person.${Math.floor((i - 1) / 10)}`,
    locale: "en-GB",
  }));

/** 200 policies as an organisation has them: tasks, tools, sessions, approvals, and forbids that hold for every action. */
export function manyPolicies(): string {
  const kinds = [
    (i: number) => `permit (principal in Role::"${role(i)}", action in Action::"task", resource == Task::"skill-${i}")
      when { context.target in Role::"${role(i + 1)}" };`,
    (i: number) => `permit (principal in Role::"${role(i)}", action == Action::"tool.call", resource)
      when { [Tool::"tool__${i}", Tool::"tool__${i + 1}", Tool::"tool__${i + 2}"].contains(resource) };`,
    (i: number) => `permit (principal, action == Action::"session.share", resource == ShardClass::"class-${i}")
      when { principal.department == context.target.department || principal in Person::"person.${i}" };`,
    (i: number) => `forbid (principal in Role::"${role(i)}", action == Action::"data.release", resource)
      when { context has dataClasses && context.dataClasses.contains(DataClass::"IBAN") };`,
    (i: number) => `@mask("IBAN") @rate("60") permit (principal in Role::"${role(i)}", action in Action::"task", resource)
      when { context has unattended && !context.unattended && context.target in Role::"${role(i + 2)}" };`,
  ];
  const always = `@id("never") forbid (principal, action, resource) when { context has participants && context.participants.contains(context.target.person) };`;
  const texts = Array.from({ length: POLICIES - 1 }, (_, i) => `@id("policy-${i}") ${kinds[i % kinds.length]?.(i) ?? ""}`);
  return [always, ...texts].join("\n");
}

/** Questions of every kind, by people from all over the organisation. */
function questions(chart: OrgChart): PolicyQuestion[] {
  const agent = (i: number) => {
    const { id, role: held, department } = chart[i % PEOPLE] ?? { id: "?", role: "?", department: "?" };
    return { agentId: `12D3KooW${String(i).padStart(44, "1")}`, subject: id, role: held, department };
  };
  return Array.from({ length: 100 }, (_, i) => {
    const target = agent(i * 7 + 1);
    const context = { dataClasses: ["IBAN", "PERSON"], unattended: i % 2 === 0, participants: [`person.${i}`] };
    const asked = { principal: agent(i * 13), target, targetRole: target.role, context };
    return i % 2 === 0
      ? { ...asked, action: "task.receive", resource: `skill-${i}` }
      : { ...asked, action: "tool.call", resource: `tool__${i}` };
  });
}

const quantile = (sorted: readonly number[], q: number): number => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? 0;
const rounded = (ms: number): number => Math.round(ms * 1_000) / 1_000;

function timed(count: number, run: (i: number) => unknown): number[] {
  const times: number[] = [];
  for (let i = 0; i < count; i++) {
    const start = performance.now();
    run(i);
    times.push(performance.now() - start);
  }
  return times.sort((a, b) => a - b);
}

function quantiles(run: (i: number) => unknown): { p50: number; p99: number } {
  const batches = Array.from({ length: BATCHES }, () => timed(DECISIONS, run));
  const middle = (q: number): number =>
    quantile(
      batches.map((times) => quantile(times, q)).sort((a, b) => a - b),
      0.5,
    );
  return { p50: rounded(middle(0.5)), p99: rounded(middle(0.99)) };
}

/** Measures; takes some seconds. Daemons decide without optimised WebAssembly: the process has to begin like them (`spareOptimisedWasm`). */
export function measurePolicy(): PolicyFigures {
  const chart = largeChart();
  const text = manyPolicies();
  const signing = timed(1, () => compilePolicies({ "policies/all.cedar": text }));
  const set = compilePolicies({ "policies/all.cedar": text });
  const engine = createCedarEngine({ set, orgChart: chart, policyHash: canonicalHash(set) });
  const asked = questions(chart);
  const question = (i: number): PolicyQuestion => asked[i % asked.length] ?? missing();
  for (let i = 0; i < 500; i++) engine.decide(question(i));
  const decisions = quantiles((i) => engine.decide(question(i)));
  if (asked.every((one) => !engine.decide(one).allowed)) throw new Error("The bench asks nothing that its policies allow.");
  engine.close();
  const cedar = cedarAlone(set, asked);
  const loads = Array.from({ length: LOADS }, () => loadOnce(set, chart)).sort((a, b) => a.ms - b.ms);
  const middle = loads[Math.floor(LOADS / 2)] ?? { ms: 0, rssMb: 0 };
  return {
    policyP50Ms: decisions.p50,
    policyP99Ms: decisions.p99,
    ...cedar,
    bundleLoadMs: Math.round(middle.ms),
    policyRssMb: middle.rssMb,
    policySignMs: Math.round(signing[0] ?? 0),
  };
}

const missing = (): never => {
  throw new Error("there are no questions");
};

/** Cedar's own time for the same questions: one prepared set of all policies, and only the entities that each question needs. */
function cedarAlone(set: PolicySet, asked: readonly PolicyQuestion[]): Pick<PolicyFigures, "cedarP50Ms" | "cedarP99Ms"> {
  const cedar = loadCedar();
  const preparsedPolicySetId = "bench";
  cedar.preparsePolicySet(preparsedPolicySetId, { staticPolicies: Object.fromEntries(set.policies.map(({ id, text }) => [id, text])) });
  const people = peopleOf(largeChart());
  const calls = asked.map((one) => ({ ...cedarRequest(one, people), preparsedPolicySetId }));
  const ask = (i: number) => cedar.statefulIsAuthorized(calls[i % calls.length] ?? missing());
  for (let i = 0; i < 500; i++) ask(i);
  const { p50, p99 } = quantiles(ask);
  return { cedarP50Ms: p50, cedarP99Ms: p99 };
}

const loadFigures = z.object({ ms: z.number(), rssMb: z.number() });

/** Loads the bundle's policies in a fresh process. */
function loadOnce(set: PolicySet, chart: OrgChart): z.infer<typeof loadFigures> {
  const program = fileURLToPath(new URL("policy-load-process.ts", import.meta.url));
  const child = spawnSync(process.execPath, [program], { input: JSON.stringify({ set, chart }), encoding: "utf8", timeout: 60_000 });
  if (child.status !== 0) throw new Error(`The process that loads policies ended with ${child.status}: ${child.stderr}`);
  return loadFigures.parse(JSON.parse(child.stdout));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) process.stdout.write(`${JSON.stringify(measurePolicy())}\n`);

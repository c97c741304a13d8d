/** What annotations of a policy mean: obligations, risk, and the tools that it may widen a session by. docs/decisions/0102-obligations.md */
import { dataClass } from "../../mesh/contract/data-class.ts";
import { slug } from "../../mesh/contract/ids.ts";
import { MAX_APPROVAL_MS, MAX_QUORUM } from "../../mesh/contract/limits.ts";
import type { Obligation } from "../../mesh/contract/ports.ts";

/** What a policy's annotations say. */
export interface PolicyMeaning {
  readonly obligations: readonly Obligation[];
  /** Risk of the action, 0 to 100; undefined where the policy doesn't say. */
  readonly risk?: number;
  /** Tools that let a session do what no hook sees, and that this policy means all the same. */
  readonly widens: readonly string[];
  /** What was not understood, in words; empty for a good policy. */
  readonly problems: readonly string[];
}

type Approval = Extract<Obligation, { kind: "approval" }>;
type Reading = { -readonly [K in keyof PolicyMeaning]: PolicyMeaning[K] extends readonly (infer T)[] ? T[] : PolicyMeaning[K] } & {
  /** What goes with the policy's `@approval`. */
  approval: { -readonly [K in keyof Omit<Approval, "kind" | "role">]: Approval[K] };
};

const UNIT_MS: Readonly<Record<string, number>> = { m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Milliseconds of `30m`, `24h` or `7d`. */
function span(value: string): number | undefined {
  const [, count, unit = ""] = /^([1-9]\d{0,4})([mhd])$/.exec(value) ?? [];
  const ms = Number(count) * (UNIT_MS[unit] ?? Number.NaN);
  return ms <= MAX_APPROVAL_MS ? ms : undefined;
}

const names = (value: string): string[] =>
  value
    .split(",")
    .map((name) => name.trim())
    .filter((name) => name !== "");

const whole = (value: string, lowest: number, highest: number): number | undefined => {
  const number = /^\d{1,6}$/.test(value) ? Number(value) : Number.NaN;
  return number >= lowest && number <= highest ? number : undefined;
};

/** One reader per annotation; it answers false where the value makes no sense. */
const READERS: Readonly<Record<string, (value: string, into: Reading) => boolean>> = {
  id: () => true,
  mask(value, into) {
    const classes = names(value);
    if (classes.length === 0 || classes.some((name) => !dataClass.safeParse(name).success)) return false;
    into.obligations.push({ kind: "mask", classes });
    return true;
  },
  approval(value, into) {
    if (!slug.safeParse(value).success) return false;
    into.obligations.push({ kind: "approval", role: value });
    return true;
  },
  approval_quorum(value, into) {
    const quorum = whole(value, 2, MAX_QUORUM);
    if (quorum !== undefined) into.approval.quorum = quorum;
    return quorum !== undefined;
  },
  approval_deadline(value, into) {
    const withinMs = span(value);
    if (withinMs !== undefined) into.approval.withinMs = withinMs;
    return withinMs !== undefined;
  },
  approval_escalates(value, into) {
    into.approval.escalates = true;
    return value === "";
  },
  second_person(value, into) {
    into.obligations.push({ kind: "second-person" });
    return value === "";
  },
  rate(value, into) {
    const perMinute = whole(value, 1, 100_000);
    if (perMinute !== undefined) into.obligations.push({ kind: "rate", perMinute });
    return perMinute !== undefined;
  },
  log(value, into) {
    if (value !== "metadata" && value !== "full") return false;
    into.obligations.push({ kind: "log", level: value });
    return true;
  },
  risk(value, into) {
    const risk = whole(value, 0, 100);
    if (risk !== undefined) into.risk = risk;
    return risk !== undefined;
  },
  widens(value, into) {
    into.widens.push(...names(value));
    return into.widens.length > 0;
  },
};

/** Annotations that say something about a yes, and nothing about a no. */
const OF_PERMITS = new Set([
  "mask",
  "approval",
  "approval_quorum",
  "approval_deadline",
  "approval_escalates",
  "second_person",
  "rate",
  "log",
  "widens",
]);

/** The obligations with what else is said of the approval, which may stand before it. */
function withApproval({ obligations, approval, problems }: Reading): readonly Obligation[] {
  if (Object.keys(approval).length > 0 && !obligations.some(({ kind }) => kind === "approval"))
    problems.push("@approval_quorum, @approval_deadline and @approval_escalates go with @approval");
  if (approval.escalates === true && approval.withinMs === undefined)
    problems.push("@approval_escalates goes with @approval_deadline: it escalates by its time");
  return obligations.map((one) => (one.kind === "approval" ? { ...one, ...approval } : one));
}

/** Reads a policy's annotations. What is not understood is said in `problems`; whoever acts on such a policy must say no. */
export function readAnnotations(effect: "permit" | "forbid", annotations: Readonly<Record<string, string>>): PolicyMeaning {
  const into: Reading = { obligations: [], widens: [], problems: [], approval: {} };
  for (const [name, value] of Object.entries(annotations)) {
    const reader = Object.hasOwn(READERS, name) ? READERS[name] : undefined;
    if (reader === undefined) into.problems.push(`there is no annotation @${name}; use one of ${Object.keys(READERS).join(", ")}`);
    else if (effect === "forbid" && OF_PERMITS.has(name)) into.problems.push(`@${name} goes with a permit, not with a forbid`);
    else if (!reader(value, into)) into.problems.push(`@${name} has a value that makes no sense`);
  }
  const { approval: _, ...read } = into;
  return { ...read, obligations: withApproval(into) };
}

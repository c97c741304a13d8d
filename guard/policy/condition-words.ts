/** A condition of a policy in plain words. */
import type { EntityUidJson, Expr, PolicyJson, TypeAndId } from "@cedar-policy/cedar-wasm/nodejs";
import { namesIn } from "./named-entities.ts";

const bare = (uid: EntityUidJson): TypeAndId => ("__entity" in uid ? uid.__entity : uid);

const NOUN: Readonly<Record<string, string>> = {
  Role: "role",
  Department: "department",
  Person: "person",
  Task: "task",
  Tool: "tool",
  Model: "model",
  DataClass: "class of data",
  ShardClass: "class",
  Text: "kind of text",
  Route: "route",
};

const noun = (type: string): string => NOUN[type] ?? type.toLowerCase();

/** Most names that are written out. */
const MOST_NAMES = 8;

/** `accruals or payroll-accrual`. */
const either = (ids: readonly string[]): string =>
  ids.length > MOST_NAMES
    ? `one of ${ids.length}, such as ${ids.slice(0, 2).join(" or ")}`
    : [ids.slice(0, -1).join(", "), ids.at(-1)].filter(Boolean).join(" or ");

/** The condition that a probe has, in plain words; its Cedar text where there are none. @param text the condition in Cedar */
export function conditionInWords({ principal, resource, conditions }: PolicyJson, text: string): string {
  if ("entity" in principal) return membership("who acts", [bare(principal.entity)]);
  if ("entity" in resource) return membership("what is acted on", [bare(resource.entity)]);
  const body = conditions[0]?.body;
  return (body === undefined ? undefined : exprInWords(body)) ?? `this holds: ${text}`;
}

function membership(who: string, entities: readonly TypeAndId[]): string {
  const [first] = entities;
  if (first === undefined) return `${who} is one of none`;
  const ids = either(entities.map(({ id }) => id));
  if (first.type === "Role" || first.type === "Department") return `${who} has the ${noun(first.type)} ${ids}`;
  if (first.type === "Person") return `${who} is ${ids} or reports to them`;
  return `the ${noun(first.type)} is ${ids}`;
}

/** Forms that policies often have. */
function exprInWords(expr: Expr): string | undefined {
  const node = expr as Record<string, unknown>;
  const {
    "!": not,
    in: within,
    "==": equal,
    contains,
    has,
  } = node as Record<string, { left?: Expr; right?: Expr; arg?: Expr; attr?: unknown }>;
  if (not?.arg !== undefined) return negated(not.arg);
  if (within?.left !== undefined) return about(within.left, within.right);
  if (equal?.left !== undefined) return about(equal.left, equal.right);
  if (contains?.left !== undefined) return about(contains.right, contains.left);
  if (has?.left !== undefined) return typeof has.attr === "string" ? `it is known: ${KNOWN[has.attr] ?? has.attr}` : undefined;
  return FLAGS[pathOf(expr)];
}

const negated = (arg: Expr): string | undefined => {
  const flag = NO_FLAGS[pathOf(arg)];
  if (flag !== undefined) return flag;
  const inner = exprInWords(arg);
  return inner === undefined ? undefined : `it is not so that ${inner}`;
};

const FLAGS: Readonly<Record<string, string>> = {
  "context.unattended": "no person looks on",
  "context.local": "the model runs in the company's own hands",
};

const NO_FLAGS: Readonly<Record<string, string>> = {
  "context.unattended": "a person looks on",
  "context.local": "the model runs outside the company",
};

const KNOWN: Readonly<Record<string, string>> = {
  dataClasses: "which classes of data are in it",
  unattended: "whether a person looks on",
  participants: "who has taken part",
  local: "where the model runs",
  recipeHash: "which recipe is run",
};

const WHO: Readonly<Record<string, string>> = {
  principal: "who acts",
  "principal.person": "who acts",
  "context.target": "who is acted upon",
  "context.target.person": "who is acted upon",
  resource: "what is acted on",
  "principal.role": "who acts",
  "context.target.role": "who is acted upon",
  "principal.department": "who acts",
  "context.target.department": "who is acted upon",
};

/** `principal in …`, `context.target.role == …`, `[…].contains(resource)`. */
function about(subject: Expr | undefined, other: Expr | undefined): string | undefined {
  const who = subject === undefined ? undefined : WHO[pathOf(subject)];
  const named = namesIn(other);
  if (who !== undefined && named.length > 0) return membership(who, named);
  const paths = [subject, other].map((each) => (each === undefined ? "" : pathOf(each)));
  if (paths.includes("principal.department") && paths.includes("context.target.department")) return "both are of one department";
  if (paths.includes("principal.person") && paths.includes("context.target.person")) return "both are the same person";
  if (paths.includes("context.participants")) return "who acts has taken part before";
  return undefined;
}

/** `context.target.role`; empty for anything but a path. */
function pathOf(expr: Expr): string {
  const node = expr as { Var?: string; "."?: { left: Expr; attr: string } };
  if (node.Var !== undefined) return node.Var;
  const dot = node["."];
  if (dot === undefined) return "";
  const left = pathOf(dot.left);
  return left === "" ? "" : `${left}.${dot.attr}`;
}

/** A policy taken apart: each condition that has to hold, so that each can be tried alone. */
import type { Clause, Expr, PolicyJson } from "@cedar-policy/cedar-wasm/nodejs";

/** One condition, as a permit of its own that nothing else limits. */
export interface Condition {
  /** Conditions of one clause build on each other: where one fails, those after it can't be tried. */
  readonly clause: number;
  readonly probe: PolicyJson;
}

const ANYTHING = { principal: { op: "All" }, action: { op: "All" }, resource: { op: "All" } } as const;

/** The conditions of a policy: its scope but for the action, and each part of its clauses. */
export function conditionsOf({ principal, resource, conditions }: PolicyJson): Condition[] {
  const probe = (change: Partial<PolicyJson>): PolicyJson => ({ effect: "permit", ...ANYTHING, conditions: [], ...change });
  const scope = [...(principal.op === "All" ? [] : [probe({ principal })]), ...(resource.op === "All" ? [] : [probe({ resource })])].map(
    (each, i) => ({ clause: -1 - i, probe: each }),
  );
  const clauses = conditions.flatMap((clause, i) =>
    partsOf(clause).map((body) => ({ clause: i, probe: probe({ conditions: [{ kind: "when", body }] }) })),
  );
  return [...scope, ...clauses];
}

/** `when { a && b }` needs a and b; `unless { a || b }` needs not a and not b. */
const partsOf = ({ kind, body }: Clause): Expr[] =>
  kind === "when" ? split(body, "&&") : split(body, "||").map((arg) => ({ "!": { arg } }));

function split(expr: Expr, by: "&&" | "||"): Expr[] {
  const both = (expr as Record<string, { left: Expr; right: Expr } | undefined>)[by];
  return both === undefined ? [expr] : [...split(both.left, by), ...split(both.right, by)];
}

/** Obligations of several permits as one list. docs/decisions/0102-obligations.md */
import type { Obligation } from "../../mesh/contract/ports.ts";

type Of<K extends Obligation["kind"]> = Extract<Obligation, { kind: K }>;

/** One approval by a role from all that want it: the largest quorum and the shortest time count, and it escalates only where all of them let it. */
function uniteApprovals(role: string, wanted: readonly Of<"approval">[]): Of<"approval"> {
  const quorum = Math.max(...wanted.map((one) => one.quorum ?? 1));
  const withinMs = Math.min(...wanted.map((one) => one.withinMs ?? Number.POSITIVE_INFINITY));
  return {
    kind: "approval",
    role,
    ...(quorum > 1 ? { quorum } : {}),
    ...(Number.isFinite(withinMs) ? { withinMs } : {}),
    ...(wanted.every(({ escalates }) => escalates === true) ? { escalates: true } : {}),
  };
}

/**
 * Unites the obligations of all permits that allow an action: all of them hold. Classes to mask are put together, the lowest rate counts, every role
 * has to approve, and an audit event of metadata beats a full one.
 */
export function uniteObligations(all: readonly Obligation[]): Obligation[] {
  const of = <K extends Obligation["kind"]>(kind: K): Of<K>[] => all.filter((one): one is Of<K> => one.kind === kind);
  const classes = [...new Set(of("mask").flatMap((one) => one.classes))].sort();
  const roles = [...new Set(of("approval").map(({ role }) => role))].sort();
  const rates = of("rate").map(({ perMinute }) => perMinute);
  const levels = of("log").map(({ level }) => level);
  return [
    ...(classes.length > 0 ? [{ kind: "mask", classes } as const] : []),
    ...roles.map((role) =>
      uniteApprovals(
        role,
        of("approval").filter((one) => one.role === role),
      ),
    ),
    ...(of("second-person").length > 0 ? [{ kind: "second-person" } as const] : []),
    ...(rates.length > 0 ? [{ kind: "rate", perMinute: Math.min(...rates) } as const] : []),
    ...(levels.length > 0 ? [{ kind: "log", level: levels.includes("metadata") ? "metadata" : "full" } as const] : []),
  ];
}

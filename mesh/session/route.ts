/** Why a task went to whom it went: kept with the task and recorded in the audit. Pure. Source: spec M6. */
import type { AuditDraft } from "../contract/audit.ts";
import type { Target } from "../contract/daemon-api.ts";
import type { Principal } from "../contract/identity.ts";
import type { Transaction } from "../contract/ports.ts";
import type { SessionDeps, TargetRoute } from "./ports.ts";

/** Longest text of an audit detail. */
const MAX_DETAIL = 500;

/** Why an agent was chosen, and why others were not. */
export interface RouteNote {
  readonly because: string;
  readonly notChosen: readonly { readonly agentId: string; readonly subject: string; readonly because: string }[];
}

/** Whom a target means. Where nobody explains it, whoever is found. @throws GaggleError NO_ROUTE */
export const routeOf = (deps: Pick<SessionDeps, "resolve" | "route">, target: Target): TargetRoute => {
  if (deps.route !== undefined) return deps.route(target);
  const to = deps.resolve(target);
  return { to, because: "the only one that is known", notChosen: [], ranked: [{ principal: to }] };
};

/** What of a route is kept with its task. */
export const noteOf = ({ because, notChosen }: TargetRoute): RouteNote => ({
  because,
  notChosen: notChosen.map(({ principal: { agentId, subject }, because: why }) => ({ agentId, subject, because: why })),
});

const wordsOf = ({ targetRole, agentId, skill, department }: Target): string =>
  [
    ...(targetRole === undefined ? [] : [`role ${targetRole}`]),
    ...(department === undefined ? [] : [`department ${department}`]),
    ...(skill === undefined ? [] : [`skill ${skill}`]),
    ...(agentId === undefined ? [] : [`agent ${agentId}`]),
  ].join(", ");

/** Records a choice: one event for each target, whatever the number of those who are asked. */
export function auditRoute(
  tx: Transaction,
  choice: { readonly id: string; readonly target: Target; readonly chosen: readonly Principal[]; readonly note: RouteNote },
  by: { readonly actor: AuditDraft["actor"]; readonly traceId: string },
): void {
  const { target, chosen, note } = choice;
  tx.audit({
    actor: by.actor,
    action: "task.route",
    target: `task:${choice.id}`,
    result: "ok",
    details: {
      wanted: wordsOf(target).slice(0, MAX_DETAIL),
      mode: target.fanout?.mode ?? "one",
      chosen: chosen
        .map(({ subject }) => subject)
        .join(",")
        .slice(0, MAX_DETAIL),
      agents: chosen.length,
      because: note.because.slice(0, MAX_DETAIL),
      notChosen: note.notChosen
        .map(({ subject, because }) => `${subject}: ${because}`)
        .join("; ")
        .slice(0, MAX_DETAIL),
    },
    traceId: by.traceId,
  });
}

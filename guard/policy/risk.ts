/** The risk of an action as one number, for the audit and for whoever decides how closely to look. docs/decisions/0102-obligations.md */
import type { PolicyAction } from "../../mesh/contract/bundle.ts";
import type { PolicyQuestion } from "../../mesh/contract/ports.ts";

/** Risk of an action where no policy that decides says one. */
const OF_ACTION: Readonly<Record<PolicyAction, number>> = {
  "notify.send": 5,
  "api.call": 5,
  "task.send": 10,
  "task.receive": 10,
  "task.run": 20,
  "session.join": 10,
  "session.handoff": 15,
  "session.share": 20,
  "tool.call": 10,
  "model.call": 10,
  "approval.request": 10,
  "approval.decide": 30,
  "guard.restore": 30,
  "audit.export": 30,
  "data.release": 40,
};

/** What circumstances add. */
const ADDED = { unattended: 10, otherDepartment: 10, personalData: 10, secrets: 20, foreignModel: 10 } as const;
const MOST = 100;

/**
 * Risk of an action, 0 to 100: the highest `@risk` of the policies that decided (else the action's own), plus 10 for each of: nobody looks on, another
 * department, personal data, personal data to a model outside; plus 20 for secrets.
 * @param said what the deciding policies' `@risk` say
 */
export function riskOf({ action, principal, target, context = {} }: PolicyQuestion, said: readonly number[]): number {
  const classes = context.dataClasses ?? [];
  const base = said.length > 0 ? Math.max(...said) : OF_ACTION[action];
  const added = [
    context.unattended === true && ADDED.unattended,
    target?.department !== undefined && target.department !== principal.department && ADDED.otherDepartment,
    classes.length > 0 && ADDED.personalData,
    classes.includes("SECRET") && ADDED.secrets,
    classes.length > 0 && context.local === false && ADDED.foreignModel,
  ];
  return Math.min(
    MOST,
    added.reduce<number>((sum, each) => sum + (each === false ? 0 : each), base),
  );
}

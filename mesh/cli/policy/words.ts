/** Policies, questions and near misses in plain words. Texts that others wrote are shown as they are, and can't move the cursor. */
import type { AskedQuestion, NearMissView, PolicyView } from "../../contract/daemon-api/policy-methods.ts";
import { asSeen, paint } from "../output.ts";

/** A policy: what the admin wrote above it, its id, and where it stands. */
export const policyLine = ({ id, effect, words, file, line }: PolicyView): string =>
  `${effect === "forbid" ? paint.bad("forbid") : paint.good("permit")} ${paint.strong(asSeen(id))}${words === "" ? "" : `: ${asSeen(words)}`} ${paint.dim(`(${asSeen(file)}:${line})`)}`;

/** A permit that came close, and what it would have needed. */
export const nearMissLines = ({ policy, failed }: NearMissView): string[] => [
  `  ${policyLine(policy)}`,
  ...failed.map(
    ({ words, text }) => `    it would have to hold that ${asSeen(words)}${text === "" ? "" : paint.dim(`  [${asSeen(text)}]`)}`,
  ),
];

/** What led to a decision, in lines. */
export function whyLines({ determining, closest }: { determining: readonly PolicyView[]; closest: readonly NearMissView[] }): string[] {
  const decided = determining.map((one) => `  ${policyLine(one)}`);
  if (closest.length === 0) return decided;
  return [...decided, "No policy allows it. These came closest:", ...closest.flatMap(nearMissLines)];
}

const whoIn = (one: { subject?: string | undefined; role?: string | undefined } | undefined): string => {
  const { subject = "?", role = "?" } = one ?? {};
  return asSeen(subject === "?" ? `somebody of role ${role}` : `${subject} (${role})`);
};

/** A question: `fiona.berg (finance) → marco.diaz (marketing): task.send accruals`. */
export function questionLine({ action, principal, target, resource, context }: AskedQuestion): string {
  const to = target === undefined ? "" : ` → ${whoIn(target)}`;
  const notes = [
    ...(context?.dataClasses === undefined || context.dataClasses.length === 0 ? [] : [`with ${context.dataClasses.join(", ")}`]),
    ...(context?.unattended === true ? ["without a person"] : []),
    ...(context?.local === undefined ? [] : [context.local ? "local" : "in the cloud"]),
  ];
  return `${whoIn(principal)}${to}: ${action}${resource === undefined ? "" : ` ${asSeen(resource)}`}${notes.length === 0 ? "" : ` (${notes.join("; ")})`}`;
}

/** Obligations and risk of a decision, as one line; nothing where there are none. */
export const carriedLine = ({ obligations, risk }: { obligations: readonly string[]; risk?: number | undefined }): string[] => {
  const parts = [
    ...(obligations.length === 0 ? [] : [`obliges to ${obligations.map(asSeen).join(", ")}`]),
    ...(risk === undefined ? [] : [`risk ${risk} of 100`]),
  ];
  return parts.length === 0 ? [] : [`  ${parts.join("; ")}`];
};

/** What the audit says of a policy decision: the same at sender and receiver, so that both can be laid side by side. Source: docs/audit-format.md. */
import type { Obligation, PolicyDecision, PolicyQuestion } from "../contract/ports.ts";

/** Longest text in an audit event's details. */
const MAX_TEXT = 500;

/** `approval:executive`; with more, `approval:executive/2/1440min/escalates`. */
const approvalWord = ({ role, quorum, withinMs, escalates }: Extract<Obligation, { kind: "approval" }>): string =>
  [
    `approval:${role}`,
    ...(quorum === undefined ? [] : [String(quorum)]),
    ...(withinMs === undefined ? [] : [`${Math.round(withinMs / 60_000)}min`]),
    ...(escalates === undefined ? [] : ["escalates"]),
  ].join("/");

/** The obligation in one word, such as `mask:EMAIL+IBAN`. */
export function obligationWord(obligation: Obligation): string {
  switch (obligation.kind) {
    case "mask":
      return `mask:${obligation.classes.join("+")}`;
    case "approval":
      return approvalWord(obligation);
    case "rate":
      return `rate:${obligation.perMinute}/min`;
    case "log":
      return `log:${obligation.level}`;
    default:
      return obligation.kind;
  }
}

const isFull = ({ obligations = [] }: PolicyDecision): boolean => obligations.some((one) => one.kind === "log" && one.level === "full");

const listed = (name: string, values: readonly string[] | undefined): Readonly<Record<string, string>> =>
  values === undefined || values.length === 0 ? {} : { [name]: values.join(",").slice(0, MAX_TEXT) };

/** The circumstances, for policies that want the full story. */
function circumstances({ context = {}, target }: PolicyQuestion): Readonly<Record<string, string | boolean>> {
  const { dataClasses, participants, unattended, local, recipeHash } = context;
  return {
    ...listed("dataClasses", dataClasses),
    ...listed("participants", participants),
    ...(target?.department === undefined ? {} : { targetDepartment: target.department }),
    ...(unattended === undefined ? {} : { unattended }),
    ...(local === undefined ? {} : { local }),
    ...(recipeHash === undefined ? {} : { recipeHash }),
  };
}

/**
 * Which rules decided, by which set, at what risk, with which obligations.
 * @param question what was asked; told in full where the decision obliges to, else by its action and resource
 */
export function decisionDetails(decision: PolicyDecision, question?: PolicyQuestion): Readonly<Record<string, string | number | boolean>> {
  const { allowed, rules, policyHash, risk, obligations = [] } = decision;
  return {
    policy: allowed ? "allow" : "deny",
    rules: rules.join(",").slice(0, MAX_TEXT),
    policyHash,
    ...(risk === undefined ? {} : { risk: Math.round(risk) }),
    ...listed("obligations", obligations.map(obligationWord)),
    ...(question === undefined
      ? {}
      : { asked: question.action, ...listed("resource", question.resource === undefined ? [] : [question.resource]) }),
    ...(question !== undefined && isFull(decision) ? circumstances(question) : {}),
  };
}

/** Puts together again what policy was asked, from what the audit says of a decision. What the event does not have stays unknown. */
import type { AuditEvent } from "../../contract/audit.ts";
import { type OrgChart, policyAction } from "../../contract/bundle.ts";
import type { Principal } from "../../contract/identity.ts";
import type { PolicyContext, PolicyQuestion } from "../../contract/ports.ts";

/** Stands for what is not known, as in the policy schema. */
const UNKNOWN = "?";

type Details = AuditEvent["details"];

const textOf = (details: Details, name: string): string | undefined => {
  const value = details[name];
  return typeof value === "string" && value !== "" ? value : undefined;
};

/**
 * A person by the org chart of now.
 * @param as stands for the agent, which is not known: two unknown agents are not the same one
 */
export function personOf(subject: string | undefined, chart: OrgChart, as: "principal" | "target"): Principal {
  const seat = chart.find(({ id }) => id === subject);
  return { agentId: as, subject: subject ?? UNKNOWN, role: seat?.role ?? UNKNOWN, department: seat?.department ?? UNKNOWN };
}

/** Who acted and who was acted upon; the side that the event does not name is this agent. */
function partiesOf({ action, details }: AuditEvent, self: Principal, chart: OrgChart): { principal: Principal; target?: Principal } {
  const named = (name: string, as: "principal" | "target"): Principal | undefined => {
    const subject = textOf(details, name);
    return subject === undefined ? undefined : personOf(subject, chart, as);
  };
  const nobody = personOf(undefined, chart, "principal");
  const cameIn = action === "message.receive" || (action === "data.release" && details["fromSubject"] !== undefined);
  if (cameIn) return { principal: named("fromSubject", "principal") ?? nobody, target: self };
  if (action === "approval.check")
    return { principal: named("approver", "principal") ?? nobody, target: named("peerSubject", "target") ?? nobody };
  if (action === "approval.accept")
    return { principal: named("approver", "principal") ?? named("peerSubject", "principal") ?? nobody, target: self };
  const target = named(action === "approval.decide" ? "peerSubject" : "toSubject", "target");
  return { principal: self, ...(target === undefined ? {} : { target }) };
}

function contextOf(details: Details): PolicyContext {
  const list = (name: string): string[] | undefined => textOf(details, name)?.split(",");
  const [dataClasses, participants, recipeHash] = [list("dataClasses"), list("participants"), textOf(details, "recipeHash")];
  const { unattended, local } = details;
  return {
    ...(dataClasses === undefined ? {} : { dataClasses }),
    ...(participants === undefined ? {} : { participants }),
    ...(recipeHash === undefined ? {} : { recipeHash }),
    ...(typeof unattended === "boolean" ? { unattended } : {}),
    ...(typeof local === "boolean" ? { local } : {}),
  };
}

/** The questions of an event: one, or one for each class that did not leave. None where it tells of no decision. */
export function pastQuestions(event: AuditEvent, self: Principal, chart: OrgChart): PolicyQuestion[] {
  const { details } = event;
  const action = policyAction.safeParse(details["asked"] ?? event.action);
  if (!action.success || details["policy"] === undefined) return [];
  const { principal, target } = partiesOf(event, self, chart);
  const resources = action.data === "data.release" ? (textOf(details, "withheld")?.split(",") ?? []) : [textOf(details, "resource")];
  return resources.map((resource) => ({
    action: action.data,
    principal,
    ...(target === undefined ? {} : { target, targetRole: target.role }),
    ...(resource === undefined ? {} : { resource }),
    context: contextOf(details),
  }));
}

/** A question as Cedar is asked it, with the few entities that it needs: who acts, who is acted upon, and whom they report to. */
import type { OrgChart, PolicyAction } from "../../mesh/contract/bundle.ts";
import type { Principal } from "../../mesh/contract/identity.ts";
import type { PolicyContext, PolicyQuestion } from "../../mesh/contract/ports.ts";
import type { CedarValueJson, EntityJson, TypeAndId } from "@cedar-policy/cedar-wasm/nodejs";
import { ACTION_GROUPS, RESOURCE_TYPE, UNKNOWN } from "./policy-schema.ts";

/** A request and its entities, as Cedar's API takes them. */
export interface CedarRequest {
  readonly principal: TypeAndId;
  readonly action: TypeAndId;
  readonly resource: TypeAndId;
  readonly context: Record<string, CedarValueJson>;
  readonly entities: EntityJson[];
}

/** The people of the org chart by their id. */
export type People = ReadonlyMap<string, OrgChart[number]>;

/** The people of an org chart by their id. */
export const peopleOf = (chart: OrgChart): People => new Map(chart.map((person) => [person.id, person]));

const uid = (type: string, id: string): TypeAndId => ({ type, id });
const ref = (type: string, id: string): { __entity: TypeAndId } => ({ __entity: { type, id } });

/** What is known of the agent acted upon; the rest is unknown. */
const targetOf = ({ target, targetRole }: PolicyQuestion): Principal => ({
  agentId: target?.agentId ?? UNKNOWN,
  subject: target?.subject ?? UNKNOWN,
  role: targetRole ?? target?.role ?? UNKNOWN,
  department: target?.department ?? UNKNOWN,
});

/** The request for a question. */
export function cedarRequest(question: PolicyQuestion, people: People): CedarRequest {
  const { action, principal, resource, context } = question;
  const target = targetOf(question);
  // Who acts comes first: what is said of the target can't change who that is.
  const others = target.agentId === principal.agentId ? [] : [agentEntity(target)];
  const persons = target.subject === principal.subject ? [principal] : [principal, target];
  return {
    principal: uid("Agent", principal.agentId),
    action: uid("Action", action),
    resource: uid(RESOURCE_TYPE[action], resource ?? UNKNOWN),
    context: { target: ref("Agent", target.agentId), ...circumstances(context) },
    entities: [actionEntity(action), agentEntity(principal), ...others, ...persons.map((one) => personEntity(one, people))],
  };
}

/** Without it Cedar would not know that an action is in its groups, and would skip every policy about a group. */
const actionEntity = (action: PolicyAction): EntityJson => ({
  uid: uid("Action", action),
  attrs: {},
  parents: Object.keys(ACTION_GROUPS)
    .filter((group) => ACTION_GROUPS[group]?.includes(action))
    .map((group) => uid("Action", group)),
});

const agentEntity = ({ agentId, subject, role, department }: Principal): EntityJson => ({
  uid: uid("Agent", agentId),
  attrs: { person: ref("Person", subject), role: ref("Role", role), department: ref("Department", department) },
  parents: [uid("Person", subject), uid("Role", role), uid("Department", department)],
});

/** Who is not on the org chart reports to nobody and has what their credential says. */
function personEntity({ subject, role, department }: Principal, people: People): EntityJson {
  const person = people.get(subject);
  return {
    uid: uid("Person", subject),
    attrs: {
      role: ref("Role", person?.role ?? role),
      department: ref("Department", person?.department ?? department),
      ...(person === undefined ? {} : { title: person.title }),
    },
    // All of them at once: an entity of its own for each manager would cost more than all the rest of a decision.
    parents: managersOf(subject, people).map((id) => uid("Person", id)),
  };
}

/** Everybody a person reports to, the nearest first; where it goes in a circle, until it comes round. */
export function managersOf(subject: string, people: People): string[] {
  const above = new Set<string>();
  for (
    let id = people.get(subject)?.manager ?? null;
    id !== null && id !== subject && !above.has(id);
    id = people.get(id)?.manager ?? null
  ) {
    above.add(id);
  }
  return [...above];
}

/** Only what is known: a policy asks with `has`. */
function circumstances(context: PolicyContext | undefined): Record<string, CedarValueJson> {
  if (context === undefined) return {};
  const { dataClasses, unattended, participants, local, recipeHash } = context;
  return {
    ...(dataClasses === undefined ? {} : { dataClasses: dataClasses.map((name) => ref("DataClass", name)) }),
    ...(unattended === undefined ? {} : { unattended }),
    ...(participants === undefined ? {} : { participants: participants.map((subject) => ref("Person", subject)) }),
    ...(local === undefined ? {} : { local }),
    ...(recipeHash === undefined ? {} : { recipeHash }),
  };
}

/** Which facts of an audit event a span may carry: a list of what is let through, so that a new detail of an event stays out until somebody looked at it. */
import type { AuditEvent } from "../contract/audit.ts";
import type { SpanAttributes } from "./span-draft.ts";

/** Details that hold ids that the system made, names that the signed bundle gives, counts and codes. */
const DETAILS: Readonly<Record<string, RegExp | "number">> = {
  type: /^[a-z][a-z.-]{0,60}$/,
  to: /^12D3KooW[A-Za-z0-9]{44}$/,
  from: /^12D3KooW[A-Za-z0-9]{44}$/,
  ref: /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/,
  taskId: /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/,
  policyHash: /^[0-9a-f]{64}$/,
  code: /^[A-Z][A-Z_]{1,40}$/,
  skill: /^[a-z][a-z0-9-]{0,63}$/,
  state: /^[A-Z_]{1,40}$/,
  destination: /^(local|cloud)$/,
  upstream: /^[a-z][a-z0-9-]{0,63}$/,
  task: /^[a-z-]{1,40}$/,
  attempt: "number",
  attempts: "number",
  status: "number",
  requestBytes: "number",
  durationMs: "number",
  risk: "number",
};

/** Targets whose id the system made or the signed bundle names; the id of any other stays out. */
const TARGETS: Readonly<Record<string, RegExp>> = {
  task: /^[0-9a-f-]{36}$/,
  run: /^[0-9a-f-]{36}$/,
  approval: /^[0-9a-f-]{36}$/,
  envelope: /^[0-9a-f-]{36}$/,
  tool: /^[a-z][a-z0-9-]*__[a-z][a-z0-9_]*$/,
  agent: /^12D3KooW[A-Za-z0-9]{44}$/,
};

/** The attributes of an event's span. */
export function attributesOf({ agentId, action, actor, target, result, details, redactions, cost }: AuditEvent): SpanAttributes {
  const [kind, id] = splitTarget(target);
  const told = Object.entries(details).filter(([name, value]) => mayTell(name, value));
  const masked = redactions
    .filter((one) => /^[A-Z_]{1,40}$/.test(one.class))
    .map((one) => [`gaggle.masked.${one.class}`, one.count] as const);
  return {
    "gaggle.agent": agentId,
    "gaggle.role": actor.role,
    "gaggle.action": action,
    "gaggle.result": result,
    ...(TARGETS[kind]?.test(id) === true ? { [`gaggle.${kind}`]: id } : {}),
    ...Object.fromEntries(told.map(([name, value]) => [`gaggle.${name}`, value])),
    ...Object.fromEntries(masked),
    ...(cost.tokens === 0 ? {} : { "gaggle.tokens": cost.tokens }),
  };
}

function splitTarget(target: string): [string, string] {
  const at = target.indexOf(":");
  return [target.slice(0, at), target.slice(at + 1)];
}

function mayTell(name: string, value: unknown): boolean {
  const rule = Object.hasOwn(DETAILS, name) ? DETAILS[name] : undefined;
  if (rule === undefined) return false;
  return rule === "number" ? typeof value === "number" : typeof value === "string" && rule.test(value);
}

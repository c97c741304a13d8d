/** From the admin's `.cedar` files to the policy set that is signed: everything is checked here, so that nothing is left to find out at run time. */
import { policyAction } from "../../mesh/contract/bundle.ts";
import { GaggleError } from "../../mesh/contract/errors.ts";
import { slug } from "../../mesh/contract/ids.ts";
import { parseAs } from "../../mesh/contract/json.ts";
import { POLICY_SCHEMA_VERSION, type PolicySet, policySet, type SignedPolicy } from "../../mesh/contract/policy-set.ts";
import type { ActionConstraint, DetailedError, EntityUidJson, PolicyJson, PrincipalConstraint } from "@cedar-policy/cedar-wasm/nodejs";
import { readAnnotations } from "./annotations.ts";
import { type Cedar, loadCedar } from "./cedar.ts";
import { namesIn } from "./named-entities.ts";
import { ACTION_GROUPS, readPolicySchema } from "./policy-schema.ts";

/** What the organisation has; a policy may name no other. */
export interface PolicyNames {
  readonly roles: ReadonlySet<string>;
  readonly departments: ReadonlySet<string>;
  readonly people: ReadonlySet<string>;
}

const refuse = (file: string, line: number, problem: string): GaggleError =>
  new GaggleError("INVALID_INPUT", `${file}, line ${line}: ${problem}`);

/**
 * Parses, validates (strictly, against the schema) and orders all policies.
 * @param files text of each `.cedar` file by its path, for example `policies/close.cedar`
 * @param names left out, any name is taken
 * @throws GaggleError INVALID_INPUT naming file and line
 */
export function compilePolicies(files: Readonly<Record<string, string>>, names?: PolicyNames): PolicySet {
  const cedar = loadCedar();
  const policies = Object.entries(files).flatMap(([file, text]) => readFile(cedar, file, text));
  checkIds(policies);
  validate(cedar, policies);
  for (const policy of policies) checkMeaning(cedar, policy, names);
  const ordered = policies.sort((a, b) => (a.id < b.id ? -1 : 1));
  // Whatever the run-time check would refuse, such as a policy that is too long, is better refused here.
  return parseAs(policySet, { v: 2, schema: POLICY_SCHEMA_VERSION, policies: ordered }, "The policy set");
}

/** Line of an offset, from 1. Cedar counts bytes of UTF-8. */
const lineAt = (text: string, byte: number): number => Buffer.from(text).subarray(0, byte).toString().split("\n").length;

function readFile(cedar: Cedar, file: string, text: string): SignedPolicy[] {
  const parts = cedar.policySetTextToParts(text);
  if (parts.type !== "success") throw faultIn(file, text, 1, parts.errors);
  if (parts.policy_templates.length > 0)
    throw refuse(file, 1, "a template (with ?principal or ?resource) can't be signed; write policies.");
  return parts.policies
    .map((policy) => ({ policy, at: text.indexOf(policy) }))
    .sort((a, b) => a.at - b.at)
    .map(({ policy, at }) => readPolicy(cedar, file, policy, text.slice(0, at)));
}

/** @param before the file's text up to the policy */
function readPolicy(cedar: Cedar, file: string, text: string, before: string): SignedPolicy {
  const line = before.split("\n").length;
  const parsed = cedar.policyToJson(text);
  if (parsed.type !== "success") throw faultIn(file, text, line, parsed.errors);
  const { effect, annotations: given = {}, action, principal } = parsed.json;
  // An annotation without a value is null in Cedar's JSON.
  const annotations = Object.fromEntries(Object.entries(given).map(([name, value]) => [name, (value as string | null) ?? ""]));
  const id = annotations["id"] ?? "";
  if (!slug.safeParse(id).success) throw refuse(file, line, 'the policy needs an id such as @id("close-asks-accruals").');
  return { id, effect, actions: actionsOf(action), ...roleOf(principal), file, line, words: commentAbove(before), annotations, text };
}

/** The comment directly above a policy, as one paragraph. */
function commentAbove(before: string): string {
  const lines = before.split("\n").slice(0, -1);
  const start = lines.findLastIndex((line) => !line.trim().startsWith("//")) + 1;
  return lines
    .slice(start)
    .map((line) => line.trim().replace(/^\/\/+\s*/, ""))
    .join(" ")
    .trim()
    .slice(0, 2_000);
}

function actionsOf(constraint: ActionConstraint): string[] {
  if (constraint.op === "All") return [...policyAction.options];
  const given = "entities" in constraint ? constraint.entities : "entity" in constraint ? [constraint.entity] : [];
  return [...new Set(given.map(idOf).flatMap((name) => [...(ACTION_GROUPS[name] ?? [name])]))].sort();
}

/** The role of `principal in Role::"…"`. */
function roleOf(constraint: PrincipalConstraint): { role?: string } {
  const within = constraint.op === "is" ? constraint.in : constraint.op === "in" ? constraint : undefined;
  const [entity] = within !== undefined && "entity" in within ? namesIn(within.entity) : [];
  return entity?.type === "Role" && slug.safeParse(entity.id).success ? { role: entity.id } : {};
}

const idOf = (uid: EntityUidJson): string => ("__entity" in uid ? uid.__entity.id : uid.id);

function faultIn(file: string, text: string, firstLine: number, errors: readonly DetailedError[]): GaggleError {
  const [error] = errors;
  const place = error?.sourceLocations?.[0];
  const line = place === undefined ? firstLine : firstLine + lineAt(text, place.start) - 1;
  return refuse(file, line, [error?.message ?? "it is not valid Cedar", place?.label, error?.help].filter(Boolean).join("; "));
}

function checkIds(policies: readonly SignedPolicy[]): void {
  const seen = new Map<string, SignedPolicy>();
  for (const policy of policies) {
    const other = seen.get(policy.id);
    if (other !== undefined) throw refuse(policy.file, policy.line, `${other.file}, line ${other.line} has the id ${policy.id} too.`);
    seen.set(policy.id, policy);
  }
}

function validate(cedar: Cedar, policies: readonly SignedPolicy[]): void {
  const staticPolicies = Object.fromEntries(policies.map(({ id, text }) => [id, text]));
  const answer = cedar.validate({ schema: readPolicySchema(), policies: { staticPolicies }, validationSettings: { mode: "strict" } });
  if (answer.type !== "success") {
    throw new GaggleError("INVALID_INPUT", `The policies can't be validated: ${answer.errors.map(({ message }) => message).join("; ")}`);
  }
  // A warning is a policy that never applies, or a name that looks like another.
  for (const { policyId, error } of [...answer.validationErrors, ...answer.validationWarnings]) {
    const policy = policies.find(({ id }) => id === policyId);
    throw faultIn(policy?.file ?? "policies", policy?.text ?? "", policy?.line ?? 1, [error]);
  }
}

function checkMeaning(cedar: Cedar, policy: SignedPolicy, names: PolicyNames | undefined): void {
  const { problems, obligations } = readAnnotations(policy.effect, policy.annotations);
  const [problem] = problems;
  if (problem !== undefined) throw refuse(policy.file, policy.line, `${problem}.`);
  if (names === undefined) return;
  const parsed = cedar.policyToJson(policy.text);
  const named = parsed.type === "success" ? namesIn(parsed.json satisfies PolicyJson) : [];
  const approvers = obligations.flatMap((one) => (one.kind === "approval" ? [{ type: "Role", id: one.role }] : []));
  for (const { type, id } of [...named, ...approvers]) {
    if (!isThere(type, id, names)) throw refuse(policy.file, policy.line, `there is no ${type.toLowerCase()} ${id} in the organisation.`);
  }
}

function isThere(type: string, id: string, { roles, departments, people }: PolicyNames): boolean {
  if (type === "Role") return roles.has(id);
  if (type === "Department") return departments.has(id);
  return type !== "Person" || people.has(id);
}

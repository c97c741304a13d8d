/** Rewrites an allow-list of before 2026-12 (`policy.yaml`) as Cedar that answers the same. docs/decisions/0101-policy-bundle.md */
import { z } from "zod";
import { policyAction, type PolicyAction } from "../../mesh/contract/bundle.ts";
import { slug } from "../../mesh/contract/ids.ts";
import { RESOURCE_TYPE } from "./policy-schema.ts";
import { widensSession } from "./widening-tools.ts";

const rule = z.strictObject({
  id: slug,
  actions: z.array(policyAction).min(1),
  principalRoles: z.array(z.string()).optional(),
  targetRoles: z.array(z.string()).optional(),
  resources: z.array(z.string()).optional(),
});
type Rule = z.infer<typeof rule>;

/** `policy.yaml` of before: default deny, a deny beats every allow; a list that is left out, or has `*`, matches anything. */
export const allowList = z.strictObject({ v: z.literal(1), allow: z.array(rule), deny: z.array(rule) });
/** `policy.yaml` of before. */
export type AllowList = z.infer<typeof allowList>;

/**
 * The rules as Cedar policies.
 * @param comments what stood above a rule, by its id
 */
export function fromAllowList({ allow, deny }: AllowList, comments: ReadonlyMap<string, string> = new Map()): string {
  const texts = [...allow.map((one) => policiesOf("permit", one)), ...deny.map((one) => policiesOf("forbid", one))].flat();
  return `${texts.map(({ id, text }) => commentLines(comments.get(id)) + text).join("\n\n")}\n`;
}

const commentLines = (comment: string | undefined): string =>
  (comment ?? "")
    .split("\n")
    .filter((line) => line.trim() !== "")
    .map((line) => `// ${line.trim()}\n`)
    .join("");

/** One policy for each kind of resource that the rule's actions are about; nearly always one. */
function policiesOf(effect: "permit" | "forbid", one: Rule): { id: string; text: string }[] {
  const types = [...new Set(one.actions.map((action) => RESOURCE_TYPE[action]))];
  return types.map((type) => {
    const actions = one.actions.filter((action) => RESOURCE_TYPE[action] === type);
    const id = types.length === 1 ? one.id : `${one.id}-${type.toLowerCase()}`;
    return { id: one.id, text: policyText(effect, { ...one, id, actions }, type) };
  });
}

function policyText(effect: "permit" | "forbid", { id, actions, principalRoles, targetRoles, resources }: Rule, type: string): string {
  const conditions = [
    membership("Role", principalRoles, "principal.role"),
    membership("Role", targetRoles, "context.target.role"),
    membership(type, resources, "resource"),
  ].filter((condition) => condition !== undefined);
  const when = conditions.length === 0 ? "" : `\nwhen\n{\n  ${conditions.join(" &&\n  ")}\n}`;
  return `@id("${id}")${widens(effect, resources)}\n${effect} (principal, ${actionScope(actions)}, resource)${when};`;
}

/** `[Role::"a"].contains(principal.role)`; undefined where anything matches. */
function membership(type: string, names: readonly string[] | undefined, of: string): string | undefined {
  if (names === undefined || names.includes("*")) return undefined;
  return `[${names.map((name) => `${type}::${JSON.stringify(name)}`).join(", ")}].contains(${of})`;
}

const actionScope = (actions: readonly PolicyAction[]): string => {
  const names = actions.map((action) => `Action::"${action}"`);
  return names.length === 1 ? `action == ${names[0] ?? ""}` : `action in [${names.join(", ")}]`;
};

/** Before, naming such a tool was enough. */
function widens(effect: "permit" | "forbid", resources: readonly string[] = []): string {
  const tools = effect === "permit" ? resources.filter(widensSession) : [];
  return tools.length === 0 ? "" : ` @widens("${tools.join(",")}")`;
}

/**
 * Makes the matrix roles × actions in docs/policy.md from the sample company's policies, by asking the engine. Needs a Node that runs TypeScript
 * (22.18 or newer).
 *
 * Usage: node scripts/policy-matrix.mjs [--write]
 */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { createCedarEngine } from "../guard/policy/cedar-engine.ts";
import { DATA_CLASSES } from "../mesh/contract/data-class.ts";
import { canonicalHash } from "../mesh/contract/json.ts";
import { obligationWord } from "../mesh/enforcement/decision-details.ts";
import { checkedPolicies } from "../profiles/bundle/checked-policies.ts";
import { readSources } from "../profiles/bundle/read-sources.ts";
import { withPart, writeOrCompare } from "./generated-part.mjs";

/** @typedef {import("../mesh/contract/ports.ts").PolicyEngine} PolicyEngine */
/** @typedef {import("../mesh/contract/ports.ts").PolicyQuestion} PolicyQuestion */
/** @typedef {import("../mesh/contract/bundle.ts").RoleProfile} RoleProfile */
/** @typedef {{ readonly label: string, readonly action: PolicyQuestion["action"], readonly resource?: string, readonly target?: boolean }} Row */

/** Tools of Goose itself that a chat may meet. */
const GOOSE_TOOLS = ["shell", "write", "delegate"];
/** Classes of shards that the sample's sessions have. */
const SHARDS = ["public", "internal", "financial", "payroll", "personnel"];

/**
 * Everything that is asked: each action, with the resources that the organisation has.
 * @param {readonly RoleProfile[]} profiles
 * @returns {Row[]}
 */
const rowsOf = (profiles) => {
  const skills = [...new Set(profiles.flatMap((profile) => profile.skills.map(({ id }) => id)))].sort();
  const tools = [
    ...new Set(
      profiles.flatMap((profile) => profile.extensions.flatMap(({ name, tools: named }) => named.map((tool) => `${name}__${tool}`))),
    ),
  ].sort();
  return [
    ...skills.flatMap((resource) =>
      /** @type {const} */ (["task.send", "task.run"]).map((action) => ({
        label: `${action} \`${resource}\``,
        action,
        resource,
        target: true,
      })),
    ),
    { label: "task.send without a skill", action: "task.send", target: true },
    .../** @type {const} */ (["notify.send", "approval.request", "approval.decide", "session.join", "session.handoff"]).map((action) => ({
      label: action,
      action,
      target: true,
    })),
    ...SHARDS.map((resource) => ({
      label: `session.share \`${resource}\``,
      action: /** @type {const} */ ("session.share"),
      resource,
      target: true,
    })),
    { label: "guard.restore its own text", action: "guard.restore", resource: "own" },
    { label: "guard.restore what came from", action: "guard.restore", resource: "received", target: true },
    ...DATA_CLASSES.map((resource) => ({
      label: `data.release ${resource}`,
      action: /** @type {const} */ ("data.release"),
      resource,
      target: true,
    })),
    { label: "model.call", action: "model.call", resource: "any model" },
    { label: "audit.export", action: "audit.export" },
    { label: "api.call", action: "api.call", resource: "status" },
    ...[...tools, ...GOOSE_TOOLS].map((resource) => ({
      label: `tool.call \`${resource}\``,
      action: /** @type {const} */ ("tool.call"),
      resource,
    })),
  ];
};

/** @param {string} role @param {string} department @param {string} agentId */
const anybody = (role, department, agentId) => ({ agentId, subject: `any-${agentId}`, role, department });

/**
 * What a role may do, in one cell: to which roles, or whether at all; with what goes along.
 * @param {PolicyEngine} engine
 * @param {Row} row
 * @param {RoleProfile} who
 * @param {readonly RoleProfile[]} profiles
 */
const cellOf = (engine, { action, resource, target }, who, profiles) => {
  const principal = anybody(who.role, who.department, "principal");
  const ask = (/** @type {RoleProfile | undefined} */ other) =>
    engine.decide({
      action,
      principal,
      ...(resource === undefined ? {} : { resource }),
      // Who asks an approval takes part in it; nothing of a class is in it.
      ...(action.startsWith("approval.")
        ? { context: { dataClasses: [], participants: [action === "approval.decide" ? "any-target" : "any-principal"] } }
        : {}),
      ...(other === undefined ? {} : { target: anybody(other.role, other.department, "target"), targetRole: other.role }),
    });
  const words = (/** @type {ReturnType<typeof ask>} */ { obligations = [] }) =>
    obligations.length === 0 ? "" : ` (${obligations.map(obligationWord).join(", ")})`;
  if (target !== true) {
    const decision = ask(undefined);
    return decision.allowed ? `yes${words(decision)}` : "–";
  }
  const allowed = profiles.map((other) => ({ other, decision: ask(other) })).filter(({ decision }) => decision.allowed);
  if (allowed.length === 0) return "–";
  const said = new Set(allowed.map(({ decision }) => words(decision)));
  if (allowed.length === profiles.length && said.size === 1) return `all${[...said][0]}`;
  return allowed.map(({ other, decision }) => `${other.role}${words(decision)}`).join(", ");
};

/**
 * The matrix as a Markdown table. Rows with the same cells are one.
 * @param {PolicyEngine} engine
 * @param {readonly RoleProfile[]} given
 */
export const policyMatrix = (engine, given) => {
  const profiles = given.toSorted((a, b) => (a.role < b.role ? -1 : 1));
  /** @type {Map<string, { labels: string[], cells: string[] }>} */
  const merged = new Map();
  for (const row of rowsOf(profiles)) {
    const cells = profiles.map((who) => cellOf(engine, row, who, profiles));
    const key = `${row.action}${cells.join("|")}`;
    const before = merged.get(key);
    if (before === undefined) merged.set(key, { labels: [row.label], cells });
    else before.labels.push(row.label.slice(row.action.length + 1));
  }
  const line = (/** @type {readonly string[]} */ cells) => `| ${cells.join(" | ")} |`;
  return [
    line(["may", ...profiles.map(({ role }) => role)]),
    line(["---", ...profiles.map(() => "---")]),
    ...[...merged.values()].map(({ labels, cells }) => line([labels.join(", "), ...cells])),
  ].join("\n");
};

/** The matrix of the sample company, by the policies that `gaggle org sign` would sign. */
export const sampleMatrix = async () => {
  const folder = (/** @type {string} */ path) => fileURLToPath(new URL(`../${path}`, import.meta.url));
  const sources = await readSources(folder("profiles/sample"), folder("recipes"));
  const set = checkedPolicies(sources);
  const engine = createCedarEngine({ set, orgChart: sources.orgChart, policyHash: canonicalHash(set) });
  try {
    return policyMatrix(
      engine,
      sources.roles.map(({ profile }) => profile),
    );
  } finally {
    engine.close();
  }
};

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const path = fileURLToPath(new URL("../docs/policy.md", import.meta.url));
  writeOrCompare(path, withPart(readFileSync(path, "utf8"), "policy-matrix", await sampleMatrix()), "scripts/policy-matrix.mjs");
}

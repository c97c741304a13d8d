/**
 * What Gaggle must do, row by row, with the tests that show it. A gate (`test/contract/requirements.test.ts`) fails where a row claims more than
 * its tests: `done` and `partial` need at least one test that exists. The README's feature table is made from this file:
 * `node scripts/requirements-table.mjs --write`.
 */

/** `done`: shown by a test on real parts; `partial`: a part of it is; `open`: not yet; `later`: known, and not begun. */
export type RequirementState = "done" | "partial" | "open" | "later";

/** A test that shows a requirement: a file under test/, and the exact title of one test in it, or the whole file. */
export interface RequirementTest {
  readonly file: string;
  readonly title?: string;
}

/** One requirement. `note` says what is missing where the state is `partial`. */
export interface Requirement {
  readonly title: string;
  readonly state: RequirementState;
  readonly tests: readonly RequirementTest[];
  readonly note?: string;
}

/** Every requirement by its id: O organisation, M mesh, G guard and models, P policy, identity and audit, L later. */
export const REQUIREMENTS: Readonly<Record<string, Requirement>> = {
  O1: { title: "Goose is reused: extensions, recipes, plugin, ACP; `gaggle setup` writes and removes it", state: "open", tests: [] },
  O2: { title: "A digital twin per person or team, bound to a role in the org chart", state: "open", tests: [] },
  O3: { title: "Role profiles; eight seeded roles", state: "open", tests: [] },
  O4: { title: "Signed, versioned, expiring profile bundles; the last good one stays", state: "open", tests: [] },
  O5: { title: "Extension and tool allow-lists per role, enforced at run time", state: "open", tests: [] },
  M1: { title: "Agents find each other: LAN, bootstrap node, learned addresses, relay", state: "open", tests: [] },
  M2: { title: "Only members get in: mutual proof before any other protocol", state: "open", tests: [] },
  M3: { title: "The mesh verbs as MCP tools", state: "open", tests: [] },
  M4: { title: "Delivery survives crashes, restarts and partitions", state: "open", tests: [] },
  M5: { title: "Sealed mailbox for recipients that are off", state: "open", tests: [] },
  M6: { title: "Router and skills graph", state: "open", tests: [] },
  M7: { title: "Backpressure: rate limits, quotas, circuit breakers, bulkheads", state: "open", tests: [] },
  M8: { title: "A2A task states, signed agent cards, artifacts by content hash", state: "open", tests: [] },
  M9: { title: "Session broker: participants, scope, context shards", state: "open", tests: [] },
  M10: { title: "Signed approvals over exactly what was approved", state: "open", tests: [] },
  M11: { title: "Workflows in waves, durable and resumable", state: "open", tests: [] },
  M12: { title: "Tasks run unattended where policy says so: Goose over ACP, typed result", state: "open", tests: [] },
  G1: { title: "On-device detection: rules with checksums, NER model, company lists", state: "open", tests: [] },
  G2: { title: "Guard modes per role, entity class and destination", state: "open", tests: [] },
  G3: { title: "Deterministic pseudonyms with a key in epochs; encrypted maps", state: "open", tests: [] },
  G4: { title: "Every model call passes the guard, streaming and not; fail closed", state: "open", tests: [] },
  G5: { title: "The guard stands at the mesh boundary too", state: "open", tests: [] },
  G6: { title: "Guard verbs: detect, process, restore", state: "open", tests: [] },
  G7: { title: "Model gateway: routes, budgets, cost ledger, local fallback", state: "open", tests: [] },
  G8: { title: "Guard overhead within the limit", state: "open", tests: [] },
  P1: { title: "RBAC and ABAC policy in Cedar at every boundary; default deny", state: "open", tests: [] },
  P2: { title: "OIDC sign-in and invitation tokens", state: "open", tests: [] },
  P3: { title: "Short-lived tokens and membership credentials bound to keys; JWKS; revocation", state: "open", tests: [] },
  P4: { title: "Keys in the OS keychain or an encrypted file; no secret in logs", state: "open", tests: [] },
  P5: { title: "Audit hash chain, collection, export, independent verifier", state: "open", tests: [] },
  P6: { title: "Controller HTTP API with OpenAPI", state: "open", tests: [] },
  P7: { title: "Structured logs, metrics, traces, health", state: "open", tests: [] },
  P8: { title: "The mesh works while the bootstrap node is down", state: "open", tests: [] },
  L1: { title: "MCP gateway in front of many MCP servers", state: "later", tests: [] },
  L2: { title: "Ingress: webhooks, feeds, event log, dispatcher", state: "later", tests: [] },
  L3: { title: "Scheduler with time zones", state: "later", tests: [] },
  L4: { title: "Egress: actions with retries and audit, notifications, digest", state: "later", tests: [] },
  L5: { title: "Web console and terminal dashboard", state: "later", tests: [] },
  L6: { title: "Memory and knowledge with on-device embeddings", state: "later", tests: [] },
  L7: { title: "Browser and desktop operation, sandboxed code", state: "later", tests: [] },
  L8: { title: "Scale-out: load-balanced bootstrap nodes, 2,000 agents", state: "later", tests: [] },
  L9: { title: "A2A endpoint for agents that are not Goose", state: "later", tests: [] },
  L10: { title: "Agent registry with versions; configuration in Git with review", state: "later", tests: [] },
};

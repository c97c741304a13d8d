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

/** One requirement. `note` says what is missing where the state is `partial`, and elsewhere what a reader should know. */
export interface Requirement {
  readonly title: string;
  readonly state: RequirementState;
  readonly tests: readonly RequirementTest[];
  readonly note?: string;
}

/** Every requirement by its id: O organisation, M mesh, G guard and models, P policy, identity and audit, L later. */
export const REQUIREMENTS: Readonly<Record<string, Requirement>> = {
  O1: {
    title: "Goose is reused: extensions, recipes, plugin, ACP; `gaggle setup` writes and removes it",
    state: "done",
    tests: [
      { file: "test/goose/setup.test.ts" },
      { file: "test/goose/extensions.test.ts" },
      { file: "test/goose/executor.test.ts" },
      { file: "test/goose/enforcement.test.ts" },
      { file: "test/unit/mesh/cli/setup/setup.test.ts" },
    ],
  },
  O2: {
    title: "A digital twin per person or team, bound to a role in the org chart",
    state: "partial",
    tests: [
      { file: "test/unit/profiles/sample/sample-organisation.test.ts" },
      { file: "test/unit/mesh/directory/directory.test.ts" },
      { file: "test/unit/mesh/cli/peers.test.ts" },
    ],
    note: "levels are in the profile and nothing acts on them yet",
  },
  O3: {
    title: "Role profiles; eight seeded roles",
    state: "partial",
    tests: [
      { file: "test/unit/profiles/sample/sample-organisation.test.ts" },
      { file: "test/unit/profiles/bundle/build-bundles.test.ts" },
      { file: "test/unit/mesh/directory/router.test.ts" },
    ],
    note: "no .gooseignore yet; model routes and budgets stand in models.yaml by role",
  },
  O4: {
    title: "Signed, versioned, expiring profile bundles; the last good one stays",
    state: "done",
    tests: [
      { file: "test/unit/profiles/bundle/verify.test.ts" },
      { file: "test/unit/profiles/bundle/bundle-store.test.ts" },
      { file: "test/flow/daemon-bundles.test.ts" },
      { file: "test/contract/bootstrap-node/node-over-http.test.ts" },
    ],
  },
  O5: {
    title: "Extension and tool allow-lists per role, enforced at run time",
    state: "done",
    tests: [
      { file: "test/goose/enforcement.test.ts" },
      { file: "test/goose/executor.test.ts" },
      { file: "test/goose/setup.test.ts" },
      { file: "test/goose/hook-program.test.ts" },
      { file: "test/unit/mesh/agent/daemon-handlers.test.ts" },
      { file: "test/unit/guard/policy/cedar-engine.test.ts" },
    ],
  },
  M1: {
    title: "Agents find each other: LAN, bootstrap node, learned addresses, relay",
    state: "done",
    tests: [
      { file: "test/network/eight-hosts.test.ts" },
      { file: "test/network/lan-discovery.test.ts" },
      { file: "test/flow/peers.test.ts" },
      { file: "test/unit/mesh/peer/lan/lan-speaker.test.ts" },
      { file: "test/unit/mesh/peer/peer-statement.test.ts" },
      { file: "test/unit/mesh/peer/reach.test.ts" },
      { file: "test/unit/mesh/peer/liveness.property.test.ts" },
      { file: "test/unit/mesh/peer/network-watch.test.ts" },
      { file: "test/unit/mesh/peer/dial-guard.test.ts" },
    ],
    note: "IPv4 on the LAN",
  },
  M2: {
    title: "Only members get in: mutual proof before any other protocol",
    state: "done",
    tests: [
      { file: "test/flow/strangers.test.ts" },
      { file: "test/flow/peers.test.ts" },
      { file: "test/flow/daemon-trust.test.ts" },
      { file: "test/unit/mesh/peer/gatekeeper.test.ts" },
      { file: "test/unit/mesh/agent/bundle-sharing.test.ts" },
      { file: "test/unit/mesh/agent/takeover.test.ts" },
      { file: "test/unit/mesh/agent/leaver.test.ts" },
      { file: "test/fuzz/frames.property.test.ts" },
    ],
  },
  M3: {
    title: "The mesh verbs as MCP tools",
    state: "done",
    tests: [{ file: "test/goose/extensions.test.ts" }, { file: "test/goose/person.test.ts" }],
  },
  M4: {
    title: "Delivery survives crashes, restarts and partitions",
    state: "done",
    tests: [
      { file: "test/sim/histories-1.test.ts" },
      { file: "test/sim/planted-bugs.test.ts" },
      { file: "test/flow/chaos.test.ts" },
      { file: "test/unit/mesh/agent/messaging.simulation.test.ts" },
      { file: "test/unit/mesh/agent/messaging.times.test.ts" },
      { file: "test/unit/mesh/agent/messaging.cancel.property.test.ts" },
      { file: "test/unit/mesh/agent/messaging.backpressure.test.ts" },
      { file: "test/flow/daemon-life.test.ts" },
      { file: "test/flow/close-kills.test.ts" },
    ],
  },
  M5: {
    title: "Sealed mailbox for recipients that are off",
    state: "done",
    tests: [
      { file: "test/flow/mailbox.test.ts" },
      { file: "test/unit/mesh/mailbox/mailbox.test.ts" },
      { file: "test/contract/bootstrap-node/mailbox-api.test.ts" },
    ],
  },
  M6: {
    title: "Router and skills graph",
    state: "done",
    tests: [
      { file: "test/unit/mesh/directory/router.test.ts" },
      { file: "test/unit/mesh/directory/router.property.test.ts" },
      { file: "test/unit/mesh/directory/directory.test.ts" },
      { file: "test/unit/mesh/agent/messaging.fanout.test.ts" },
      { file: "test/unit/mesh/agent/messaging.next-candidate.test.ts" },
      { file: "test/flow/gaggle-commands.test.ts" },
    ],
  },
  M7: {
    title: "Backpressure: rate limits, quotas, circuit breakers, bulkheads",
    state: "done",
    tests: [
      { file: "test/unit/mesh/agent/messaging.backpressure.test.ts" },
      { file: "test/unit/mesh/delivery/send-stream.test.ts" },
      { file: "test/unit/mesh/resilience/token-buckets.test.ts" },
      { file: "test/unit/mesh/peer/allowance.test.ts" },
      { file: "test/unit/mesh/peer/message-channel.test.ts" },
      { file: "test/flow/strangers.test.ts" },
    ],
  },
  M8: {
    title: "A2A task states, signed agent cards, artifacts by content hash",
    state: "done",
    tests: [
      { file: "test/unit/mesh/session/tasks.test.ts" },
      { file: "test/unit/mesh/session/tasks.property.test.ts" },
      { file: "test/unit/mesh/directory/signed-card.test.ts" },
      { file: "test/unit/mesh/directory/card-spread.test.ts" },
      { file: "test/unit/mesh/artifact/artifacts.test.ts" },
      { file: "test/unit/mesh/agent/masked-files.test.ts" },
      { file: "test/flow/mailbox.test.ts" },
      { file: "test/flow/gaggle-commands.test.ts" },
    ],
  },
  M9: {
    title: "Session broker: participants, scope, context shards",
    state: "done",
    tests: [
      { file: "test/flow/sessions.test.ts" },
      { file: "test/unit/mesh/session/broker.test.ts" },
      { file: "test/unit/mesh/session/hand-off.property.test.ts" },
      { file: "test/unit/mesh/agent/boundary.test.ts" },
    ],
  },
  M10: {
    title: "Signed approvals over exactly what was approved: quorum by subject, separation of duties, deadline, escalation",
    state: "partial",
    tests: [
      { file: "test/unit/mesh/identity/approval.test.ts" },
      { file: "test/unit/mesh/agent/messaging.obligations.test.ts" },
      { file: "test/unit/mesh/agent/messaging.approvals.test.ts" },
      { file: "test/unit/mesh/agent/messaging.approvals.property.test.ts" },
      { file: "test/unit/mesh/agent/approver-book.test.ts" },
      { file: "test/unit/mesh/session/task-approval.test.ts" },
      { file: "test/unit/mesh/cli/request-approval.test.ts" },
      { file: "test/flow/daemon-trust.test.ts" },
      { file: "test/flow/close.test.ts" },
      { file: "test/unit/mesh/agent/approved-files.test.ts" },
      { file: "test/flow/approvals.test.ts" },
    ],
    note: "decided from Goose and from the terminal, not on the web yet",
  },
  M11: { title: "Workflows in waves, durable and resumable", state: "open", tests: [] },
  M12: {
    title: "Tasks run unattended where policy says so: Goose over ACP, typed result",
    state: "done",
    tests: [
      { file: "test/goose/executor.test.ts" },
      { file: "test/goose/month-end-close-recipes.test.ts" },
      { file: "test/flow/close.test.ts" },
    ],
  },
  G1: {
    title: "On-device detection: rules with checksums, NER model, company lists",
    state: "done",
    tests: [
      { file: "test/unit/guard/detect/detection.test.ts" },
      { file: "test/unit/guard/detect/detector.test.ts" },
      { file: "test/unit/guard/detect/rules/families.test.ts" },
      { file: "test/unit/guard/detect/rules/checksums.property.test.ts" },
      { file: "test/unit/guard/detect/rules/calendar-date.test.ts" },
      { file: "test/unit/guard/detect/ner/recogniser.test.ts" },
      { file: "test/unit/guard/detect/ner/windows.property.test.ts" },
      { file: "test/unit/guard/detect/names-from-context.test.ts" },
      { file: "test/unit/guard/detect/scan.property.test.ts" },
      { file: "test/unit/guard/detect/hostile-input.test.ts" },
      { file: "test/unit/guard/detect/sample-data.test.ts" },
      { file: "test/unit/guard/detect/business-text.test.ts" },
      { file: "test/contract/corpus.test.ts" },
      { file: "test/flow/guard-commands.test.ts" },
      { file: "test/flow/close.test.ts" },
    ],
  },
  G2: {
    title: "Guard modes per role, entity class and destination",
    state: "done",
    tests: [
      { file: "test/unit/guard/gateway/formats.test.ts", title: "pass, mask and refuse each class as the role's profile says" },
      { file: "test/unit/guard/gateway/gateway.test.ts", title: "off and detect-only send the request as it is; detect-only counts" },
      {
        file: "test/unit/guard/routes/gateway-fallback.test.ts",
        title: "masks anew for each destination: a local model's laxer rules never go along to the cloud",
      },
      { file: "test/unit/guard/routes/model-routes.test.ts", title: "is local only where policy and machine both say so" },
      { file: "test/unit/guard/guard.test.ts" },
    ],
  },
  G3: {
    title: "Deterministic pseudonyms with a key in epochs; encrypted maps",
    state: "done",
    tests: [
      { file: "test/unit/guard/pseudonym/families.test.ts" },
      { file: "test/unit/guard/pseudonym/tokens.test.ts" },
      { file: "test/unit/guard/pseudonym/restore.property.test.ts" },
      { file: "test/unit/guard/pseudonym/vault/map-vault.test.ts" },
      { file: "test/unit/mesh/agent/hand-out.test.ts" },
      { file: "test/flow/daemon-boundary.test.ts" },
    ],
  },
  G4: {
    title: "Every model call passes the guard, streaming and not; fail closed",
    state: "done",
    tests: [
      { file: "test/goose/guard-gateway.test.ts" },
      { file: "test/goose/enforcement.test.ts" },
      { file: "test/unit/guard/gateway/formats.test.ts" },
      { file: "test/unit/guard/gateway/gateway.test.ts" },
      { file: "test/unit/guard/gateway/sending.test.ts" },
      { file: "test/unit/guard/gateway/rounds.test.ts" },
      { file: "test/unit/guard/gateway/encodings.property.test.ts" },
      { file: "test/unit/guard/gateway/streams.property.test.ts" },
      { file: "test/unit/guard/gateway/restore-stream.property.test.ts" },
      { file: "test/unit/mesh/agent/model-guard.test.ts" },
      { file: "test/flow/close.test.ts" },
    ],
  },
  G5: {
    title: "The guard stands at the mesh boundary too",
    state: "done",
    tests: [
      { file: "test/flow/daemon-boundary.test.ts" },
      { file: "test/unit/mesh/agent/boundary.test.ts" },
      { file: "test/unit/guard/boundary/boundary.property.test.ts" },
      { file: "test/unit/guard/boundary/seal-pairs.test.ts" },
    ],
  },
  G6: {
    title: "Guard verbs: detect, process, restore",
    state: "done",
    tests: [
      { file: "test/goose/extensions.test.ts" },
      { file: "test/goose/person.test.ts" },
      { file: "test/unit/guard/guard.test.ts" },
      { file: "test/unit/extensions/privacy-guard/guard-tools.test.ts" },
      { file: "test/flow/guard-commands.test.ts" },
    ],
  },
  G7: {
    title: "Model gateway: routes, budgets, cost ledger, local fallback",
    state: "done",
    tests: [
      { file: "test/flow/model-budgets.test.ts" },
      { file: "test/unit/guard/routes/model-routes.test.ts" },
      { file: "test/unit/guard/routes/gateway-fallback.test.ts" },
      { file: "test/unit/guard/routes/budgets.property.test.ts" },
      { file: "test/unit/guard/routes/ledger.property.test.ts" },
      { file: "test/unit/guard/routes/organisation-usage.test.ts" },
      { file: "test/unit/guard/routes/price.test.ts" },
      { file: "test/unit/guard/gateway/task-class.test.ts" },
      { file: "test/unit/mesh/resilience/circuit-breaker.test.ts" },
      { file: "test/unit/mesh/agent/call-books.test.ts" },
      { file: "test/contract/bootstrap-node/usage-api.test.ts" },
    ],
    note: "there is no prompt cache of our own; what a vendor's cache saves is counted",
  },
  G8: {
    title: "Guard overhead within the limit",
    state: "open",
    tests: [],
    note: "no test measures time; `npm run bench:guard` does, see docs/benchmarks.md",
  },
  P1: {
    title: "RBAC and ABAC policy in Cedar at every boundary; default deny",
    state: "done",
    tests: [
      { file: "test/unit/guard/policy/cedar-engine.test.ts" },
      { file: "test/unit/guard/policy/request.property.test.ts" },
      { file: "test/unit/guard/policy/explain.test.ts" },
      { file: "test/unit/mesh/enforcement/keep-obligations.test.ts" },
      { file: "test/unit/mesh/agent/messaging.obligations.test.ts" },
      { file: "test/unit/mesh/agent/boundary-policy.test.ts" },
      { file: "test/unit/guard/routes/model-routes.test.ts" },
      { file: "test/contract/bootstrap-node/controller-api.test.ts" },
      { file: "test/flow/daemon-trust.test.ts" },
      { file: "test/flow/gaggle-commands.test.ts" },
      { file: "test/unit/mesh/cli/org/org-commands.test.ts" },
    ],
  },
  P2: {
    title: "OIDC sign-in and invitation tokens",
    state: "done",
    tests: [
      { file: "test/contract/bootstrap-node/sign-in.test.ts" },
      { file: "test/unit/mesh/identity/invitation.test.ts" },
      { file: "test/contract/bootstrap-node/membership-api.test.ts" },
    ],
    note: "run against a certified provider library; Keycloak, Entra ID, Okta and Google are described and were not run",
  },
  P3: {
    title: "Short-lived tokens and membership credentials bound to keys; JWKS; revocation",
    state: "done",
    tests: [
      { file: "test/contract/bootstrap-node/membership-api.test.ts" },
      { file: "test/contract/bootstrap-node/revocations-api.test.ts" },
      { file: "test/unit/bootstrap-node/issuer-keys.test.ts" },
      { file: "test/unit/bootstrap-node/access-tokens.test.ts" },
      { file: "test/unit/mesh/identity/membership.test.ts" },
      { file: "test/unit/mesh/identity/proof.test.ts" },
      { file: "test/flow/daemon-trust.test.ts" },
      { file: "test/flow/daemon-doubt.test.ts" },
      { file: "test/unit/mesh/agent/node-standing.test.ts" },
    ],
  },
  P4: {
    title: "Keys in the OS keychain or an encrypted file; no secret in logs",
    state: "done",
    tests: [
      { file: "test/unit/mesh/identity/at-rest/protect-folder.test.ts" },
      { file: "test/contract/keychain.test.ts" },
      { file: "test/contract/vault-root.test.ts" },
      { file: "test/unit/mesh/identity/key-file.test.ts" },
      { file: "test/unit/mesh/identity/approval.test.ts" },
      { file: "test/flow/backup.test.ts" },
    ],
    note: "the keychains of macOS and Windows and a real Vault were not run",
  },
  P5: {
    title: "Audit hash chain, collection, export, independent verifier",
    state: "done",
    tests: [
      { file: "test/unit/mesh/audit/verify.test.ts" },
      { file: "test/unit/mesh/audit/audit-format.test.ts" },
      { file: "test/unit/mesh/audit/prune.test.ts" },
      { file: "test/unit/mesh/audit/log-watch.test.ts" },
      { file: "test/contract/bootstrap-node/audit-api.test.ts" },
      { file: "test/flow/close.test.ts" },
      { file: "test/flow/daemon-doubt.test.ts" },
      { file: "test/unit/mesh/cli/audit/trace-task.test.ts" },
    ],
  },
  P6: {
    title: "Controller HTTP API with OpenAPI",
    state: "done",
    tests: [
      { file: "test/contract/bootstrap-node/controller-api.test.ts" },
      { file: "test/contract/bootstrap-node/open-api.test.ts" },
      { file: "test/contract/bootstrap-node/open-api-fuzz.property.test.ts" },
      { file: "test/contract/bootstrap-node/node-over-http.test.ts" },
    ],
  },
  P7: {
    title: "Structured logs, metrics, traces, health",
    state: "done",
    tests: [
      { file: "test/flow/close.test.ts" },
      { file: "test/contract/observability.test.ts" },
      { file: "test/contract/bootstrap-node/operations.test.ts" },
      { file: "test/unit/guard/gateway/telemetry.test.ts" },
    ],
    note: "Goose's own spans are not joined with ours",
  },
  P8: {
    title: "The mesh works while the bootstrap node is down",
    state: "done",
    tests: [
      { file: "test/flow/close-ends.test.ts" },
      { file: "test/flow/daemon-life.test.ts" },
      { file: "test/flow/daemon-trust.test.ts" },
      { file: "test/contract/bootstrap-node/backup.test.ts" },
      { file: "test/flow/mailbox.test.ts" },
    ],
    note: "no mailbox meanwhile",
  },
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

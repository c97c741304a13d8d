/** `gaggle audit …` of an admin against a running bootstrap node, as commands call it. */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import { type BootstrapNode, createBootstrapNode } from "../../../bootstrap-node/create-bootstrap-node.ts";
import { createBootstrapClient } from "../../../mesh/agent/bootstrap-client.ts";
import { systemRandom as random } from "../../../mesh/agent/system.ts";
import { openAuditChain } from "../../../mesh/audit/chain.ts";
import { CSV_NOTE } from "../../../mesh/audit/export-csv.ts";
import { signHead } from "../../../mesh/audit/head.ts";
import { exportAudit, openExport, verifyAuditFile } from "../../../mesh/cli/audit/export-file.ts";
import { acknowledgeAlarm, showAlarms } from "../../../mesh/cli/audit/show-alarms.ts";
import { traceTask } from "../../../mesh/cli/audit/trace-task.ts";
import { orgInit } from "../../../mesh/cli/org/org-init.ts";
import { orgInvite } from "../../../mesh/cli/org/org-invite.ts";
import { readOrg } from "../../../mesh/cli/org/org-folder.ts";
import { orgSign } from "../../../mesh/cli/org/org-sign.ts";
import type { AuditDraft, AuditEvent } from "../../../mesh/contract/audit.ts";
import { parseInvitation } from "../../../mesh/identity/invitation.ts";
import { agentIdOf, createSigner, generateAgentKeys, publicJwkOf } from "../../../mesh/identity/keys.ts";
import { captureOutput } from "../../support/captured-output.ts";
import { openMemoryStore } from "../../support/memory-store.ts";
import { createWallClock } from "../../support/wall-clock.ts";

const TASK = "01930000-0000-7000-8000-000000000001";
const clock = createWallClock();
const quiet = (): void => undefined;
let folder: string;
let dir: string;
let node: BootstrapNode;
let agentId: string;
let send: (events: readonly AuditEvent[]) => Promise<unknown>;
let events: AuditEvent[];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "gaggle-audit-"));
  dir = join(folder, "org");
  const { out } = captureOutput();
  const deps = { clock, random };
  await orgInit({ dir, installDir: join(import.meta.dirname, "../../.."), content: "sample" }, out, deps);
  await orgSign({ dir }, out, deps);
  const log = { debug: quiet, info: quiet, warn: quiet, error: quiet };
  const config = { dir: join(dir, "bootstrap"), host: "127.0.0.1", port: 0, version: "0.0.0-test", peer: null };
  node = await createBootstrapNode({ clock, random, log }, config);
  const { claims, secret } = parseInvitation(await orgInvite({ dir, role: "finance", user: "fiona.berg", url: node.url }, out, deps));
  const keys = generateAgentKeys(random);
  const signer = createSigner(keys.sign);
  agentId = agentIdOf(signer.publicJwk);
  const client = createBootstrapClient({ signer, clock, random, fetch }, { baseUrl: node.url, org: claims.org });
  await client.join({ invitation: secret.jws, seal: publicJwkOf(keys.seal) });
  const chain = await openAuditChain({ store: openMemoryStore(), random }, { org: claims.org, agentId });
  const drafts = ["task.create", "task.state", "daemon.stop"].map(
    (action): AuditDraft => ({
      actor: { type: "agent", id: agentId, role: "finance" },
      action,
      target: action === "daemon.stop" ? `agent:${agentId}` : `task:${TASK}`,
      result: "ok",
      traceId: "0".repeat(32),
    }),
  );
  events = chain.link(drafts, clock.now()).map((op) => JSON.parse(op.type === "put" ? op.value : "") as AuditEvent);
  send = (list) => {
    const { seq = 0, hash = "" } = list.at(-1) ?? {};
    const head = { v: 1, org: claims.org, agentId, seq, hash, ts: new Date(clock.now()).toISOString() } as const;
    return client.ingest({ events: list, head: signHead(head, signer) });
  };
  await send(events);
});
afterAll(async () => {
  await node.close();
  await rm(folder, { recursive: true });
});
afterEach(() => {
  process.exitCode = undefined;
});

const asAdmin = () => ({ orgDir: dir, url: node.url });
const contextOf = (json = false) => {
  const captured = captureOutput(json);
  return { captured, context: { out: captured.out, home: folder } as Parameters<typeof traceTask>[0] };
};

it("an export filtered to a task verifies under the root, and says what it holds and what not", async () => {
  const file = join(folder, "task.ndjson");
  await exportAudit(contextOf().context, { ...asAdmin(), task: TASK }, file);
  const { rootFingerprint } = await readOrg(dir);
  const { out, text } = captureOutput();
  expect(await verifyAuditFile({ out, clock }, await openExport(file), rootFingerprint)).toBe(true);
  expect(text()).toContain("It is filtered");
  expect(text()).toMatch(/The node's signed log \(1 receipts?, root [0-9a-f]{64}\) holds the ends of 1 of 2 chains\./);
  const stub = (await readFile(file, "utf8")).split("\n").find((line) => line.includes(events[2]?.hash ?? "none"));
  expect(stub).toContain('"kind":"stub"');
});

it("an export as CSV says that it can't be verified, and has the same events", async () => {
  const file = join(folder, "audit.csv");
  const { captured, context } = contextOf();
  await exportAudit(context, { ...asAdmin(), agent: agentId, csv: true }, file);
  const rows = (await readFile(file, "utf8")).trimEnd().split("\r\n");
  expect(rows[0]).toBe(CSV_NOTE);
  expect(rows.slice(2).map((row) => row.split(",")[6])).toEqual(["task.create", "task.state", "daemon.stop"]);
  expect(captured.text()).toContain("can't be verified by itself");
});

it("a task's story is told from the node", async () => {
  const { captured, context } = contextOf();
  await traceTask(context, asAdmin(), TASK);
  expect(captured.text().split("\n").filter(Boolean)).toHaveLength(2);
  expect(captured.text()).toContain("fiona.berg (finance) created the task");
});

it("no alarms are said to be none; a fork is shown, with exit code 1, until somebody has acknowledged it", async () => {
  const before = contextOf();
  await showAlarms(before.context, asAdmin(), undefined);
  expect(before.captured.text()).toContain("No alarms.");
  expect(process.exitCode).toBeUndefined();
  const [first] = events;
  await expect(send([{ ...(first as AuditEvent), hash: "f".repeat(64) }])).rejects.toMatchObject({ code: "AUDIT_GAP" });
  const after = contextOf();
  await showAlarms(after.context, asAdmin(), undefined);
  const shown = new RegExp(`open +([0-9a-f]{12}) +\\S+ +agent ${agentId} showed two histories: event 1 where 4 was expected`);
  const id = shown.exec(after.captured.text())?.[1] ?? expect.unreachable();
  expect(process.exitCode).toBe(1);

  process.exitCode = undefined;
  const reason = "Their laptop was recovered.";
  await acknowledgeAlarm(contextOf().context, asAdmin(), { id, reason }, undefined);
  const closed = contextOf();
  await showAlarms(closed.context, asAdmin(), undefined);
  expect(closed.captured.text()).toMatch(new RegExp(`settled +${id} .*Acknowledged \\S+ by \\S+: ${reason}`));
  expect(process.exitCode).toBeUndefined();
  const none = { id: "0".repeat(12), reason };
  await expect(acknowledgeAlarm(contextOf().context, asAdmin(), none, undefined)).rejects.toMatchObject({ code: "NOT_FOUND" });
});

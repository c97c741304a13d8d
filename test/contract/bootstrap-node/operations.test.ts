import { createHash } from "node:crypto";
import { beforeEach, describe, expect, it } from "vitest";
import { openAuditChain } from "../../../mesh/audit/chain.ts";
import { signHead } from "../../../mesh/audit/head.ts";
import { createLog } from "../../../mesh/cli/log.ts";
import { PROOF_HEADER } from "../../../mesh/contract/bootstrap-api.ts";
import { newUuid } from "../../../mesh/contract/ids.ts";
import { BUNDLE_LIFETIME_MS, FREE_SPACE_FLOOR_BYTES } from "../../../mesh/contract/limits.ts";
import { openMemoryStore } from "../../support/memory-store.ts";
import { seededRandom } from "../../support/seeded-keys.ts";
import { openTestBootstrap, type TestBootstrap } from "../../support/test-bootstrap.ts";

let node: TestBootstrap;
const get = (url: string, headers: Record<string, string> = {}) => node.app.inject({ method: "GET", url, headers });
const join = async (name: string, subject: string, role: string) => {
  const agent = node.agent(name);
  await agent.join(node.invite({ subject, role }));
  return agent;
};

beforeEach(async () => {
  node = await openTestBootstrap();
  await node.publish(1);
});

describe("readiness", () => {
  it("says that everything is there", async () => {
    const answer = await get("/readyz");
    expect(answer.statusCode).toBe(200);
    expect(answer.json()).toEqual({ status: "ready", checks: { store: true, bundle: true, peer: true, disk: true } });
  });

  it.each([
    ["store", () => (node.world.storeUsable = false)],
    ["peer", () => (node.world.peerUp = false)],
    ["disk", () => (node.world.freeBytes = FREE_SPACE_FLOOR_BYTES - 1)],
    ["bundle", () => node.clock.jump(BUNDLE_LIFETIME_MS + 1)],
  ])("says that the %s is missing, while the node is still alive", async (part, breakIt) => {
    breakIt();
    const answer = await get("/readyz");
    expect(answer.statusCode).toBe(503);
    const all = { store: true, bundle: true, peer: true, disk: true };
    expect(answer.json()).toMatchObject({ code: "NOT_READY", details: { ...all, [part]: false }, detail: expect.stringContaining(part) });
    expect((await get("/healthz")).statusCode).toBe(200);
  });
});

describe("a node that ends", () => {
  it("lets what runs end, tells what comes new to come later, and a waiting poll what there is", async () => {
    const marco = await join("marco's laptop", "marco.diaz", "marketing");
    const poll = marco.client.events({ waitSeconds: 25 });
    await expect.poll(() => node.feed.waiting()).toBe(1);
    const ended = node.drain.end();
    const refused = await get("/healthz");
    expect(refused.statusCode).toBe(503);
    expect(refused.headers).toMatchObject({ "retry-after": "5", "content-type": expect.stringContaining("application/problem+json") });
    node.feed.release();
    expect((await poll).events).toEqual([]);
    await ended;
  });

  it("waits no longer than 15 seconds", async () => {
    const marco = await join("marco's laptop", "marco.diaz", "marketing");
    const poll = marco.client.events({ waitSeconds: 25 });
    await expect.poll(() => node.feed.waiting()).toBe(1);
    const ended = node.drain.end();
    await node.clock.advance(15_000);
    await ended;
    node.feed.release();
    await poll;
  });
});

describe("metrics", () => {
  it("count requests by route and status, errors by code, and what was done, and hold nothing that a caller chose", async () => {
    const fiona = await join("fiona's laptop", "fiona.berg", "finance");
    await fiona.client.directory();
    await get("/api/v1/directory");
    await get("/no/such-path?secret=payroll");
    const { body, type } = await node.metrics.text();
    expect(type).toContain("text/plain");
    for (const line of [
      'gaggle_node_http_requests_total{route="join",status="200"} 1',
      'gaggle_node_http_requests_total{route="directory",status="200"} 1',
      'gaggle_node_http_requests_total{route="directory",status="401"} 1',
      'gaggle_node_http_requests_total{route="none",status="404"} 1',
      'gaggle_node_errors_total{code="CREDENTIAL_INVALID"} 1',
      'gaggle_node_http_request_duration_seconds_count{route="directory"} 2',
      "gaggle_node_joins_total 1",
      "gaggle_node_access_tokens_issued_total 1",
    ])
      expect(body.split("\n")).toContain(line);
    expect(body).not.toContain("payroll");
    expect(body).not.toContain("such-path");
    expect(body).toContain("process_resident_memory_bytes");
  });

  it("read what waits, who is connected and what is missing when they are asked", async () => {
    const waiting = { count: 3, bytes: 12_288 };
    node.metrics.observe({
      shelf: {
        newest: () => {
          throw new Error("none");
        },
      },
      storeUsable: () => true,
      peerUp: () => false,
      freeBytes: () => 1_000,
      mail: () => waiting,
      pendingWrites: () => 7,
      connected: () => new Set(["a", "b"]),
      waitingPolls: () => 1,
      openAlarms: async () => 4,
    });
    const lines = (await node.metrics.text()).body.split("\n");
    for (const line of [
      "gaggle_node_mail_waiting 3",
      "gaggle_node_mail_waiting_bytes 12288",
      "gaggle_node_pending_writes 7",
      "gaggle_node_peers_connected 2",
      "gaggle_node_event_polls_waiting 1",
      "gaggle_node_audit_alarms_open 4",
      "gaggle_node_disk_free_bytes 1000",
      "gaggle_node_bundle_expires_timestamp_seconds 0",
      'gaggle_node_ready{part="store"} 1',
      'gaggle_node_ready{part="peer"} 0',
      'gaggle_node_ready{part="bundle"} 0',
      'gaggle_node_ready{part="disk"} 0',
    ])
      expect(lines).toContain(line);
  });
});

describe("the log", () => {
  it("has one line of JSON a request, and nothing of paths, headers, bodies, tokens or proofs, whatever they hold", async () => {
    const lines: string[] = [];
    const sink = { write: (line: string) => void lines.push(line) };
    const log = createLog("bootstrap", { GAGGLE_LOG: "debug" }, sink);
    node = await openTestBootstrap({ log });
    await node.publish(1);
    const fiona = await join("fiona's laptop", "fiona.berg", "finance");
    const token = await fiona.client.token();
    lines.length = 0;
    const forged = '","level":50,"msg":"forged"}\n{"level":60,"msg":"forged';
    const hostile = "\u001b[2J\u202eforged";
    await get(`/${encodeURIComponent(forged)}?x=${encodeURIComponent(hostile)}`);
    await get("/api/v1/status/forged%0aforged", {
      authorization: `Bearer ${token}`,
      [PROOF_HEADER]: "forged",
      "user-agent": "forged\tforged",
      "x-request-id": "forged",
    });
    await node.app.inject({ method: "POST", url: "/api/v1/bundles", payload: { bundle: forged, [hostile]: 1 } });
    await node.app.inject({ method: "POST", url: "/api/v1/bundles", payload: forged, headers: { "content-type": "application/json" } });
    const text = lines.join("");
    const parsed = text
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as { reqId: string; msg: string });
    expect(parsed.filter(({ msg }) => msg === "a request was answered")).toHaveLength(4);
    expect(new Set(parsed.map(({ reqId }) => reqId)).size).toBe(4);
    expect(text).not.toContain("forged");
    expect(text).not.toContain(token);
    expect(text).not.toContain("\u001b");
  });

  it("names each request by an id that its answer carries too", async () => {
    const [first, second] = await Promise.all([get("/healthz"), get("/nothing", { "x-request-id": "mine" })]);
    const ids = [first, second].map(({ headers }) => String(headers["x-request-id"]));
    for (const id of ids) expect(id).toMatch(/^[0-9a-f-]{36}$/);
    expect(new Set(ids).size).toBe(2);
  });
});

describe("what the audit says", () => {
  it("is part of a task's status, for those who take part, in the order in which it happened", async () => {
    const fiona = await join("fiona's laptop", "fiona.berg", "finance");
    const marco = await join("marco's laptop", "marco.diaz", "marketing");
    const random = seededRandom("audit ids");
    const taskId = newUuid(node.clock.now(), random);
    const other = newUuid(node.clock.now(), random);
    const secret = newUuid(node.clock.now(), random);
    const edward = await join("edward's laptop", "edward.lindqvist", "executive");
    const { org } = node.organisation;
    type Said = readonly [action: string, target: string, details?: Readonly<Record<string, string>>];
    const ship = async (agent: typeof fiona, role: string, events: readonly Said[]) => {
      const chain = await openAuditChain({ store: openMemoryStore(), random }, { org, agentId: agent.agentId });
      const actor = { type: "agent" as const, id: agent.agentId, role };
      const traceId = createHash("md5").update(taskId).digest("hex");
      const drafts = events.map(([action, target, details = {}]) => ({ actor, action, target, details, result: "ok" as const, traceId }));
      const list = chain.link(drafts, node.clock.now()).flatMap((op) => (op.type === "put" ? [JSON.parse(op.value)] : []));
      const { seq, hash } = list.at(-1);
      const head = signHead({ v: 1, org, agentId: agent.agentId, seq, hash, ts: new Date(node.clock.now()).toISOString() }, agent.signer);
      await agent.client.ingest({ events: list, head });
    };
    await ship(fiona, "finance", [
      ["task.create", `task:${taskId}`, { to: marco.agentId, toSubject: "marco.diaz" }],
      ["task.route", `task:${taskId}`],
      ["tool.call", "tool:mesh__send_task"],
      ["task.create", `task:${secret}`, { to: edward.agentId, toSubject: "edward.lindqvist" }],
    ]);
    node.clock.jump(1_000);
    await ship(marco, "marketing", [
      ["task.state", `task:${taskId}`, { peerSubject: "fiona.berg" }],
      ["task.state", `task:${other}`],
      ...Array.from({ length: 600 }, (): Said => ["task.state", `task:${secret}`, { peerSubject: "fiona.berg", to: fiona.agentId }]),
    ]);
    node.clock.jump(1_000);
    await ship(edward, "executive", [["task.read", `task:${secret}`, { peerSubject: "fiona.berg" }]]);
    const seen = async (agent: typeof fiona, id = taskId) =>
      (await agent.client.status(id)).events.map(({ agentId, action }) => [agentId === agent.agentId ? "own" : "other's", action]);
    expect(await seen(fiona)).toEqual([
      ["own", "task.create"],
      ["own", "task.route"],
      ["other's", "task.state"],
    ]);
    expect(await seen(marco)).toEqual([
      ["other's", "task.create"],
      ["own", "task.state"],
    ]);
    // A member that knows the id of others' task, and says in its own chain, again and again, that it takes part.
    expect(new Set((await seen(marco, secret)).map(String))).toEqual(new Set(["own,task.state"]));
    expect(await seen(fiona, secret)).toEqual(
      expect.arrayContaining([
        ["own", "task.create"],
        ["other's", "task.read"],
      ]),
    );
    await expect(fiona.client.status(other)).rejects.toMatchObject({ code: "NOT_FOUND" });
  });
});

import { beforeEach, describe, expect, it } from "vitest";
import type { PlannedCall } from "../../../../guard/gateway/call-routes.ts";
import type { ModelCall } from "../../../../guard/gateway/gateway-api.ts";
import type { AgentConfig } from "../../../../mesh/agent/agent-config.ts";
import { createGooseSessions } from "../../../../mesh/agent/goose-sessions.ts";
import { type ModelRouting, openModelRouting } from "../../../../mesh/agent/model-routing.ts";
import { type AuditChain, openAuditChain } from "../../../../mesh/audit/chain.ts";
import type { CommitQueue } from "../../../../mesh/contract/ports.ts";
import { createCommitQueue } from "../../../../mesh/store/commit-queue.ts";
import { type ModelPolicy, modelPolicy } from "../../../../mesh/contract/model-policy.ts";
import type { VerifiedBundle } from "../../../../profiles/bundle/verify.ts";
import { openMemoryStore } from "../../../support/memory-store.ts";
import { seededRandom } from "../../../support/seeded-keys.ts";
import { policyOf } from "../../../support/messaging-node.ts";
import { createVirtualClock } from "../../../support/virtual-clock.ts";

const agentId = `12D3KooW${"A".repeat(44)}`;
const actor = { type: "agent" as const, id: agentId, role: "finance" };
const org = `org_${"a".repeat(26)}`;
const config = { org, subject: "fiona.berg", department: "finance", role: "finance" } as AgentConfig;
const upstreams = [{ name: "default", protocol: "openai", baseUrl: "http://127.0.0.1:9/v1", local: false }] as const;
const NOTHING = { hits: 0, misses: 0 };
const planned = (): PlannedCall => ({
  sessionId: "s",
  askedModel: "m",
  protocol: "openai-chat",
  task: "chat",
  estimatedTokens: 100,
  maxOutputTokens: 100,
});
const over = (change: Partial<ModelCall> = {}): ModelCall => ({
  id: "0".repeat(32),
  sessionId: "s",
  protocol: "openai-chat",
  task: "chat",
  model: "m",
  result: "ok",
  redactions: [{ class: "EMAIL", count: 2 }],
  passed: [],
  usage: { input: 0, cachedInput: 0, output: 0 },
  tokens: 0,
  status: 200,
  requestBytes: 10,
  guardMs: 3,
  durationMs: 5,
  ...change,
});

let routing: ModelRouting;
let chain: AuditChain;
let queue: CommitQueue;
const sessions = createGooseSessions({ clock: createVirtualClock() });

async function open(policy: Partial<Omit<ModelPolicy, "v">>): Promise<void> {
  const store = openMemoryStore();
  const clock = createVirtualClock();
  chain = await openAuditChain({ store, random: seededRandom("books") }, { org, agentId });
  const fail = (error: unknown): never => {
    throw error;
  };
  queue = createCommitQueue({ store, clock, audit: chain, freeBytes: () => Number.MAX_SAFE_INTEGER, onEffectError: fail });
  const bundle = {
    modelPolicy: modelPolicy.parse({ v: 1, prices: [{ model: "m", input: "1", output: "2" }], ...policy }),
  } as VerifiedBundle;
  const world = { clock, store, queue, config, self: config, policy: policyOf(() => true) };
  const deps = { ...world, sessions, actor, newTrace: () => "0".repeat(32), bundle: () => bundle };
  routing = openModelRouting(deps, upstreams);
}

/** A call from its plan to its audit event, as the gateway makes it. */
async function run(call: ModelCall = over(), input = 60, plan = planned()): Promise<void> {
  const { routes, books } = routing;
  const { target } = await routes.plan(plan);
  await routes.settle(plan, { target, result: "ok", status: 200, usage: { input, cachedInput: 0, output: input && 20 }, durationMs: 1 });
  const event = { actor, action: "model.call", target: "session:s", result: "ok", traceId: "0".repeat(32) } as const;
  await queue.run((tx) => tx.audit({ ...event, cost: books.book(tx, call, plan, { hits: 3, misses: 1 }) }));
  books.release(plan);
}

beforeEach(() => open({}));

describe("the books of model calls", () => {
  it("say the same as the audit chain, to a billionth of a dollar", async () => {
    await run();
    await run();
    const events = await chain.list({ fromSeq: 1, limit: 10 });
    expect(events.map(({ cost }) => cost)).toEqual([
      { tokens: 80, usd: "0.0001" },
      { tokens: 80, usd: "0.0001" },
    ]);
    const { total, redactions, byModel, cache } = await routing.guardStats(1);
    expect(total).toMatchObject({ calls: 2, inputTokens: 120, outputTokens: 40, usd: "0.0002", unpriced: 0 });
    expect(redactions).toEqual([{ class: "EMAIL", count: 4 }]);
    expect(byModel).toMatchObject([{ model: "m", calls: 2 }]);
    expect(cache).toEqual({ hits: 6, misses: 2 });
  });

  it("put the calls of an unattended run under its task", async () => {
    sessions.register("run:1", { kind: "run", traceId: "0".repeat(32), taskId: "task-1" });
    await run(over({ sessionId: "run:1" }));
    await run();
    expect((await routing.guardStats(1)).byTask).toMatchObject([{ taskId: "task-1", calls: 1, usd: "0.0001" }]);
  });

  it("count a refused call without a plan as refused, by its class", async () => {
    const refusal = { code: "GUARD_REFUSED", where: "messages", class: "SECRET" };
    const { books } = routing;
    await queue.run((tx) => books.book(tx, over({ result: "denied", refusal }), undefined, NOTHING));
    await queue.run((tx) => books.book(tx, over({ result: "denied", refusal: { ...refusal, class: "" } }), undefined, NOTHING));
    expect(await routing.guardStats(1)).toMatchObject({
      total: { calls: 2, refused: 2, usd: "0" },
      refusals: [
        { class: "SECRET", count: 1 },
        { class: "none", count: 1 },
      ],
    });
  });

  it("hold the next call against what is booked: a hard limit once reached stays", async () => {
    await open({ budgets: [{ id: "day", scope: "agent", period: "day", hardTokens: 250 }] });
    await run();
    await expect(run()).rejects.toMatchObject({ code: "POLICY_DENIED" });
    expect((await routing.guardStats(1)).budgets).toMatchObject([{ id: "day", of: "fiona.berg", usedTokens: 80, state: "ok" }]);
  });

  it.each([
    ["a server that tells any number", Number.MAX_SAFE_INTEGER, planned()],
    ["a request that sets any limit, at a server that tells nothing", 0, { ...planned(), maxOutputTokens: Number.MAX_SAFE_INTEGER }],
  ])("stay readable after %s", async (_name, input, plan) => {
    for (let i = 0; i < 3; i += 1) await run(over(), input, { ...plan });
    expect((await routing.guardStats(1)).total).toMatchObject({ calls: 3 });
    await expect(run()).resolves.toBeUndefined();
  });

  it("tell a soft limit once in its period", async () => {
    await open({ budgets: [{ id: "day", scope: "tenant", period: "day", softTokens: 100 }] });
    for (let i = 0; i < 5; i += 1) await run();
    const warnings = (await chain.list({ fromSeq: 1, limit: 20 })).filter(({ action }) => action === "budget.warn");
    expect(warnings).toMatchObject([{ target: "budget:day", details: { of: org, period: "day", usedTokens: 160 } }]);
  });
});

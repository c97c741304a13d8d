import { beforeEach, describe, expect, it } from "vitest";
import { openAuditChain, type AuditChain } from "../../../mesh/audit/chain.ts";
import { signHead } from "../../../mesh/audit/head.ts";
import { createUsageCounters } from "../../../bootstrap-node/usage-totals.ts";
import type { AuditDraft, AuditEvent } from "../../../mesh/contract/audit.ts";
import { createCommitQueue } from "../../../mesh/store/commit-queue.ts";
import { openMemoryStore } from "../../support/memory-store.ts";
import { seededRandom } from "../../support/seeded-keys.ts";
import { openTestBootstrap, type TestAgent, type TestBootstrap } from "../../support/test-bootstrap.ts";

const DAY_MS = 86_400_000;
const code = (name: string) => expect.objectContaining({ code: name });

describe("the organisation's usage", () => {
  let node: TestBootstrap;
  let fiona: Caller;
  let marco: Caller;

  /** A member with its audit chain. */
  class Caller {
    readonly agent: TestAgent;
    readonly #role: string;
    #chain: AuditChain | undefined;
    #sent: AuditEvent[] = [];
    constructor(name: string, role: string) {
      this.agent = node.agent(name);
      this.#role = role;
    }
    async join(subject: string): Promise<this> {
      await this.agent.join(node.invite({ subject, role: this.#role }));
      return this;
    }
    /** Makes events of model calls and sends them; the ones sent before are sent again, as after a lost answer. */
    async call(...costs: readonly { tokens: number; usd: string; action?: string }[]): Promise<void> {
      const { org } = node.organisation;
      const { agentId, signer } = this.agent;
      this.#chain ??= await openAuditChain({ store: openMemoryStore(), random: seededRandom(agentId) }, { org, agentId });
      const drafts = costs.map(({ action = "model.call", ...cost }): AuditDraft => {
        const actor = { type: "agent" as const, id: agentId, role: this.#role };
        return { actor, action, target: "session:s", result: "ok", cost, traceId: "0".repeat(32) };
      });
      const ops = this.#chain.link(drafts, node.clock.now());
      this.#sent.push(...ops.map((op) => JSON.parse(op.type === "put" ? op.value : "") as AuditEvent));
      const { seq, hash } = this.#sent.at(-1) ?? expect.unreachable();
      const head = signHead({ v: 1, org, agentId, seq, hash, ts: new Date(node.clock.now()).toISOString() }, signer);
      await this.agent.client.ingest({ events: this.#sent, head });
    }
    usage = () => this.agent.client.usage();
  }

  beforeEach(async () => {
    node = await openTestBootstrap();
    await node.publish(1);
    fiona = await new Caller("fiona's laptop", "finance").join("fiona.berg");
    marco = await new Caller("marco's laptop", "marketing").join("marco.diaz");
  });

  it("adds up everybody's calls, each once, and shows a member what concerns it", async () => {
    await fiona.call({ tokens: 100, usd: "0.1" }, { tokens: 50, usd: "0.000000001" });
    await fiona.call({ tokens: 7, usd: "0.2" });
    await marco.call({ tokens: 1_000, usd: "2" });
    const mine = { usd: "0.300000001", tokens: 157 };
    const all = { usd: "2.300000001", tokens: 1_157 };
    const { day, month } = await fiona.usage();
    const today = new Date(node.clock.now()).toISOString();
    expect(day).toEqual({ period: today.slice(0, 10), tenant: all, department: mine, role: mine, agent: mine, own: mine });
    expect(month).toEqual({ ...day, period: today.slice(0, 7) });
    expect((await marco.usage()).day).toMatchObject({ tenant: all, department: { usd: "2", tokens: 1_000 } });
  });

  it("adds up a person's machines, and tells each its own part", async () => {
    const second = await new Caller("fiona's desktop", "finance").join("fiona.berg");
    await fiona.call({ tokens: 10, usd: "1" });
    await second.call({ tokens: 5, usd: "0.5" });
    expect((await second.usage()).day).toMatchObject({ agent: { usd: "1.5", tokens: 15 }, own: { usd: "0.5", tokens: 5 } });
  });

  it("counts calls and refusals, and not the end of a run, which repeats what its calls used", async () => {
    await fiona.call(
      { tokens: 10, usd: "1" },
      { tokens: 4, usd: "0.25", action: "guard.refuse" },
      { tokens: 9, usd: "9", action: "run.finish" },
    );
    expect((await fiona.usage()).day.tenant).toEqual({ usd: "1.25", tokens: 14 });
  });

  it("goes on for all, whatever numbers one member makes up", async () => {
    const most = { tokens: Number.MAX_SAFE_INTEGER, usd: "999999999999" };
    await marco.call(most, most);
    await marco.call(most);
    await fiona.call({ tokens: 10, usd: "1" });
    expect((await fiona.usage()).day).toMatchObject({ own: { usd: "1", tokens: 10 }, tenant: { tokens: Number.MAX_SAFE_INTEGER } });
  });

  it("begins anew with the day, and the month with the month", async () => {
    const later = async (day: string, usd: string): Promise<void> => {
      node.clock.jump(Date.parse(`${day}T09:00:00Z`) - node.clock.now());
      await fiona.call({ tokens: 10, usd });
    };
    const shown = async (): Promise<string[]> => {
      const { day, month } = await fiona.usage();
      return [day, month].flatMap(({ period, tenant }) => [period, tenant.usd]);
    };
    await later("2026-11-16", "1");
    await later("2026-11-17", "0.1");
    expect(await shown()).toEqual(["2026-11-17", "0.1", "2026-11", "1.1"]);
    await node.publish(2);
    await later("2026-12-01", "0.01");
    expect(await shown()).toEqual(["2026-12-01", "0.01", "2026-12", "0.01"]);
  });

  it("is there again after a restart of the node", async () => {
    await fiona.call({ tokens: 10, usd: "1" });
    node = await openTestBootstrap({ store: node.store, clock: node.clock });
    expect((await node.agent("fiona's laptop").client.usage()).day.tenant).toEqual({ usd: "1", tokens: 10 });
  });

  it("is told to members only", async () => {
    expect((await node.app.inject({ method: "GET", url: "/api/v1/usage" })).json()).toMatchObject({ code: "CREDENTIAL_INVALID" });
    await expect(node.agent("stranger").client.usage()).rejects.toThrow(code("NOT_A_MEMBER"));
    await node.publish(2, { revocations: { seq: 1, agents: [], subjects: ["fiona.berg"], keys: [] } });
    await expect(fiona.usage()).rejects.toThrow(code("REVOKED"));
  });

  it("forgets days after 40 days and months after 400", async () => {
    await fiona.call({ tokens: 10, usd: "1" });
    const rows = async () => (await node.store.range({ gte: "usage/", lt: "usage0" })).map(([key]) => key.split("/")[1]?.length);
    const { store, clock } = node;
    const audit = { link: () => [], committed: () => undefined };
    const queue = createCommitQueue({ store, clock, audit, freeBytes: () => Number.MAX_SAFE_INTEGER, onEffectError: () => undefined });
    const counters = createUsageCounters({ store, queue, clock }, { org: node.organisation.org });
    clock.jump(39 * DAY_MS);
    await counters.prune();
    expect(new Set(await rows())).toEqual(new Set([7, 10]));
    clock.jump(3 * DAY_MS);
    await counters.prune();
    expect(new Set(await rows())).toEqual(new Set([7]));
    clock.jump(400 * DAY_MS);
    await counters.prune();
    expect(await rows()).toEqual([]);
  });
});

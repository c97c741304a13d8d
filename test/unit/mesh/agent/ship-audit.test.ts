import { describe, expect, it } from "vitest";
import { type AuditCollector, shipAudit } from "../../../../mesh/agent/ship-audit.ts";
import { openAuditChain } from "../../../../mesh/audit/chain.ts";
import { createAuditShipper } from "../../../../mesh/audit/ship.ts";
import { GaggleError } from "../../../../mesh/contract/errors.ts";
import { createCommitQueue } from "../../../../mesh/store/commit-queue.ts";
import { openMemoryStore } from "../../../support/memory-store.ts";
import { seededRandom, seededSigner } from "../../../support/seeded-keys.ts";
import { createVirtualClock } from "../../../support/virtual-clock.ts";

const ORG = `org_${"a".repeat(26)}`;
const AGENT = `12D3KooW${"A".repeat(44)}`;

/** A node that takes only what continues the chain, as the real one does. */
class Node implements AuditCollector {
  seq = 0;
  batches: number[][] = [];
  async ingest({ events }: Parameters<AuditCollector["ingest"]>[0]): Promise<{ seq: number; hash: string }> {
    const numbers = events.map(({ seq }) => seq);
    this.batches.push(numbers);
    const [first = 0] = numbers;
    if (first > this.seq + 1) throw new GaggleError("AUDIT_GAP", "There is a gap.", { details: { expectedSeq: this.seq + 1 } });
    this.seq = Math.max(this.seq, numbers.at(-1) ?? 0);
    return { seq: this.seq, hash: "" };
  }
}

/** An agent with `count` events, sent in batches of three. */
async function fixture(count: number) {
  const store = openMemoryStore();
  const clock = createVirtualClock();
  const chain = await openAuditChain({ store, random: seededRandom("chain") }, { org: ORG, agentId: AGENT });
  const fail = (error: unknown): never => {
    throw error;
  };
  const queue = createCommitQueue({ store, clock, audit: chain, freeBytes: () => Number.MAX_SAFE_INTEGER, onEffectError: fail });
  const add = (): Promise<void> =>
    queue.run((tx) =>
      tx.audit({
        actor: { type: "agent", id: AGENT, role: "finance" },
        action: "test.event",
        target: "agent:x",
        result: "ok",
        traceId: "a".repeat(32),
      }),
    );
  for (let i = 0; i < count; i++) await add();
  const deps = { store, queue, chain, clock, signer: seededSigner("fiona") };
  const shipper = createAuditShipper(deps, { org: ORG, agentId: AGENT, maxEvents: 3 });
  return { chain, shipper, add, ship: (node: AuditCollector) => shipAudit(shipper, chain, node) };
}

describe("sending the audit chain", () => {
  it("sends everything once, batch after batch, and then only what is new", async () => {
    const { ship, shipper, add } = await fixture(7);
    const node = new Node();
    await ship(node);
    expect(node.batches).toEqual([[1, 2, 3], [4, 5, 6], [7]]);
    await add();
    await ship(node);
    expect(node.batches.at(-1)).toEqual([8]);
    expect(shipper.shipped()).toBe(8);
  });

  it("goes back to what a node has that lost some, and sends those again", async () => {
    const { ship, add } = await fixture(7);
    const node = new Node();
    await ship(node);
    node.seq = 2;
    await add();
    await ship(node);
    expect(node.batches.slice(3)).toEqual([[8], [3, 4, 5], [6, 7, 8]]);
    expect(node.seq).toBe(8);
  });

  it("goes back once and no more, where the node asks for another event each time", async () => {
    const { ship } = await fixture(7);
    let asked = 0;
    const fickle: AuditCollector = {
      ingest: async () => {
        asked += 1;
        throw new GaggleError("AUDIT_GAP", "gap", { details: { expectedSeq: (asked % 5) + 1 } });
      },
    };
    await expect(ship(fickle)).rejects.toMatchObject({ code: "AUDIT_GAP" });
    expect(asked).toBe(2);
  });

  it.each([0, -1, 1.5, 999])("does not go where there is nothing: to event %d", async (expectedSeq) => {
    const { ship, shipper } = await fixture(2);
    const odd: AuditCollector = {
      ingest: () => Promise.reject(new GaggleError("AUDIT_GAP", "gap", { details: { expectedSeq } })),
    };
    await expect(ship(odd)).rejects.toMatchObject({ code: "AUDIT_GAP" });
    expect(shipper.shipped()).toBe(0);
  });

  it("ends with an error at a node that takes nothing and says nothing", async () => {
    const { ship } = await fixture(2);
    await expect(ship({ ingest: async () => ({ seq: 0, hash: "" }) })).rejects.toMatchObject({ code: "AUDIT_GAP" });
  });

  it("keeps what was acknowledged when the node goes away in between", async () => {
    const { ship, shipper } = await fixture(7);
    const node = new Node();
    let left = 1;
    const dying: AuditCollector = {
      ingest: (batch) => (left-- > 0 ? node.ingest(batch) : Promise.reject(new GaggleError("PEER_UNREACHABLE", "gone"))),
    };
    await expect(ship(dying)).rejects.toMatchObject({ code: "PEER_UNREACHABLE" });
    expect(shipper.shipped()).toBe(3);
    await ship(node);
    expect(node.batches).toEqual([[1, 2, 3], [4, 5, 6], [7]]);
  });
});

import { beforeEach, describe, expect, test } from "vitest";
import { createReceiptLog, type ReceiptLog } from "../../../../bootstrap-node/audit/receipt-log.ts";
import { createLogWatch, logAlarmId, type LogWatch } from "../../../../mesh/audit/log-watch.ts";
import { verifyLogHead } from "../../../../mesh/audit/receipt.ts";
import type { AuditDraft, AuditReceipt } from "../../../../mesh/contract/audit.ts";
import { GaggleError } from "../../../../mesh/contract/errors.ts";
import type { CommitQueue } from "../../../../mesh/contract/ports.ts";
import { createSigner, generateSigningKey } from "../../../../mesh/identity/keys.ts";
import { createCommitQueue } from "../../../../mesh/store/commit-queue.ts";
import { createTestMember, createTestOrg } from "../../../support/audit-fixture.ts";
import { openMemoryStore } from "../../../support/memory-store.ts";
import { createSeededRandom } from "../../../support/seeded-random.ts";
import { createVirtualClock } from "../../../support/virtual-clock.ts";

const random = createSeededRandom(41);
const org = createTestOrg(random);
const { principal } = createTestMember(org, random, { subject: "fiona.berg", role: "finance" });
const { principal: colleague } = createTestMember(org, random, { subject: "marco.diaz", role: "marketing" });
const clock = createVirtualClock();
const hashOf = (n: number): string => n.toString(16).padStart(64, "0");

const linkTo = (drafts: AuditDraft[]) => (said: readonly AuditDraft[]) => {
  drafts.push(...said);
  return [];
};
const queueOf = (store: ReturnType<typeof openMemoryStore>, drafts: AuditDraft[] = []): CommitQueue =>
  createCommitQueue({
    store,
    clock,
    audit: { link: linkTo(drafts), committed: () => undefined },
    freeBytes: () => Number.MAX_SAFE_INTEGER,
    onEffectError: () => undefined,
  });

/** A node's log. A copy of it is where a node that lies begins to show another history. */
function openNode(disk?: ReadonlyMap<string, string>, issuer = org.issuer) {
  const store = openMemoryStore(disk);
  const log: ReceiptLog = createReceiptLog({ store, issuer, clock }, { org: org.org });
  const queue = queueOf(store);
  return {
    log,
    store,
    head: () => log.sign(log.state()),
    async take(seq: number, agentId = principal.agentId): Promise<{ index: number }> {
      const { size } = await queue.run((tx) => log.append(tx, { agentId, seq, hash: hashOf(seq) }));
      return { index: size - 1 };
    },
    async copy() {
      return openNode(new Map(await store.range({ gte: "log/", lt: "log/~" })), issuer);
    },
  };
}
type Node = ReturnType<typeof openNode>;

let node: Node;
let watch: LogWatch;
let told: AuditDraft[];
/** What the node answers when it is asked for a proof. */
let prove: (first: number, second: number) => Promise<readonly string[]>;

const receiptOf = async (from: Node, seq: number, known = watch.size()): Promise<AuditReceipt> => {
  const { index } = await from.take(seq);
  const { size } = from.log.state();
  const consistency = known === undefined || known > size ? {} : { consistency: from.log.consistency(known, size) };
  return { log: from.head(), index, inclusion: from.log.inclusion(index, size), ...consistency };
};
const ship = async (seq: number, from = node): Promise<void> => {
  const known = watch.size();
  await watch.takeReceipt(await receiptOf(from, seq), { seq, hash: hashOf(seq) }, known);
};
const doubts = async (): Promise<string[]> => (await watch.alarms()).map(({ doubt }) => doubt);

beforeEach(() => {
  node = openNode();
  told = [];
  prove = async (first, second) => node.log.consistency(first, second);
  const store = openMemoryStore();
  const event: Parameters<typeof createLogWatch>[0]["event"] = ({ person, ...draft }) => ({
    ...draft,
    actor: { type: person === undefined ? "agent" : "person", id: person ?? principal.agentId, role: "finance" },
    traceId: "0".repeat(32),
  });
  watch = createLogWatch(
    { store, queue: queueOf(store, told), issuers: () => [org.issuer.publicJwk], prove: (first, second) => prove(first, second), event },
    { org: org.org, agentId: principal.agentId },
  );
});

describe("an honest node", () => {
  test("is believed: receipts, colleagues' older and newer heads, in any order", async () => {
    await ship(1);
    const early = node.head();
    for (let i = 0; i < 5; i++) await node.take(i + 1, colleague.agentId);
    await ship(2);
    await watch.hear(early, colleague.agentId);
    await node.take(9, colleague.agentId);
    await watch.hear(node.head(), colleague.agentId);
    expect(watch.size()).toBe(8);
    await ship(3);
    expect(watch.size()).toBe(9);
    expect(await doubts()).toEqual([]);
    expect(told).toEqual([]);
  });

  test("is believed when its receipt was overtaken by a colleague's newer head", async () => {
    await ship(1);
    const known = watch.size();
    const receipt = await receiptOf(node, 2, known);
    await node.take(9, colleague.agentId);
    await watch.hear(node.head(), colleague.agentId);
    await watch.takeReceipt(receipt, { seq: 2, hash: hashOf(2) }, known);
    expect(await doubts()).toEqual([]);
    expect(watch.size()).toBe(3);
  });

  test("that can't be asked for a proof now is not accused", async () => {
    await ship(1);
    await node.take(9, colleague.agentId);
    prove = async () => Promise.reject(new GaggleError("PEER_UNREACHABLE", "away"));
    await expect(watch.hear(node.head(), colleague.agentId)).rejects.toThrow(expect.objectContaining({ code: "PEER_UNREACHABLE" }));
    expect(await doubts()).toEqual([]);
  });

  test("is not accused by a head that no issuer signed", async () => {
    await ship(1);
    const forger = openNode(undefined, createSigner(generateSigningKey(random)));
    await forger.take(7);
    await expect(watch.hear(forger.head(), colleague.agentId)).rejects.toThrow(expect.objectContaining({ code: "CREDENTIAL_INVALID" }));
    expect(await doubts()).toEqual([]);
  });
});

describe("a node that shows two histories", () => {
  let other: Node;
  beforeEach(async () => {
    await ship(1);
    other = await node.copy();
  });

  test("is found by two heads of one size; both are kept as proof, verifiable by anybody, also in the audit event", async () => {
    await ship(2);
    await other.take(2, colleague.agentId);
    await watch.hear(other.head(), colleague.agentId);
    const [alarm] = await watch.alarms();
    expect(alarm).toMatchObject({ doubt: "two-histories", from: colleague.agentId });
    const heads = [alarm?.known ?? "", alarm?.other ?? ""].map((jws) => verifyLogHead(jws, [org.issuer.publicJwk], org.org));
    expect(heads[0]?.size).toBe(heads[1]?.size);
    expect(heads[0]?.root).not.toBe(heads[1]?.root);
    expect(told[0]).toMatchObject({ action: "audit.split", result: "denied", details: { known: alarm?.known, other: alarm?.other } });
    for (const value of Object.values(told[0]?.details ?? {})) expect(String(value).length).toBeLessThanOrEqual(500);
  });

  test("is found by heads of different sizes, whatever it answers", async () => {
    await ship(2);
    for (let i = 2; i < 6; i++) await other.take(i, colleague.agentId);
    const theirs = other.head();
    await watch.hear(theirs, colleague.agentId).catch(() => undefined);
    prove = async (first, second) => other.log.consistency(first, second);
    clock.jump(86_400_000);
    await watch.hear(theirs, colleague.agentId);
    expect((await doubts()).toSorted()).toEqual(["not-proven", "shorter"]);
    expect(watch.size()).toBe(2);
  });

  test("is found at the next receipt when it changes from one history to the other", async () => {
    await ship(2);
    for (let i = 2; i < 6; i++) await other.take(i, colleague.agentId);
    await ship(3, other);
    expect(await doubts()).toEqual(["not-proven"]);
    await ship(4, other);
    expect(await doubts()).toEqual(["not-proven"]);
  });

  test("is one alarm a day, kind and colleague, not one for each head", async () => {
    await ship(2);
    for (let i = 2; i < 20; i++) {
      await other.take(i, colleague.agentId);
      prove = async (first, second) => other.log.consistency(first, second);
      await watch.hear(other.head(), colleague.agentId);
    }
    expect(await doubts()).toHaveLength(2);
    expect(told).toHaveLength(2);
  });
});

test("a node that signs a shorter log than before is told of, and gone on from", async () => {
  await ship(1);
  const backup = await node.copy();
  await ship(2);
  await ship(3);
  await ship(2, backup);
  expect(await doubts()).toEqual(["shorter"]);
  await ship(3, backup);
  expect(await doubts()).toEqual(["shorter"]);
});

describe("an alarm that the agent's person acknowledges", () => {
  const idNow = async (): Promise<string> => logAlarmId((await watch.alarms())[0] ?? expect.unreachable());
  const acknowledge = (id: string) => watch.acknowledge({ id, reason: "The node was restored on Monday.", by: "fiona.berg" });
  beforeEach(async () => {
    await ship(1);
    const backup = await node.copy();
    await ship(2);
    await ship(3);
    await ship(2, backup);
  });

  test("stays with who, when and why, in the audit too; once, and by its own id alone", async () => {
    const id = await idNow();
    await acknowledge(id);
    expect(await watch.alarms()).toMatchObject([
      { doubt: "shorter", acknowledged: { by: "fiona.berg", reason: expect.stringContaining("Monday") } },
    ]);
    expect(told.at(-1)).toMatchObject({
      action: "audit.acknowledge",
      actor: { type: "person", id: "fiona.berg" },
      details: { doubt: "shorter" },
    });
    for (const wrong of [id, "0".repeat(12)]) await expect(acknowledge(wrong)).rejects.toMatchObject({ code: "NOT_FOUND" });
  });

  test("is told anew when the node does it again on another day, and makes room where there are too many", async () => {
    await acknowledge(await idNow());
    for (let day = 0; day < 101; day++) {
      clock.jump(86_400_000);
      await watch.takeReceipt(undefined, { seq: 9, hash: hashOf(9) }, 1);
    }
    const alarms = await watch.alarms();
    expect([alarms.length, alarms.some(({ acknowledged }) => acknowledged !== undefined)]).toEqual([100, false]);
  });
});

test("a node that gave receipts once and now keeps them back is told of", async () => {
  await watch.takeReceipt(undefined, { seq: 1, hash: hashOf(1) }, undefined);
  expect(await doubts()).toEqual([]);
  await ship(1);
  await watch.takeReceipt(undefined, { seq: 2, hash: hashOf(2) }, 1);
  expect(await doubts()).toEqual(["no-receipt"]);
});

test("a receipt for another end of the chain than was sent is none", async () => {
  const receipt = await receiptOf(node, 1);
  await watch.takeReceipt(receipt, { seq: 1, hash: hashOf(99) }, undefined);
  expect(await doubts()).toEqual(["no-receipt"]);
});

import fc from "fast-check";
import { expect, test } from "vitest";
import { continueChain, EMPTY_CHAIN, openAuditChain } from "../../../../mesh/audit/chain.ts";
import { eventHash } from "../../../../mesh/audit/event-text.ts";
import { type AuditDraft, auditEvent, GENESIS_HASH } from "../../../../mesh/contract/audit.ts";
import { canonicalJson } from "../../../../mesh/contract/json.ts";
import { openMemoryStore } from "../../../support/memory-store.ts";
import { createSeededRandom } from "../../../support/seeded-random.ts";

const CONFIG = { org: `org_${"a".repeat(26)}`, agentId: `12D3KooW${"A".repeat(44)}` };
const NOW = Date.UTC(2026, 9, 31, 8);
const said = (target: string): AuditDraft => ({
  actor: { type: "agent", id: CONFIG.agentId, role: "finance" },
  action: "message.send",
  target,
  result: "ok",
  details: { attempts: 2 },
  traceId: "0".repeat(32),
});

async function chainOf(count: number) {
  const store = openMemoryStore();
  const chain = await openAuditChain({ store, random: createSeededRandom(7) }, CONFIG);
  for (let i = 1; i <= count; i++) {
    await store.batch(chain.link([said(`envelope:${i}`)], NOW + i), { sync: true });
    chain.committed();
  }
  return { store, chain, events: await chain.list({ fromSeq: 1, limit: count }) };
}

test("events link from the genesis hash on, and each is as the contract says", async () => {
  const { events, chain } = await chainOf(3);
  expect(events.map(({ seq }) => seq)).toEqual([1, 2, 3]);
  expect(events[0]?.hashPrev).toBe(GENESIS_HASH);
  expect(events[1]?.hashPrev).toBe(events[0]?.hash);
  for (const event of events) expect(auditEvent.parse(event).hash).toBe(eventHash(event));
  expect(continueChain(EMPTY_CHAIN, events)).toEqual(chain.head());
});

test("a chain that is opened again goes on where the disk ends", async () => {
  const { store } = await chainOf(2);
  const again = await openAuditChain({ store, random: createSeededRandom(8) }, CONFIG);
  expect(again.head().seq).toBe(2);
  await store.batch(again.link([said("envelope:3")], NOW), { sync: true });
  again.committed();
  expect(continueChain(EMPTY_CHAIN, await again.list({ fromSeq: 1, limit: 9 })).seq).toBe(3);
});

test("the order of sequence numbers holds beyond ten", async () => {
  const { chain } = await chainOf(12);
  expect((await chain.list({ fromSeq: 9, limit: 3 })).map(({ seq }) => seq)).toEqual([9, 10, 11]);
});

test("subscribers hear of events only once they are on the disk", async () => {
  const store = openMemoryStore();
  const chain = await openAuditChain({ store, random: createSeededRandom(7) }, CONFIG);
  const heard: number[] = [];
  const unsubscribe = chain.subscribe(({ seq }) => void heard.push(seq));
  chain.link([said("envelope:1")], NOW);
  expect(heard).toEqual([]);
  expect(chain.head().seq).toBe(0);
  chain.committed();
  expect(heard).toEqual([1]);
  unsubscribe();
  chain.link([said("envelope:2")], NOW);
  chain.committed();
  expect(heard).toEqual([1]);
});

test("a gap is AUDIT_GAP; a fork and an altered event are AUDIT_BROKEN", async () => {
  const { events } = await chainOf(3);
  const [first, second, third] = events;
  if (first === undefined || second === undefined || third === undefined) throw new Error("three events expected");
  expect(() => continueChain(EMPTY_CHAIN, [first, third])).toThrow(expect.objectContaining({ code: "AUDIT_GAP" }));
  expect(() => continueChain({ seq: 1, hash: "1".repeat(64) }, [second])).toThrow(expect.objectContaining({ code: "AUDIT_BROKEN" }));
  expect(() => continueChain(EMPTY_CHAIN, [{ ...first, result: "denied" }])).toThrow(expect.objectContaining({ code: "AUDIT_BROKEN" }));
});

test("an event's text is RFC 8785 whatever is in it, and half of a surrogate pair is refused", async () => {
  const { chain } = await chainOf(0);
  const text = fc.string({ unit: "binary", maxLength: 40 });
  const details = fc.dictionary(fc.string({ unit: "binary", maxLength: 10 }), fc.oneof(text, fc.integer(), fc.boolean()), { maxKeys: 6 });
  const redactions = fc.array(fc.record({ class: text, count: fc.integer({ min: 1 }) }), { maxLength: 3 });
  fc.assert(
    fc.property(text, details, redactions, (target, given, masked) => {
      const [op] = chain.link([{ ...said(target), details: given, redactions: masked }], NOW);
      if (op?.type !== "put") throw new Error("no event was linked");
      const event = auditEvent.parse(JSON.parse(op.value));
      expect(op.value).toBe(canonicalJson(event));
      expect(event.hash).toBe(eventHash(event));
    }),
    { seed: 11, numRuns: 300 },
  );
  expect(() => chain.link([said("\ud800")], NOW)).toThrow(expect.objectContaining({ code: "INVALID_INPUT" }));
}, 60_000);

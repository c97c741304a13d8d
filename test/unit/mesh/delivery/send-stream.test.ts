import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { RETRY_MAX_MS, RETRY_MIN_MS } from "../../../../mesh/contract/limits.ts";
import type { OutboxRecord } from "../../../../mesh/delivery/outbox-record.ts";
import { backoffMs, createSendStream, type OutboxEntry } from "../../../../mesh/delivery/send-stream.ts";

const TO = { agentId: `12D3KooW${"A".repeat(44)}`, subject: "marco.diaz", role: "marketing", department: "marketing" };

const entry = (seq: number, lane: string, priority: OutboxRecord["priority"] = "P2"): OutboxEntry => ({
  attempts: 0,
  record: {
    v: 1,
    seq,
    id: `0192a000-0000-7000-8000-${String(seq).padStart(12, "0")}`,
    to: TO,
    priority,
    lane,
    createdAt: 0,
    exp: 1_000,
    policyHash: "a".repeat(64),
    traceparent: `00-${"1".repeat(32)}-${"2".repeat(16)}-01`,
    message: { type: "notification", message: "x", severity: "info" },
  },
});

test("P0 goes first, and of one priority the oldest", () => {
  const stream = createSendStream(1);
  for (const [seq, priority] of [
    [1, "P3"],
    [2, "P2"],
    [3, "P0"],
    [4, "P0"],
  ] as const)
    stream.add(entry(seq, `lane${seq}`, priority));
  const order: number[] = [];
  for (let next = stream.take(0); next !== undefined; next = stream.take(0)) {
    order.push(next.record.seq);
    stream.settled(next, true);
  }
  expect(order).toEqual([3, 4, 2, 1]);
});

test("no more than the window is in flight, and only one while the recipient fails", () => {
  const stream = createSendStream(3);
  for (let i = 0; i < 6; i++) stream.add(entry(i, `lane${i}`));
  const taken = [stream.take(0), stream.take(0), stream.take(0)];
  expect(stream.take(0)).toBeUndefined();
  for (const one of taken) if (one !== undefined) stream.failed(one, 0, 0);
  expect(stream.take(0)).toBeUndefined();
  const probe = stream.take(RETRY_MAX_MS);
  expect(probe).toBeDefined();
  expect(stream.take(RETRY_MAX_MS)).toBeUndefined();
  if (probe !== undefined) stream.settled(probe, true);
  expect([stream.take(RETRY_MAX_MS), stream.take(RETRY_MAX_MS), stream.take(RETRY_MAX_MS)].every((one) => one !== undefined)).toBe(true);
});

test("unblock lets a waiting recipient be tried at once", () => {
  const stream = createSendStream(1);
  stream.add(entry(1, "a"));
  const first = stream.take(0);
  if (first !== undefined) stream.failed(first, 0, 1);
  expect(stream.take(1)).toBeUndefined();
  stream.unblock();
  expect(stream.take(1)?.record.seq).toBe(1);
});

describe("backoff", () => {
  test("doubles from the shortest to the longest wait, always within its upper half", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 100 }), fc.double({ min: 0, max: 1, noNaN: true }), (failures, chance) => {
        const full = Math.min(RETRY_MAX_MS, RETRY_MIN_MS * 2 ** (failures - 1));
        const wait = backoffMs(failures, chance);
        expect(wait).toBeGreaterThanOrEqual(Math.floor(full / 2));
        expect(wait).toBeLessThanOrEqual(full);
      }),
    );
  });
});

test("whatever fails and succeeds in whatever order, a lane's messages settle in order and none is lost", () => {
  const step = fc.record({
    add: fc.boolean(),
    lane: fc.nat(3),
    priority: fc.constantFrom("P0" as const, "P2" as const),
    fails: fc.boolean(),
    pick: fc.nat(),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 120 }), fc.integer({ min: 1, max: 5 }), (steps, window) => {
      const stream = createSendStream(window);
      const settled: OutboxEntry[] = [];
      let flying: OutboxEntry[] = [];
      let added = 0;
      let now = 0;
      const end = (fails: boolean, pick: number): void => {
        const one = flying[pick % Math.max(1, flying.length)];
        if (one === undefined) return;
        flying = flying.filter((other) => other !== one);
        if (fails) {
          stream.failed(one, now, 0);
          return;
        }
        settled.push(one);
        stream.settled(one, true);
      };
      const fly = (): void => {
        for (let next = stream.take(now); next !== undefined; next = stream.take(now)) flying.push(next);
        expect(new Set(flying.map(({ record }) => record.lane)).size).toBe(flying.length);
        expect(flying.length).toBeLessThanOrEqual(window);
      };
      for (const { add, lane, priority, fails, pick } of steps) {
        now += RETRY_MAX_MS;
        if (add) stream.add(entry(++added, `lane${lane}`, priority));
        fly();
        end(fails, pick);
      }
      while (!stream.isEmpty()) {
        now += RETRY_MAX_MS;
        fly();
        end(false, 0);
      }
      expect(settled).toHaveLength(added);
      for (const lane of ["lane0", "lane1", "lane2", "lane3"]) {
        const seqs = settled.filter(({ record }) => record.lane === lane).map(({ record }) => record.seq);
        expect(seqs).toEqual([...seqs].sort((a, b) => a - b));
      }
    }),
    { seed: 7, numRuns: 300 },
  );
});

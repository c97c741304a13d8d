import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { RETRY_MAX_MS, RETRY_MIN_MS } from "../../../../mesh/contract/limits.ts";
import type { OutboxRecord } from "../../../../mesh/delivery/outbox-record.ts";
import { backoffMs, createSendStream, entryOf, type OutboxEntry, type SendStream } from "../../../../mesh/delivery/send-stream.ts";

const TO = { agentId: `12D3KooW${"A".repeat(44)}`, subject: "marco.diaz", role: "marketing", department: "marketing" };

const entry = (seq: number, lane: string, priority: OutboxRecord["priority"] = "P2", more: Partial<OutboxRecord> = {}): OutboxEntry =>
  entryOf({
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
    ...more,
  });
const update: Partial<OutboxRecord> = { message: { type: "task.read", taskId: "0192a000-0000-7000-8000-000000000000" } };
const takeAll = (stream: SendStream, now = 0): OutboxEntry[] => {
  const taken: OutboxEntry[] = [];
  for (let next = stream.take(now); next !== undefined; next = stream.take(now)) taken.push(next);
  return taken;
};

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
    order.push(next.seq);
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
  expect(stream.take(1)?.seq).toBe(1);
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

test("many that fail together, as when a connection ends, count as one failure", () => {
  const stream = createSendStream(16);
  for (let i = 0; i < 16; i++) stream.add(entry(i, `lane${i}`));
  for (const one of takeAll(stream)) stream.failed(one, 0, 1);
  expect(stream.nextAt(0)).toBe(RETRY_MIN_MS);
});

test("five failures in a row open the breaker, and a clock that was set back does not keep it open", () => {
  const stream = createSendStream(1);
  stream.add(entry(1, "a"));
  let now = 0;
  for (let i = 0; i < 5; i++) {
    const one = stream.take(now);
    if (one === undefined) throw new Error("nothing was taken");
    stream.failed(one, now, 0);
    now = stream.nextAt(now) ?? now;
  }
  expect(stream.breaker().state).not.toBe("closed");
  expect(stream.condition(now)).toBe("away");
  expect(stream.take(now - 2 * RETRY_MAX_MS)?.seq).toBe(1);
});

test("a recipient without room gets no new work for a while, then one at a time until one is taken; what continues work goes all the same", () => {
  const stream = createSendStream(4);
  for (let i = 0; i < 3; i++) stream.add(entry(i, `lane${i}`));
  const [one, ...others] = takeAll(stream);
  if (one === undefined) throw new Error("nothing was taken");
  stream.busy(one, 0, 5_000);
  for (const other of others) stream.busy(other, 0, 5_000);
  stream.add(entry(3, "lane3", "P3", update));
  expect(takeAll(stream, 10).map(({ seq }) => seq)).toEqual([3]);
  expect(stream.condition(10)).toBe("busy");
  expect(stream.nextAt(10)).toBe(5_000);
  const [probe, ...more] = takeAll(stream, 5_000);
  expect(more).toEqual([]);
  if (probe !== undefined) stream.settled(probe, true);
  expect(takeAll(stream, 5_000)).toHaveLength(2);
});

test("what continues work and is told busy all the same waits as long as it was told, by itself, and comes at once where there is news", () => {
  const stream = createSendStream(4);
  for (let i = 0; i < 2; i++) stream.add(entry(i, `lane${i}`, "P2", update));
  const [one, two] = takeAll(stream);
  if (one === undefined || two === undefined) throw new Error("nothing was taken");
  stream.busy(one, 0, 1_000);
  expect(takeAll(stream, 10)).toEqual([]);
  stream.settled(two, true);
  stream.add(entry(2, "lane2", "P2", update));
  expect(takeAll(stream, 20).map(({ seq }) => seq)).toEqual([2]);
  expect(stream.nextAt(20)).toBe(1_000);
  expect(takeAll(stream, 1_000)).toEqual([one]);
  stream.busy(one, 1_000, 1_000);
  stream.unblock();
  expect(takeAll(stream, 1_001)).toEqual([one]);
});

test.each([
  { what: "goes where it left and got no receipt", left: true, next: [1] },
  { what: "waits where it never left", left: false, next: [] },
])("while a recipient has no room for a P0 request, a P2 request that failed before $what", ({ left, next }) => {
  const stream = createSendStream(4);
  const tried = entry(1, "a", "P2");
  stream.add(tried);
  expect(takeAll(stream)).toEqual([tried]);
  tried.left = left;
  stream.failed(tried, 0, 0);
  stream.unblock();
  const urgent = entry(2, "b", "P0");
  stream.add(urgent);
  expect(stream.take(1)).toBe(urgent);
  stream.busy(urgent, 1, 5_000);
  const meanwhile = takeAll(stream, 2);
  expect(meanwhile.map(({ seq }) => seq)).toEqual(next);
  for (const one of meanwhile) stream.settled(one, true);
  expect(takeAll(stream, 5_001)).toEqual([urgent]);
});

test("a message that is refused for a passing reason waits alone", () => {
  const stream = createSendStream(1);
  stream.add(entry(1, "a"));
  stream.add(entry(2, "b"));
  const [one] = [stream.take(0)];
  if (one !== undefined) stream.refused(one, 0, 1);
  expect(stream.take(0)?.seq).toBe(2);
});

test("messages of one session keep their order across tasks and priorities, and other sessions do not wait", () => {
  const stream = createSendStream(8);
  stream.add(entry(1, "task1", "P3", { sessionLane: "s" }));
  stream.add(entry(2, "task2", "P0", { sessionLane: "s" }));
  stream.add(entry(3, "task3", "P2", { sessionLane: "other" }));
  const first = takeAll(stream);
  expect(first.map(({ seq }) => seq)).toEqual([3, 1]);
  for (const one of first) stream.settled(one, true);
  expect(takeAll(stream).map(({ seq }) => seq)).toEqual([2]);
});

test("a message taken out of the middle of its lanes lets nothing behind it overtake what is before it", () => {
  const stream = createSendStream(8);
  const [a, b, c] = [
    entry(1, "task1", "P2", { sessionLane: "s" }),
    entry(2, "task2", "P2", { sessionLane: "s" }),
    entry(3, "task2", "P2", update),
  ];
  for (const one of [a, b, c]) stream.add(one);
  expect(takeAll(stream)).toEqual([a]);
  expect(stream.remove(a), "in flight").toBe(false);
  expect(stream.remove(b)).toBe(true);
  expect(takeAll(stream)).toEqual([]);
  stream.settled(a, true);
  expect(takeAll(stream)).toEqual([c]);
  stream.settled(c, true);
  expect(stream.isEmpty()).toBe(true);
});

test("whatever fails, succeeds and is taken out in whatever order, a lane's messages settle in order and none is lost", () => {
  const step = fc.record({
    add: fc.boolean(),
    lane: fc.nat(3),
    priority: fc.constantFrom("P0" as const, "P2" as const),
    session: fc.option(fc.nat(1), { nil: undefined }),
    fails: fc.boolean(),
    removes: fc.boolean(),
    pick: fc.nat(),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 120 }), fc.integer({ min: 1, max: 5 }), (steps, window) => {
      const stream = createSendStream(window);
      const settled: OutboxEntry[] = [];
      let flying: OutboxEntry[] = [];
      let added = 0;
      let removed = 0;
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
        const lanes = flying.flatMap((one) => one.lanes);
        expect(new Set(lanes).size).toBe(lanes.length);
        expect(flying.length).toBeLessThanOrEqual(window);
      };
      for (const { add, lane, session, priority, fails, removes, pick } of steps) {
        now += RETRY_MAX_MS;
        if (add) stream.add(entry(++added, `lane${lane}`, priority, session === undefined ? {} : { sessionLane: String(session) }));
        fly();
        const candidate = [...stream.entries().values()][pick % Math.max(1, stream.entries().size)];
        if (removes && candidate !== undefined && stream.remove(candidate)) removed++;
        else end(fails, pick);
      }
      while (!stream.isEmpty()) {
        now += RETRY_MAX_MS;
        fly();
        end(false, 0);
      }
      expect(settled.length + removed).toBe(added);
      for (const lane of ["lane0", "lane1", "lane2", "lane3", "session 0", "session 1"]) {
        const seqs = settled.filter(({ lanes }) => lanes.includes(lane)).map(({ seq }) => seq);
        expect(seqs).toEqual([...seqs].sort((a, b) => a - b));
      }
    }),
    { seed: 7, numRuns: 300 },
  );
});

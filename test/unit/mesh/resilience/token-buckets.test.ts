import { expect, test } from "vitest";
import { createTokenBuckets } from "../../../../mesh/resilience/token-buckets.ts";

function bucketsAt(config = { perSecond: 10, burst: 2 }) {
  const clock = { at: 1_000_000, now: () => clock.at };
  return { clock, buckets: createTokenBuckets({ clock }, config) };
}

test("a key may do so much at once, then as often as its bucket fills, and is told how long to wait", () => {
  const { clock, buckets } = bucketsAt();
  expect([buckets.take("a"), buckets.take("a"), buckets.take("a")]).toEqual([0, 0, 100]);
  clock.at += 100;
  expect([buckets.take("a"), buckets.take("a")]).toEqual([0, 100]);
});

test("each key has its own bucket", () => {
  const { buckets } = bucketsAt({ perSecond: 1, burst: 1 });
  expect([buckets.take("a"), buckets.take("a"), buckets.take("b")]).toEqual([0, 1_000, 0]);
});

test("a pause fills a bucket and no more; a clock that is set back costs nothing and gives nothing", () => {
  const { clock, buckets } = bucketsAt();
  clock.at += 3_600_000;
  expect([buckets.take("a"), buckets.take("a"), buckets.take("a")]).toEqual([0, 0, 100]);
  clock.at -= 7_200_000;
  expect(buckets.take("a")).toBe(100);
  clock.at += 100;
  expect(buckets.take("a")).toBe(0);
});

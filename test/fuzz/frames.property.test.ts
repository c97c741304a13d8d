import { expect, test } from "vitest";
import { fuzzFrames } from "./frame-fuzz.ts";

const FRAMES = 6_000;

// `npm run fuzz` throws a million.
test("no mutated frame and no lie under a true signature breaks an agent, changes others' tasks, or keeps it from good work", async () => {
  const { ends } = await fuzzFrames(20_261_120, FRAMES);
  expect(Object.values(ends).reduce((sum, count) => sum + count, 0)).toBe(FRAMES);
  // The fuzz reaches the effects of messages too, not only their reading.
  for (const end of ["ENVELOPE_INVALID", "stored", "NOT_FOUND", "CONFLICT"]) expect(ends[end] ?? 0, end).toBeGreaterThan(0);
});

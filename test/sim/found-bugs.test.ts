/**
 * Seeds that fail with a bug that was found, by its name. A seed stands for another history once faults or people of the simulation change: then put the
 * bug back, look for a seed that fails again, and name that one here.
 */
import { expect, test } from "vitest";
import { failuresOf } from "./check-seeds.ts";

const FOUND = [
  { bug: "a clock that was set back left a recipient alone until the clock came to the old time again", seeds: [79] },
  { bug: "a message recorded under a clock that ran ahead was refused as from the future, until that future had come", seeds: [2, 79] },
  {
    bug: "new work that a full inbox refused kept back a request whose receipt was lost, and behind it the cancel that would have made room",
    seeds: [1351, 1438, 1846, 1852],
  },
  { bug: "two agents with full inboxes kept back each other's results behind new work of the same session", seeds: [1179] },
  // The next two were the simulation's own: its rules on order knew what no daemon could know.
  {
    bug: "an answer counted as heard by the next daemon, although the one that heard it died before it wrote that down",
    seeds: [10481, 11284],
  },
  { bug: "a request counted as new to a recipient without room, although an earlier daemon may have sent it", seeds: [13435] },
];

test.for(FOUND)("does not come back: $bug", async ({ seeds }) => {
  expect(await failuresOf(seeds)).toEqual([]);
});

/** Seeds that once failed, with the name of the bug: they stay, whatever the other tests draw. */
import { expect, test } from "vitest";
import { failuresOf } from "./check-seeds.ts";

const FOUND = [
  { bug: "a clock that was set back left a recipient alone until the clock came to the old time again", seeds: [19, 33] },
  { bug: "a message recorded under a clock that ran ahead was refused as from the future, until that future had come", seeds: [82] },
];

test.for(FOUND)("does not come back: $bug", async ({ seeds }) => {
  expect(await failuresOf(seeds)).toEqual([]);
});

import { expect, test } from "vitest";
import { failuresOf, seedsFrom } from "./check-seeds.ts";

test.for(seedsFrom(501, 250).filter((seed) => seed % 50 === 1))(
  "fifty histories from seed %i on hold every rule, and each is the same when it is run again",
  async (from) => {
    expect(await failuresOf(seedsFrom(from, 50))).toEqual([]);
  },
);

import { expect, test } from "vitest";
import { FREE_SPACE_FLOOR_BYTES } from "../../../../mesh/contract/limits.ts";
import { createSpaceWatch } from "../../../../mesh/store/space-watch.ts";
import { createVirtualClock } from "../../../support/virtual-clock.ts";

function setUp() {
  const clock = createVirtualClock();
  const state = { free: 0, looks: 0, errors: [] as unknown[], told: [] as string[] };
  const watch = createSpaceWatch({
    clock,
    freeBytes() {
      state.looks++;
      if (state.free < 0) throw new Error("gone");
      return state.free;
    },
    onError: (error) => void state.errors.push(error),
  });
  return { clock, state, watch };
}

test("a disk is looked at once a second from the first refusal until it has room, and then everybody is told once", async () => {
  const { clock, state, watch } = setUp();
  watch.onRoom(() => state.told.push("one"));
  watch.onRoom(() => state.told.push("two"));
  await clock.advance(10_000);
  expect(state.looks).toBe(0);
  for (let i = 0; i < 5; i++) watch.refused();
  await clock.advance(3_000);
  expect(state).toMatchObject({ looks: 3, told: [] });
  state.free = FREE_SPACE_FLOOR_BYTES;
  await clock.advance(1_000);
  expect(state.told).toEqual(["one", "two"]);
  await clock.advance(10_000);
  expect(state).toMatchObject({ looks: 4, told: ["one", "two"] });
  watch.refused();
  await clock.advance(1_000);
  expect(state.told).toHaveLength(4);
});

test("a disk that can't be measured has no room, and a listener that throws keeps no other from being told", async () => {
  const { clock, state, watch } = setUp();
  watch.onRoom(() => {
    throw new Error("planned");
  });
  watch.onRoom(() => state.told.push("two"));
  state.free = -1;
  watch.refused();
  await clock.advance(2_000);
  expect(state).toMatchObject({ looks: 2, told: [] });
  state.free = FREE_SPACE_FLOOR_BYTES;
  await clock.advance(1_000);
  expect(state.told).toEqual(["two"]);
  expect(state.errors.map(String)).toEqual(["Error: gone", "Error: gone", "Error: planned"]);
});

import { expect, test } from "vitest";
import { FREE_SPACE_FLOOR_BYTES } from "../../../../mesh/contract/limits.ts";
import { waitForRoom } from "../../../../mesh/demo/wait-for-room.ts";

/** A disk that has room after so many looks. */
function setUp(fullLooks: number) {
  const state = { looks: 0, pausedMs: 0, notes: [] as string[] };
  const end = new AbortController();
  const wait = waitForRoom({
    freeBytes: () => (state.looks++ < fullLooks ? FREE_SPACE_FLOOR_BYTES - 1 : FREE_SPACE_FLOOR_BYTES),
    pause: async (ms) => {
      state.pausedMs += ms;
      if (state.pausedMs === 5_000) end.abort();
    },
    note: (text) => void state.notes.push(text),
    signal: end.signal,
  });
  return { state, wait };
}

test("a demo whose disk has room begins at once", async () => {
  const { state, wait } = setUp(0);
  await wait;
  expect(state).toEqual({ looks: 1, pausedMs: 0, notes: [] });
});

test("a demo whose disk is full says so once, and goes on within a second of there being room, or when it is ended", async () => {
  const { state, wait } = setUp(4);
  await wait;
  expect(state).toMatchObject({ pausedMs: 3_000, notes: [expect.stringContaining("nearly full")] });
  const ended = setUp(1_000);
  await ended.wait;
  expect(ended.state.pausedMs).toBe(5_000);
});

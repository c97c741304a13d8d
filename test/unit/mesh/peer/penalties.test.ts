import { expect, it } from "vitest";
import { createPenalties } from "../../../../mesh/peer/penalties.ts";
import { MAX_PENALTIES, PENALTY_FORGET_MS, PENALTY_MAX_MS, PENALTY_MIN_MS } from "../../../../mesh/peer/protocols.ts";

const penaltiesAt = (start = 0) => {
  let at = start;
  const penalties = createPenalties({ clock: { now: () => at } });
  return {
    ...penalties,
    pass: (ms: number) => {
      at += ms;
    },
    /** How long it is out from now on, ms. */
    left: (id: string, step = PENALTY_MIN_MS): number => {
      const from = at;
      while (penalties.isOut(id)) at += step;
      return at - from;
    },
  };
};

it("keeps out who offended, for twice as long each time up to a minute, and nobody else", () => {
  const { offended, isOut, left } = penaltiesAt();
  const times = Array.from({ length: 8 }, () => {
    offended("rogue");
    expect(isOut("good")).toBe(false);
    return left("rogue");
  });
  expect(times).toEqual([1, 2, 4, 8, 16, 32, 60, 60].map((seconds) => seconds * PENALTY_MIN_MS));
  expect(times.at(-1)).toBe(PENALTY_MAX_MS);
});

it("begins anew with who has behaved for long", () => {
  const { offended, pass, left } = penaltiesAt();
  for (let i = 0; i < 5; i++) offended("rogue");
  pass(PENALTY_FORGET_MS + 1);
  offended("rogue");
  expect(left("rogue")).toBe(PENALTY_MIN_MS);
});

it("keeps nobody out for longer because the clock was set back", () => {
  const { offended, pass, isOut } = penaltiesAt(10 * PENALTY_FORGET_MS);
  offended("rogue");
  pass(-PENALTY_FORGET_MS);
  expect(isOut("rogue")).toBe(false);
});

it("remembers a bounded number, the newest", () => {
  const { offended, isOut } = penaltiesAt();
  for (let i = 0; i <= MAX_PENALTIES; i++) offended(`rogue ${i}`);
  expect([isOut("rogue 0"), isOut("rogue 1"), isOut(`rogue ${MAX_PENALTIES}`)]).toEqual([false, true, true]);
});

import { describe, expect, it } from "vitest";
import { repeat } from "../../../../mesh/agent/repeat.ts";
import { createVirtualClock, settle } from "../../../support/virtual-clock.ts";

const EVERY_MS = 1_000;

/** A job whose runs a test ends by hand. */
function fixture() {
  const clock = createVirtualClock();
  const errors: unknown[] = [];
  const open: PromiseWithResolvers<void>[] = [];
  const state = { runs: 0, atOnce: 0, most: 0 };
  const job = async (): Promise<void> => {
    state.runs += 1;
    state.atOnce += 1;
    state.most = Math.max(state.most, state.atOnce);
    const run = Promise.withResolvers<void>();
    open.push(run);
    await run.promise.finally(() => (state.atOnce -= 1));
  };
  const repeated = repeat({ clock, onError: (error) => errors.push(error) }, EVERY_MS, job);
  /** Ends the run that began first. */
  const end = async (error?: Error): Promise<void> => {
    const run = open.shift();
    if (error === undefined) run?.resolve();
    else run?.reject(error);
    await settle();
  };
  return { clock, errors, state, end, ...repeated };
}

describe("repeated work", () => {
  it("runs again after its interval, counted from the end of the last run", async () => {
    const { clock, state, end, kick } = fixture();
    void kick();
    await clock.advance(5 * EVERY_MS);
    expect(state.runs).toBe(1);
    await end();
    await clock.advance(EVERY_MS - 1);
    expect(state.runs).toBe(1);
    await clock.advance(1);
    expect(state.runs).toBe(2);
  });

  it("never runs twice at once: kicks during a run make one more right after it", async () => {
    const { state, end, kick } = fixture();
    const first = kick();
    for (let i = 0; i < 5; i++) void kick();
    expect(state.runs).toBe(1);
    await end();
    expect(state.runs).toBe(2);
    await end();
    await first;
    expect(state).toMatchObject({ runs: 2, most: 1 });
  });

  it("waits twice as long after each failure, at most eight times, and as before after a success", async () => {
    const { clock, errors, state, end, kick } = fixture();
    void kick();
    for (const factor of [2, 4, 8, 8]) {
      const { runs } = state;
      await end(new Error("down"));
      await clock.advance(factor * EVERY_MS - 1);
      expect(state.runs).toBe(runs);
      await clock.advance(1);
      expect(state.runs).toBe(runs + 1);
    }
    expect(errors).toHaveLength(4);
    await end();
    await clock.advance(EVERY_MS);
    expect(state.runs).toBe(6);
  });

  it("runs at once when kicked in a long wait, and forgets that wait", async () => {
    const { clock, state, end, kick } = fixture();
    void kick();
    await end(new Error("down"));
    void kick();
    expect(state.runs).toBe(2);
    await end();
    expect(clock.pending()).toBe(1);
    await clock.advance(EVERY_MS);
    expect(state.runs).toBe(3);
  });

  it("ends when it is stopped, after the run under way, and can't be kicked any more", async () => {
    const { clock, state, end, kick, stop } = fixture();
    void kick();
    void kick();
    let stopped = false;
    const stopping = stop().then(() => (stopped = true));
    await settle();
    expect(stopped).toBe(false);
    await end();
    await stopping;
    await kick();
    await clock.advance(100 * EVERY_MS);
    expect(state.runs).toBe(1);
    expect(clock.pending()).toBe(0);
  });
});

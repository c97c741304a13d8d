/** A cancel wins or loses cleanly, whenever it comes and whatever happens to frames and processes meanwhile. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { readTask } from "../../../../mesh/session/task-record.ts";
import { createWorld, startNode } from "../../../support/messaging-node.ts";

const moment = fc.nat(2_000);

/** One history: the run ends after `runMs`, the cancel comes after `cancelMs`, `restarts` say who dies when. */
const history = fc.record({
  seed: fc.integer({ min: 1, max: 1_000_000 }),
  runMs: moment,
  cancelMs: moment,
  lose: fc.constantFrom(0, 0.2, 0.5),
  maxDelayMs: fc.constantFrom(0, 50, 800),
  startInMs: fc.option(moment, { nil: undefined }),
  sessionId: fc.option(fc.constant("s"), { nil: undefined }),
  restarts: fc.array(fc.record({ atMs: moment, who: fc.constantFrom("asker" as const, "worker" as const) }), { maxLength: 2 }),
});

test("both sides show the same end, CANCELED or the result; the loser leaves no trace of having won", async () => {
  const ends = new Set<string>();
  await fc.assert(
    fc.asyncProperty(history, async ({ seed, runMs, cancelMs, lose, maxDelayMs, startInMs, sessionId, restarts }) => {
      const world = createWorld(seed);
      const { clock, network } = world;
      const options = {
        skills: { accruals: "safe" as const },
        run: () => ({ outcome: { state: "COMPLETED" as const, result: "done" }, delayMs: runMs }),
      };
      let asker = await startNode(world, world.addMember("fiona.berg", "finance"));
      let worker = await startNode(world, world.addMember("marco.diaz", "marketing"), options);
      network.state.faults = { loseRequest: lose, loseAnswer: lose, repeat: lose, maxDelayMs };
      const { taskId } = await asker.call("task.send", {
        target: { targetRole: "marketing", skill: "accruals" },
        task: "October",
        idempotencyKey: "k",
        ...(startInMs === undefined ? {} : { startAt: new Date(clock.now() + startInMs).toISOString() }),
        ...(sessionId === undefined ? {} : { sessionId }),
      });
      const cancel = async (): Promise<void> => void (await asker.call("task.cancel", { taskId }));
      const restart = (who: "asker" | "worker") => async (): Promise<void> => {
        if (who === "asker") asker = await asker.restart();
        else worker = await worker.restart();
      };
      const acts = [{ atMs: cancelMs, act: cancel }, ...restarts.map(({ atMs, who }) => ({ atMs, act: restart(who) }))];
      let passed = 0;
      for (const { atMs, act } of acts.toSorted((a, b) => a.atMs - b.atMs)) {
        await clock.advance(atMs - passed);
        passed = atMs;
        await act();
      }
      network.state.faults = { loseRequest: 0, loseAnswer: 0, repeat: 0, maxDelayMs: 0 };
      await clock.advance(900_000);

      const [asked, worked] = [readTask(asker.store, "asker", taskId), readTask(worker.store, "worker", taskId)];
      expect(["CANCELED", "COMPLETED"]).toContain(asked?.state);
      expect(worked?.state).toBe(asked?.state);
      expect([asked?.result, worked?.result]).toEqual(asked?.state === "COMPLETED" ? ["done", "done"] : [undefined, undefined]);
      const events = await worker.chain.list({ fromSeq: 1, limit: 1_000 });
      const counted = events.filter(({ action, details }) => action === "run.finish" && details["fenced"] === false);
      expect(counted).toHaveLength(asked?.state === "COMPLETED" ? 1 : 0);
      expect(await asker.call("outbox.list", {})).toMatchObject({ total: 0 });
      ends.add(asked?.state ?? "");
    }),
    { seed: 3, numRuns: 60 },
  );
  // The histories are only worth something if each side has won some.
  expect(ends.size).toBe(2);
}, 60_000);

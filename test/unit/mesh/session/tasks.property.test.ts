/**
 * A model of a task between asker and worker over a network that loses, repeats, delays and reorders, with crashes of both: whatever people and runs do
 * in whatever order, both sides end in the same state, with the same questions and answers in the same order, and nothing is said twice.
 */
import fc from "fast-check";
import { expect, test } from "vitest";
import { TERMINAL_STATES } from "../../../../mesh/contract/message.ts";
import { readTask } from "../../../../mesh/session/task-record.ts";
import { createWorld, type NodeOptions, startNode, type TestNode } from "../../../support/messaging-node.ts";

/** What somebody does next; most of it is refused where the task is not ready for it, as it should be. */
const step = fc.oneof(
  fc.constantFrom("accept", "ask", "answer", "complete", "reject", "progress", "wait", "wait", "wait"),
  fc.constantFrom("cancel", "crash asker", "crash worker"),
);
const history = fc.record({
  seed: fc.integer({ min: 1, max: 1_000_000 }),
  unattended: fc.boolean(),
  questions: fc.integer({ min: 0, max: 3 }),
  loss: fc.constantFrom(0, 0.2, 0.4),
  steps: fc.array(step, { minLength: 4, maxLength: 24 }),
});
type History = typeof history extends fc.Arbitrary<infer T> ? T : never;

const ignore = (work: Promise<unknown>): Promise<void> =>
  work.then(
    () => undefined,
    () => undefined,
  );

async function run({ seed, unattended, questions, loss, steps }: History) {
  const world = createWorld(seed);
  const { clock, random, network } = world;
  const asked = (given: number): boolean => given < questions;
  const options: NodeOptions = {
    skills: { accruals: "safe" },
    allow: ({ action }) => unattended || action !== "task.run",
    run: ({ answers }) => ({
      outcome: asked(answers.length)
        ? { state: "INPUT_REQUIRED", message: `Q${answers.length}` }
        : { state: "COMPLETED", result: answers.length, cost: { tokens: 1, usd: "0" } },
      delayMs: Math.floor(random.next() * 2_000),
    }),
  };
  let asker: TestNode = await startNode(world, world.addMember("fiona.berg", "finance"));
  let worker: TestNode = await startNode(world, world.addMember("marco.diaz", "marketing"), options);
  const { taskId } = await asker.call("task.send", {
    target: { targetRole: "marketing", skill: "accruals" },
    task: "x",
    idempotencyKey: "k",
  });
  network.state.faults = { loseRequest: loss, loseAnswer: loss, repeat: loss, maxDelayMs: 600 };
  let words = 0;
  const acts: Record<string, () => Promise<void>> = {
    accept: () => ignore(worker.call("inbox.accept", { taskId })),
    ask: () => ignore(worker.call("inbox.ask", { taskId, question: `P${words++}` })),
    answer: () => ignore(asker.call("task.answer", { taskId, answer: `A${words++}` })),
    complete: () => ignore(worker.call("inbox.complete", { taskId, result: "by a person" })),
    reject: () => ignore(worker.call("inbox.reject", { taskId, reason: "no" })),
    progress: () => ignore(worker.call("inbox.progress", { taskId, note: `N${words++}` })),
    cancel: () => ignore(asker.call("task.cancel", { taskId })),
    wait: () => clock.advance(Math.floor(random.next() * 5_000)),
    "crash asker": async () => {
      asker = await asker.restart(Math.floor(random.next() * 3));
    },
    "crash worker": async () => {
      worker = await worker.restart(Math.floor(random.next() * 3));
    },
  };
  for (const name of steps) await acts[name]?.();
  network.state.faults = { loseRequest: 0, loseAnswer: 0, repeat: 0, maxDelayMs: 0 };
  // Everybody does their part until it is over.
  for (let i = 0; i < 12; i++) {
    asker.messaging.peerConnected(worker.self.agentId);
    worker.messaging.peerConnected(asker.self.agentId);
    await clock.advance(70_000);
    if (TERMINAL_STATES.has(readTask(asker.store, "asker", taskId)?.state ?? "SUBMITTED")) break;
    await ignore(asker.call("task.answer", { taskId, answer: `A${words++}` }));
    if (i > 8) await ignore(worker.call("inbox.complete", { taskId, result: "in the end" }));
  }
  await clock.advance(120_000);
  return { asker, worker, taskId };
}

test("both sides of a task end alike, whatever happens in between", async () => {
  const ends = new Map<string, number>();
  await fc.assert(
    fc.asyncProperty(history, async (given) => {
      const { asker, worker, taskId } = await run(given);
      const [mine, theirs] = [readTask(asker.store, "asker", taskId), readTask(worker.store, "worker", taskId)];
      expect(TERMINAL_STATES.has(mine?.state ?? "SUBMITTED"), `${mine?.state} after ${given.steps.join(", ")}`).toBe(true);
      expect(theirs?.state).toBe(mine?.state);
      expect(theirs?.result).toEqual(mine?.result);
      expect(theirs?.spent).toEqual(mine?.spent);
      // An answer that came too late for its question is only at the asker.
      const heard = (theirs?.answers ?? []).map(({ question, answer }) => ({ question, answer }));
      const said = (mine?.answers ?? []).map(({ question, answer }) => ({ question, answer }));
      expect(said.filter((one) => heard.some((other) => other.question === one.question && other.answer === one.answer))).toEqual(heard);
      expect(said.length - heard.length).toBeLessThanOrEqual(mine?.state === "COMPLETED" ? 1 : said.length);
      for (const node of [asker, worker]) {
        expect((await node.call("outbox.list", {})).items).toEqual([]);
        expect(await node.store.range({ gte: "progress/", lt: "progress0" })).toEqual([]);
        const ended = (await node.chain.list({ fromSeq: 1, limit: 5_000 })).filter(
          ({ action, target, details }) =>
            action === "task.state" && target === `task:${taskId}` && TERMINAL_STATES.has(details["state"] as "FAILED"),
        );
        expect(ended).toHaveLength(1);
      }
      ends.set(mine?.state ?? "", (ends.get(mine?.state ?? "") ?? 0) + 1);
    }),
    { numRuns: 60 },
  );
  // Otherwise the histories would show nothing.
  for (const state of ["COMPLETED", "CANCELED", "REJECTED"]) expect(ends.get(state) ?? 0, state).toBeGreaterThan(0);
}, 120_000);

/**
 * Two agents on a virtual clock, disk and network. The network loses, repeats, delays and reorders frames and their answers; processes die and lose
 * what was not synced. One seed is one history; a failing run prints its seed.
 */
import { expect, test } from "vitest";
import { continueChain, EMPTY_CHAIN } from "../../../../mesh/audit/chain.ts";
import { canonicalHash } from "../../../../mesh/contract/json.ts";
import { TERMINAL_STATES } from "../../../../mesh/contract/message.ts";
import { readTask } from "../../../../mesh/session/task-record.ts";
import { createWorld, type NodeOptions, startNode, type TestNode } from "../../../support/messaging-node.ts";

const SEEDS = 60;
const TASKS = 12;

/** Runs one history and returns what both sides hold in the end. */
async function runHistory(seed: number) {
  const world = createWorld(seed);
  const { clock, random, network } = world;
  const chance = (of: number): boolean => random.next() < of;
  const options: NodeOptions = {
    skills: { accruals: "safe" },
    concurrency: 3,
    window: 4,
    run: ({ taskId, attempt }) => ({
      outcome: { state: "COMPLETED", result: { taskId, attempt } },
      delayMs: Math.floor(random.next() * 3_000),
    }),
  };
  let asker: TestNode = await startNode(world, world.addMember("fiona.berg", "finance"));
  let worker: TestNode = await startNode(world, world.addMember("marco.diaz", "marketing"), options);
  network.state.faults = { loseRequest: 0.15, loseAnswer: 0.15, repeat: 0.2, maxDelayMs: 400 };

  const accepted = new Map<string, string>();
  const send = async (key: string): Promise<void> => {
    const priority = (["P0", "P1", "P2", "P3"] as const)[Math.floor(random.next() * 4)] ?? "P2";
    const request = { target: { targetRole: "marketing", skill: "accruals" }, task: key, idempotencyKey: key };
    // A crash may come between: only what was answered was accepted.
    await asker.call("task.send", { ...request, priority }).then(
      ({ taskId }) => void accepted.set(taskId, key),
      () => undefined,
    );
  };

  for (let i = 0; i < TASKS; i++) {
    const sending = send(`task-${i}`);
    if (chance(0.15)) asker = await asker.restart(Math.floor(random.next() * 3));
    await sending;
    await clock.advance(Math.floor(random.next() * 1_000));
    const [cancelled] = accepted.keys();
    if (chance(0.2) && cancelled !== undefined) await asker.call("task.cancel", { taskId: cancelled });
    if (chance(0.25)) {
      worker = await worker.restart(Math.floor(random.next() * 3));
      asker.messaging.peerConnected(worker.self.agentId);
    }
  }
  network.state.faults = { loseRequest: 0, loseAnswer: 0, repeat: 0, maxDelayMs: 0 };
  await clock.advance(900_000);

  const tasks = [...accepted.keys()].map((taskId) => ({
    taskId,
    asked: readTask(asker.store, "asker", taskId),
    worked: readTask(worker.store, "worker", taskId),
  }));
  const events = {
    asker: await asker.chain.list({ fromSeq: 1, limit: 10_000 }),
    worker: await worker.chain.list({ fromSeq: 1, limit: 10_000 }),
  };
  return { asker, worker, tasks, events };
}

test(`in ${SEEDS} histories every accepted task ends in exactly one terminal state, the same on both sides, with one committed result`, async () => {
  let crashes = 0;
  for (let seed = 1; seed <= SEEDS; seed++) {
    const { asker, worker, tasks, events } = await runHistory(seed);
    const at = `seed ${seed}`;
    expect(tasks.length, at).toBeGreaterThan(0);
    for (const { taskId, asked, worked } of tasks) {
      expect(TERMINAL_STATES.has(asked?.state ?? "SUBMITTED"), `${at}: ${taskId} is ${asked?.state}`).toBe(true);
      expect(asked?.state, at).toBe(worked?.state);
      expect(asked?.result, at).toEqual(worked?.result);
      const said = (side: "asker" | "worker") =>
        events[side].filter(({ target, details }) => target === `task:${taskId}` && TERMINAL_STATES.has(details["state"] as "FAILED"));
      expect(said("asker").length, at).toBe(1);
      expect(said("worker").length, at).toBe(1);
      const counted = events.worker.filter(
        ({ action, target, details }) => action === "run.finish" && target === `run:${taskId}` && details["fenced"] === false,
      );
      expect(counted.length, at).toBe(asked?.state === "COMPLETED" ? 1 : 0);
      crashes += (worked?.attempt ?? 0) - 1;
    }
    for (const node of [asker, worker])
      expect(node.messaging.methods["outbox.list"] && (await node.call("outbox.list", {})).items, at).toEqual([]);
    expect(continueChain(EMPTY_CHAIN, events.asker), at).toEqual(asker.chain.head());
    expect(continueChain(EMPTY_CHAIN, events.worker), at).toEqual(worker.chain.head());
  }
  // The histories are only worth something if runs were in fact cut off.
  expect(crashes).toBeGreaterThan(SEEDS / 4);
}, 120_000);

test("one seed is one history", async () => {
  const [one, two] = [await runHistory(4242), await runHistory(4242)];
  expect(canonicalHash(one.events)).toBe(canonicalHash(two.events));
  const other = await runHistory(4243);
  expect(canonicalHash(one.events)).not.toBe(canonicalHash(other.events));
}, 60_000);

import { describe, expect, it } from "vitest";
import { createTaskRunner } from "../../../../mesh/agent/task-runner.ts";
import { GaggleError } from "../../../../mesh/contract/errors.ts";
import type { Executor, RunRequest } from "../../../../mesh/executor/create-executor.ts";
import type { RunnableTask, RunOutcome } from "../../../../mesh/session/ports.ts";
import { verifyBundle } from "../../../../profiles/bundle/verify.ts";
import { createTestOrganisation } from "../../../support/test-organisation.ts";
import { settle } from "../../../support/virtual-clock.ts";

const NOW_MS = Date.UTC(2026, 9, 31, 8);
const SECRET = "maria.silva@example.com";
const organisation = createTestOrganisation();
const bundle = verifyBundle({
  bundle: organisation.sign("marketing", { version: 1, nowMs: NOW_MS }),
  org: organisation.org,
  role: "marketing",
  rootFingerprint: organisation.root.thumbprint,
  nowMs: NOW_MS,
  minVersion: 1,
});
const asker = { agentId: `12D3KooW${"A".repeat(44)}`, subject: "fiona.berg", role: "finance", department: "finance" };
const task = (change: Partial<Pick<RunnableTask, "taskId" | "attempt" | "skill" | "recipeSha256">> = {}): RunnableTask => ({
  taskId: "t1",
  attempt: 1,
  skill: "accruals",
  task: "October",
  context: { period: "2026-10" },
  asker,
  traceId: "a".repeat(32),
  policyHints: {},
  answers: [],

  ...change,
});

/** A runner over an executor whose runs the test ends. */
function fixture() {
  const finished: { taskId: string; attempt: number; outcome: RunOutcome }[] = [];
  const errors: unknown[] = [];
  const runs: { request: RunRequest; end: PromiseWithResolvers<Awaited<ReturnType<Executor["run"]>>> }[] = [];
  const executor: Executor = {
    run(request) {
      const end = Promise.withResolvers<Awaited<ReturnType<Executor["run"]>>>();
      const cancel = (): void => end.reject(new GaggleError("EXECUTOR_FAILED", "The run was ended."));
      if (request.signal?.aborted === true) cancel();
      request.signal?.addEventListener("abort", cancel);
      runs.push({ request, end });
      return end.promise;
    },
    killOrphans: async () => 0,
    close: async () => undefined,
  };
  const began: string[] = [];
  const runner = createTaskRunner({
    filesOf: async ({ artifacts = [] }) => {
      const [ref] = artifacts;
      if (ref?.name === "lost.csv") throw new GaggleError("PEER_UNREACHABLE", "The files of this task did not come.");
      return artifacts.map(({ name, mediaType, bytes }) => ({ name, mediaType, bytes, copyTo: async () => undefined }));
    },
    executor: () => executor,
    bundle: () => bundle,
    began: ({ taskId }) => void began.push(taskId),
    finish: async (taskId, attempt, outcome) => void finished.push({ taskId, attempt, outcome }),
    onError: (error) => void errors.push(error),
  });
  return { runner, runs, finished, errors, began };
}

const RESULT = { result: { accrued: "12.50" }, turns: 3, tokens: 40, durationMs: 900 };

describe("a run without a person", () => {
  it("runs exactly the recipe that policy decided on: one that a newer bundle has put in its place does not run", async () => {
    const { runner, runs, finished } = fixture();
    const signed = bundle.manifest.files["recipes/marketing/accruals.yaml"] ?? "";
    runner.start(task({ taskId: "same", recipeSha256: signed }));
    runner.start(task({ taskId: "other", recipeSha256: "f".repeat(64) }));
    await settle();
    expect(runs.map(({ request }) => request.taskId)).toEqual(["same"]);
    expect(finished).toMatchObject([{ taskId: "other", outcome: { state: "FAILED", details: { code: "STATE_CONFLICT" } } }]);
  });

  it("gets the signed recipe and the task, and reports its result", async () => {
    const { runner, runs, finished, began } = fixture();
    runner.start(task());
    await settle();
    expect(began).toEqual(["t1"]);
    expect(runs[0]?.request).toMatchObject({
      taskId: "t1",
      context: { period: "2026-10" },
      from: { subject: "fiona.berg", role: "finance" },
      recipeText: bundle.text("recipes/marketing/accruals.yaml"),
      skill: { id: "accruals", timeoutSeconds: 600 },
    });
    runs[0]?.end.resolve(RESULT as never);
    await settle();
    expect(finished).toMatchObject([{ taskId: "t1", attempt: 1, outcome: { state: "COMPLETED", result: { accrued: "12.50" } } }]);
  });

  it("gets what was asked and answered before, further parts, and what its session shares; its own question goes to the asker", async () => {
    const { runner, runs, finished } = fixture();
    const answers = [{ question: "Which year?", answer: "2026" }];
    const session = { sessionId: "s", purpose: "Close", shards: [{ id: "plan", version: 2, title: "Plan", body: { a: 1 } }] };
    runner.start({ ...task(), answers, session, parts: [{ text: "more" }] });
    await settle();
    expect(runs[0]?.request).toMatchObject({ answers, session, parts: [{ text: "more" }] });
    runs[0]?.end.resolve({ ...RESULT, result: null, question: "Which cost centre?" } as never);
    await settle();
    expect(finished).toMatchObject([{ outcome: { state: "INPUT_REQUIRED", message: "Which cost centre?", cost: { tokens: 40 } } }]);
    expect(finished[0]?.outcome).not.toHaveProperty("result");
  });

  it("gets the files of its task, and fails without being started where they don't come", async () => {
    const { runner, runs, finished } = fixture();
    const ref = { name: "q3.csv", mediaType: "text/csv", bytes: 3, sha256: "a".repeat(64), chunks: "b".repeat(64) };
    runner.start({ ...task(), artifacts: [ref] });
    await settle();
    expect(runs[0]?.request.files).toMatchObject([{ name: "q3.csv", bytes: 3 }]);
    runner.start({ ...task({ taskId: "t2" }), artifacts: [{ ...ref, name: "lost.csv" }] });
    await settle();
    expect(runs).toHaveLength(1);
    expect(finished).toMatchObject([{ taskId: "t2", outcome: { state: "FAILED", details: { code: "PEER_UNREACHABLE" } } }]);
  });

  it("that fails says why in our words, and carries no text of a foreign error", async () => {
    const { runner, runs, finished, errors } = fixture();
    runner.start(task());
    runner.start(task({ taskId: "t2" }));
    await settle();
    runs[0]?.end.reject(new GaggleError("TIMEOUT", "The run took too long."));
    runs[1]?.end.reject(new Error(`could not read ${SECRET}`));
    await settle();
    expect(finished.map(({ outcome }) => outcome)).toMatchObject([
      { state: "FAILED", message: "The run took too long.", details: { code: "TIMEOUT" } },
      { state: "FAILED", details: { code: "INTERNAL" } },
    ]);
    expect(JSON.stringify(finished)).not.toContain(SECRET);
    expect(errors).toHaveLength(1);
  });

  it("of a skill that the role no longer has fails, and starts nothing", async () => {
    const { runner, runs, finished } = fixture();
    runner.start(task({ skill: "gone" }));
    await settle();
    expect(runs).toEqual([]);
    expect(finished).toMatchObject([{ outcome: { state: "FAILED", details: { code: "NOT_FOUND" } } }]);
  });

  it("is ended by its attempt, and another attempt of the same task goes on", async () => {
    const { runner, runs, finished } = fixture();
    runner.start(task());
    runner.start(task({ attempt: 2 }));
    await settle();
    runner.stop("t1", 1);
    runner.stop("t1", 3);
    await settle();
    expect(finished).toMatchObject([{ taskId: "t1", attempt: 1, outcome: { state: "FAILED" } }]);
    expect(runs.map(({ request }) => request.signal?.aborted)).toEqual([true, false]);
  });

  it("that is ended before the executor is there is ended too", async () => {
    const { runner, finished } = fixture();
    runner.start(task());
    runner.stop("t1", 1);
    await settle();
    expect(finished).toMatchObject([{ taskId: "t1", outcome: { state: "FAILED" } }]);
  });

  it("is cut short when the daemon ends and left for the next one; a result that is there is still reported", async () => {
    const { runner, runs, finished } = fixture();
    runner.start(task());
    runner.start(task({ taskId: "t2" }));
    await settle();
    runs[1]?.end.resolve(RESULT as never);
    await runner.close();
    expect(runs[0]?.request.signal?.aborted).toBe(true);
    expect(finished.map(({ taskId, outcome }) => [taskId, outcome.state])).toEqual([["t2", "COMPLETED"]]);
  });

  it("whose report can't be stored is told, and ends in order all the same", async () => {
    const errors: unknown[] = [];
    const runner = createTaskRunner({
      executor: () => ({ run: async () => RESULT as never, killOrphans: async () => 0, close: async () => undefined }),
      bundle: () => bundle,
      began: () => undefined,
      finish: () => Promise.reject(new GaggleError("STORE_FAILED", "full")),
      onError: (error) => void errors.push(error),
    });
    runner.start(task());
    await runner.close();
    expect(errors).toMatchObject([{ code: "STORE_FAILED" }]);
  });
});

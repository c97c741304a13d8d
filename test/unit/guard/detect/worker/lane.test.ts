import { describe, expect, it } from "vitest";
import { createLane, type LaneLimits, type WorkerPort } from "../../../../../guard/detect/worker/lane.ts";
import type { FromWorker, ToWorker } from "../../../../../guard/detect/worker/protocol.ts";
import { errorCode } from "../../../../../mesh/contract/errors.ts";
import { createVirtualClock } from "../../../../support/virtual-clock.ts";

const LIMITS: LaneLimits = { stallMs: 1_000, loadMs: 4_000, requestMs: 60_000, inHandUnits: 16_384, queueUnits: 100_000 };
const RESULT = { findings: [], words: new Uint32Array() };

/** A worker that answers when the test says so. */
class ScriptedWorker implements WorkerPort {
  readonly got: ToWorker[] = [];
  held = true;
  ended = false;
  readonly #listeners = new Map<string, (message: FromWorker) => void>();
  postMessage(message: ToWorker): void {
    this.got.push(message);
  }
  on(event: string, listener: (message: FromWorker) => void): void {
    this.#listeners.set(event, listener);
  }
  ref(): void {
    this.held = true;
  }
  unref(): void {
    this.held = false;
  }
  terminate(): Promise<void> {
    this.ended = true;
    return Promise.resolve();
  }
  emit(event: "message" | "error" | "exit", message: FromWorker = { type: "progress" }): void {
    this.#listeners.get(event)?.(message);
  }
  get scans(): Extract<ToWorker, { type: "scan" }>[] {
    return this.got.filter((message) => message.type === "scan");
  }
  /** Answers a batch with nothing found. */
  answer(place: number): void {
    const scan = this.scans[place];
    if (scan !== undefined) this.emit("message", { type: "results", id: scan.id, results: scan.jobs.map(() => RESULT), blocks: [] });
  }
}

const laneOf = (limits: Partial<LaneLimits> = {}) => {
  const workers: ScriptedWorker[] = [];
  const clock = createVirtualClock();
  const start = (): ScriptedWorker => {
    const worker = new ScriptedWorker();
    workers.push(worker);
    return worker;
  };
  const lane = createLane({ start, keep: () => undefined, clock }, { ...LIMITS, ...limits });
  return {
    workers,
    clock,
    lane,
    scan: (...texts: string[]) =>
      lane.scan(
        texts.map((text) => ({ text })),
        { withoutModel: false },
      ),
  };
};

/** The code that a promise is rejected with; undefined where it resolves. */
const codeOf = (promise: Promise<unknown>): Promise<string | undefined> => promise.then(() => undefined, errorCode);
const refusal = expect.objectContaining({ code: "GUARD_REFUSED" }) as Error;

describe("a lane", () => {
  it("starts its worker with the first request, and lets the process end while nothing is asked", async () => {
    const { workers, scan } = laneOf();
    expect(workers.length).toBe(0);
    const answer = scan("a");
    expect(workers[0]?.held).toBe(true);
    workers[0]?.answer(0);
    expect(await answer).toEqual([RESULT]);
    expect(workers[0]?.held).toBe(false);
  });

  it("hands out the batches of several requests in turn, so that a long one holds up no short one", async () => {
    const { workers, scan } = laneOf({ inHandUnits: 8_192 });
    const long = scan(...Array.from({ length: 5 }, () => "x".repeat(8_000)));
    const short = scan("short");
    workers[0]?.answer(0);
    workers[0]?.answer(2);
    expect(await short).toEqual([RESULT]);
    expect(workers[0]?.scans[2]?.jobs).toEqual([{ text: "short" }]);
    for (const i of [1, 3, 4, 5]) workers[0]?.answer(i);
    expect((await long).length).toBe(5);
  });

  it("refuses what a worker had in hand when it died, and goes on with a new one", async () => {
    const { workers, scan } = laneOf({ inHandUnits: 10 });
    const lost = scan("0123456789");
    const waiting = scan("later");
    workers[0]?.emit("exit");
    await expect(lost).rejects.toEqual(refusal);
    expect(workers.length).toBe(2);
    workers[1]?.answer(0);
    expect(await waiting).toEqual([RESULT]);
  });

  it("counts a silent worker as dead, and one that makes progress as alive", async () => {
    const { workers, clock, scan } = laneOf();
    const answer = scan("text");
    workers[0]?.emit("message");
    for (let i = 0; i < 5; i += 1) {
      await clock.advance(900);
      workers[0]?.emit("message");
    }
    const refused = codeOf(answer);
    await clock.advance(1_001);
    expect(await refused).toBe("GUARD_REFUSED");
    expect(workers[0]?.ended).toBe(true);
    const next = scan("text");
    workers[1]?.answer(0);
    expect(await next).toEqual([RESULT]);
  });

  it("gives a worker that has said nothing yet the longer time to load, and refuses when that is over", async () => {
    const { workers, clock, scan } = laneOf();
    const slow = scan("text");
    await clock.advance(3_900);
    workers[0]?.answer(0);
    expect(await slow).toEqual([RESULT]);
    workers[0]?.emit("exit");
    const refused = codeOf(scan("text"));
    await clock.advance(3_900);
    expect(workers[1]?.ended).toBe(false);
    await clock.advance(200);
    expect(workers[1]?.ended).toBe(true);
    expect(await refused).toBe("GUARD_REFUSED");
  });

  it("believes nothing that a lost worker still says", async () => {
    const { workers, clock, scan } = laneOf();
    const lost = scan("text");
    const refused = codeOf(lost);
    await clock.advance(4_001);
    expect(await refused).toBe("GUARD_REFUSED");
    const next = scan("text");
    workers[0]?.answer(0);
    workers[1]?.answer(0);
    expect(await next).toEqual([RESULT]);
  });

  it("gives up a request that takes too long in all, and tells the worker to drop it", async () => {
    const { workers, clock, scan } = laneOf({ requestMs: 3_000 });
    const refused = codeOf(scan("text"));
    for (let i = 0; i < 4; i += 1) {
      await clock.advance(800);
      workers[0]?.emit("message");
    }
    expect(await refused).toBe("GUARD_REFUSED");
    expect(workers[0]?.got.at(-1)).toEqual({ type: "drop", id: 1 });
  });

  it("refuses more than may wait, and says that it is for now", async () => {
    const { workers, scan } = laneOf({ inHandUnits: 10, queueUnits: 100 });
    const first = scan("0123456789");
    const second = scan("x".repeat(60));
    await expect(scan("x".repeat(60))).rejects.toThrow(/Try again in a moment/);
    workers[0]?.answer(0);
    workers[0]?.answer(1);
    await Promise.all([first, second]);
  });

  it("passes on why a worker refuses, for that request alone", async () => {
    const { workers, scan } = laneOf();
    const [bad, good] = [scan("bad"), scan("good")];
    workers[0]?.emit("message", { type: "refused", id: 1, reason: "Too deep." });
    workers[0]?.answer(1);
    await expect(bad).rejects.toThrow("Too deep.");
    expect(await good).toEqual([RESULT]);
  });

  it("refuses everything from its close on", async () => {
    const { workers, lane, scan } = laneOf();
    const pending = scan("text");
    await lane.close();
    // Not for good: a message that was being looked through as its daemon was stopped comes again.
    const later = expect.objectContaining({ code: "BUSY" });
    await expect(pending).rejects.toEqual(later);
    await expect(scan("text")).rejects.toEqual(later);
    expect(workers[0]?.ended).toBe(true);
  });
});

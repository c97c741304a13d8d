import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { createSupervisor, type ServiceSpec, type StartListener } from "../../../../mesh/demo/supervisor.ts";
import { isRunning } from "../../../support/home-processes.ts";
import { tempFolder } from "../../../support/temp-home.ts";

const SOON = { timeout: 20_000, interval: 20 };
const STAY = "console.log('up'); setInterval(() => undefined, 1000)";

/** A supervisor of services that run a script; all of them end with the test. */
function fixture() {
  const starts: Parameters<StartListener>[0][] = [];
  const supervisor = createSupervisor((service) => starts.push({ ...service }));
  onTestFinished(() => supervisor.stopAll());
  const folder = tempFolder();
  const spec = (name: string, script: string): ServiceSpec => ({
    name,
    command: process.execPath,
    args: ["-e", script],
    env: { PATH: process.env["PATH"] },
    cwd: folder,
    logFile: join(folder, `${name}.log`),
  });
  const pidOf = (name: string): number => starts.findLast((start) => start.name === name)?.pid ?? 0;
  return { starts, supervisor, spec, pidOf };
}

describe("the demo's supervisor", { timeout: 60_000 }, () => {
  it("brings back what was killed, and keeps what it wrote", async () => {
    const { starts, supervisor, spec, pidOf } = fixture();
    const service = spec("a", STAY);
    supervisor.start(service);
    await vi.waitFor(() => expect(readFileSync(service.logFile, "utf8")).toBe("up\n"), SOON);
    process.kill(pidOf("a"), "SIGKILL");
    await vi.waitFor(() => expect(readFileSync(service.logFile, "utf8")).toBe("up\nup\n"), SOON);
    expect(starts.map(({ ended }) => ended)).toEqual([undefined, "SIGKILL"]);
    expect(isRunning(pidOf("a"))).toBe(true);
  });

  it("ends one service by its own id and leaves it ended, and the others alone", async () => {
    const { starts, supervisor, spec, pidOf } = fixture();
    for (const name of ["a", "b"]) supervisor.start(spec(name, STAY));
    await vi.waitFor(() => expect(starts).toHaveLength(2), SOON);
    await supervisor.stop("a");
    expect([isRunning(pidOf("a")), isRunning(pidOf("b"))]).toEqual([false, true]);
    await sleep(600);
    expect(starts).toHaveLength(2);
    await supervisor.stopAll();
    expect(isRunning(pidOf("b"))).toBe(false);
  });

  it("does not bring back what ended just before it was told to stop it", async () => {
    const { starts, supervisor, spec, pidOf } = fixture();
    supervisor.start(spec("a", "process.exit(1)"));
    await vi.waitFor(() => expect(isRunning(pidOf("a"))).toBe(false), SOON);
    await supervisor.stop("a");
    const before = starts.length;
    await sleep(600);
    expect(starts).toHaveLength(before);
  });

  it("does not start a second service of the same name", () => {
    const { supervisor, spec } = fixture();
    supervisor.start(spec("a", STAY));
    expect(() => supervisor.start(spec("a", STAY))).toThrow(expect.objectContaining({ code: "CONFLICT" }));
  });

  it("gives up on a service that ends every time", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout"] });
    onTestFinished(() => void vi.useRealTimers());
    const { starts, supervisor, spec } = fixture();
    supervisor.start({ ...spec("a", STAY), command: join(tempFolder(), "no-such-program") });
    for (let round = 0; round < 40; round++) {
      // The failed start is told by a real event; the wait after it is the fake clock's.
      await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
      await vi.advanceTimersByTimeAsync(5_000);
    }
    expect(vi.getTimerCount()).toBe(0);
    expect(starts).toEqual([]);
  });
});

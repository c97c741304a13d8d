import { execFile } from "node:child_process";
import { join } from "node:path";
import { setImmediate as turn } from "node:timers/promises";
import { promisify } from "node:util";
import { describe, expect, it, vi } from "vitest";
import { createNativeGate, inside, shut } from "../../../../../guard/detect/worker/native-gate.ts";

const CLOSER = join(import.meta.dirname, "..", "..", "..", "..", "support", "close-detection-process.ts");

/** Keeps the event loop alive, as a worker does. */
async function awake<T>(work: Promise<T>): Promise<T> {
  const timer = setInterval(() => undefined, 10);
  return work.finally(() => clearInterval(timer));
}

describe("the gate of native code", () => {
  it("is shut at once while nobody is inside, and lets nobody in any more", async () => {
    const gate = createNativeGate();
    expect(await inside(gate, () => Promise.resolve("result"))).toBe("result");
    await shut(gate, 60_000);
    const call = vi.fn<() => Promise<void>>(() => Promise.resolve());
    void inside(gate, call);
    await turn();
    expect(call).not.toHaveBeenCalled();
  });

  it("makes whoever ends the thread wait until the call is over, also one that fails", async () => {
    const gate = createNativeGate();
    const call = Promise.withResolvers<never>();
    const failed = inside(gate, () => call.promise).catch(() => "failed");
    let isShut = false;
    const shutting = awake(shut(gate, 60_000).then(() => (isShut = true)));
    await turn();
    expect(isShut).toBe(false);
    call.reject(new Error("no result"));
    expect(await failed).toBe("failed");
    expect(await shutting).toBe(true);
  });

  it("does not wait for ever for a call that hangs", async () => {
    const gate = createNativeGate();
    void inside(gate, () => new Promise<never>(() => undefined));
    await expect(awake(shut(gate, 1))).resolves.toBeUndefined();
  });
});

describe("a detection with the model", () => {
  it("is closed in the middle of the model's work without taking the process with it", { timeout: 180_000 }, async () => {
    const { stdout } = await promisify(execFile)(process.execPath, [CLOSER], { timeout: 150_000 });
    expect(stdout).toBe("loaded BUSY\n".repeat(2));
  });
});

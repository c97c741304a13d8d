/** A process that closes the guard's detection while its worker is in the model's runtime, each time anew; it ends with 0 where it survives that. */
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { createDetection } from "../../guard/detect/create-detection.ts";
import { createNativeGate } from "../../guard/detect/worker/native-gate.ts";
import type { WorkerSetup } from "../../guard/detect/worker/protocol.ts";
import { errorCode } from "../../mesh/contract/errors.ts";
import { systemClock, systemRandom } from "../../mesh/agent/system.ts";

const root = join(import.meta.dirname, "..", "..");
const program = new URL("../../guard/detect/worker/scan-worker.ts", import.meta.url);
/** Seconds of work, so that a starved main thread finds the worker at it. */
const text = "Anna Schmidt of Berlin met Peter Müller and Maria Rossi in Hamburg about the payroll. ".repeat(400);
const TIMES = 2;

for (let i = 0; i < TIMES; i += 1) {
  let gate = createNativeGate();
  const startWorker = (workerData: WorkerSetup): Worker => {
    gate = workerData.gate;
    return new Worker(program, { workerData, execArgv: [] });
  };
  const detection = createDetection({ clock: systemClock, random: systemRandom }, { installFolder: root, threads: 1, startWorker });
  const ready = await detection.warmUp();
  const refused = detection.detect([text]).then(() => "answered", errorCode);
  while (Atomics.load(gate, 0) === 0) await new Promise((resolve) => setImmediate(resolve));
  await detection.close();
  process.stdout.write(`${ready.ready ? "loaded" : ready.reason} ${await refused}\n`);
}

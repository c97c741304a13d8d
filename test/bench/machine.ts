/** The machine that a bench ran on, as its result tells. */
import { availableParallelism, cpus, loadavg } from "node:os";

/** What figures depend on. */
export interface Machine {
  readonly node: string;
  readonly platform: string;
  readonly cpu: string;
  readonly cores: number;
  /** Load average of the last minute. */
  readonly load: number;
}

/** This machine, now. */
export const machineNow = (): Machine => ({
  node: process.version,
  platform: `${process.platform}-${process.arch}`,
  cpu: cpus()[0]?.model ?? "unknown",
  cores: availableParallelism(),
  load: loadavg()[0] ?? Number.NaN,
});

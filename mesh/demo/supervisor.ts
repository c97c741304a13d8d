/** Keeps the demo's processes running, as systemd would: starts them, restarts what dies, ends them by their own ids. */
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { GaggleError } from "../contract/errors.ts";

/** A process to keep running. Its standard input ends with the supervisor's process, however that ends. */
export interface ServiceSpec {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  readonly cwd: string;
  /** Gets everything that the process prints. */
  readonly logFile: string;
}

/** Told of every start. `ended`: how the process before it ended, by its exit status or signal; undefined at the first start. */
export type StartListener = (service: { readonly name: string; readonly pid: number; readonly ended?: string | undefined }) => void;

/** Runs services until they are stopped. */
export interface Supervisor {
  start(spec: ServiceSpec): void;
  /** Ends one service and leaves it ended. */
  stop(name: string): Promise<void>;
  /** Ends every service; none can be started any more. */
  stopAll(): Promise<void>;
}

interface Service {
  readonly spec: ServiceSpec;
  child: ChildProcess;
  restarts: number;
  /** How the last process ended. */
  ended?: string;
  /** Ends in order say that another process does the work, so looking again is not urgent. */
  delayMs: number;
  stopping: boolean;
}

/** A service that fails more often than this is broken, not unlucky. */
const MAX_RESTARTS = 20;
const FIRST_DELAY_MS = 300;
const MAX_DELAY_MS = 5_000;
const STOP_GRACE_MS = 10_000;

/** Makes a supervisor. */
export function createSupervisor(onStart: StartListener): Supervisor {
  const services = new Map<string, Service>();
  let ended = false;

  const launch = (spec: ServiceSpec): ChildProcess => {
    const log = openSync(spec.logFile, "a", 0o600);
    try {
      return spawn(spec.command, spec.args, { env: spec.env, cwd: spec.cwd, stdio: ["pipe", log, log] });
    } finally {
      closeSync(log);
    }
  };

  const watch = (service: Service): void => {
    const { child, spec, ended } = service;
    child.stdin?.on("error", () => undefined);
    if (child.pid !== undefined) onStart({ name: spec.name, pid: child.pid, ended });
    // Where the start itself fails there is an error and no exit.
    child.once("error", () => restart(service, 1, "it could not be started"));
    child.once("exit", (code, signal) => restart(service, code, signal ?? `status ${code}`));
  };

  const restart = (service: Service, code: number | null, how: string): void => {
    if (service.stopping || service.restarts >= MAX_RESTARTS) return;
    setTimeout(() => {
      if (service.stopping) return;
      service.restarts += 1;
      service.ended = how;
      service.delayMs = code === 0 ? Math.min(MAX_DELAY_MS, service.delayMs * 2) : FIRST_DELAY_MS;
      service.child = launch(service.spec);
      watch(service);
    }, service.delayMs).unref();
  };

  const end = async (service: Service): Promise<void> => {
    service.stopping = true;
    const { child } = service;
    if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
    const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
    child.kill("SIGTERM");
    const force = setTimeout(() => child.kill("SIGKILL"), STOP_GRACE_MS);
    await ended;
    clearTimeout(force);
  };

  return {
    start(spec) {
      if (ended) throw new GaggleError("CONFLICT", `The services have been ended, so ${spec.name} is not started.`);
      if (services.has(spec.name)) throw new GaggleError("CONFLICT", `The service ${spec.name} runs already.`);
      const service: Service = { spec, child: launch(spec), restarts: 0, delayMs: FIRST_DELAY_MS, stopping: false };
      services.set(spec.name, service);
      watch(service);
    },
    async stop(name) {
      const service = services.get(name);
      if (service !== undefined) await end(service);
    },
    async stopAll() {
      ended = true;
      await Promise.all([...services.values()].map(end));
    },
  };
}

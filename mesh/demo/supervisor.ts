/** Keeps the demo's processes running, as systemd would: starts them, restarts what dies, ends them by their own ids. */
import { type ChildProcess, spawn } from "node:child_process";
import { createWriteStream } from "node:fs";
import { GaggleError } from "../contract/errors.ts";

/** A process to keep running. */
export interface ServiceSpec {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  readonly logFile: string;
}

/** What the supervisor tells: a service was started again after it had died. */
export type RestartListener = (service: { name: string; restarts: number }) => void;

/** Runs services until {@link Supervisor.stopAll}. */
export interface Supervisor {
  start(spec: ServiceSpec): void;
  /** Process id of a running service. */
  pid(name: string): number | undefined;
  stopAll(): Promise<void>;
}

interface Service {
  readonly spec: ServiceSpec;
  child: ChildProcess;
  restarts: number;
}

/** A service that dies more often than this is broken, not unlucky. */
const MAX_RESTARTS = 20;
const RESTART_DELAY_MS = 300;
const STOP_GRACE_MS = 8_000;

/** Makes a supervisor. */
export function createSupervisor(onRestart: RestartListener): Supervisor {
  const services = new Map<string, Service>();
  let stopping = false;

  const launch = (spec: ServiceSpec): ChildProcess => {
    const log = createWriteStream(spec.logFile, { flags: "a", mode: 0o600 });
    const child = spawn(spec.command, spec.args, { env: spec.env, stdio: ["ignore", "pipe", "pipe"] });
    child.stdout?.pipe(log, { end: false });
    child.stderr?.pipe(log, { end: false });
    child.once("close", () => log.end());
    // A failed spawn is followed by no exit event; the restart below treats both alike.
    child.once("error", () => restartLater(spec.name));
    child.once("exit", () => restartLater(spec.name));
    return child;
  };

  const restartLater = (name: string): void => {
    const service = services.get(name);
    if (stopping || service === undefined || service.restarts >= MAX_RESTARTS) return;
    service.restarts += 1;
    setTimeout(() => {
      if (stopping) return;
      service.child = launch(service.spec);
      onRestart({ name, restarts: service.restarts });
    }, RESTART_DELAY_MS).unref();
  };

  const stop = async ({ child }: Service): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
    const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
    child.kill("SIGTERM");
    const force = setTimeout(() => child.kill("SIGKILL"), STOP_GRACE_MS);
    await ended;
    clearTimeout(force);
  };

  return {
    start(spec) {
      if (services.has(spec.name)) throw new GaggleError("CONFLICT", `The service ${spec.name} runs already.`);
      services.set(spec.name, { spec, child: launch(spec), restarts: 0 });
    },
    pid: (name) => services.get(name)?.child.pid,
    async stopAll() {
      stopping = true;
      await Promise.all([...services.values()].map(stop));
    },
  };
}

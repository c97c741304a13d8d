/** The client of the daemon's local API, for extensions and the command line. Light: extensions start with every chat. */
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { DaemonMethod, DaemonParams, DaemonResult } from "../contract/daemon-api.ts";
import { GaggleError, systemCode } from "../contract/errors.ts";
import { ConnectionLost, type Connection, type DaemonConnection, openConnection } from "./connection.ts";
import { secureSocketFolder, socketPathFor } from "./socket-path.ts";
import { STOPPED_NOTICE } from "./wire.ts";
import { AUTOSTART_VARIABLE, type AutoStart, type StartedDaemon, startDaemon, startLogPath } from "./start-daemon.ts";

const POLL_MS = 50;
/** A daemon that lost the lock to one that was just ending leaves nobody; so it is started again, but not in a spin. */
const RESTART_AFTER_MS = 1_000;
const MAX_STARTS = 4;
/** Goose gives a tool call 30 s; the caller should hear our error, not Goose's time-out. */
const CALL_TIMEOUT_MS = 28_000;
/** How long a daemon that runs may take to answer, and one that starts, among others and on a slow machine. */
const ANSWER_MS = 2_000;
const START_MS = 25_000;
/** How long a running program looks for a daemon that was ended under it. */
const RECONNECT_MS = 20_000;

/** What a caller says about itself. Times in milliseconds. */
export interface DaemonClientConfig {
  readonly home: string;
  /** Name of the calling program, for the daemon's log. */
  readonly program: string;
  /** Starts a daemon where none answers. Left out, or with `GAGGLE_AUTOSTART=never` in its environment: an error instead. */
  readonly autoStart?: AutoStart;
  /** How long to wait for a daemon to answer at first (default 25,000 where one may be started, else 2,000). */
  readonly timeoutMs?: number;
  /** How long a running client looks for a daemon that went away (default 20,000). */
  readonly reconnectMs?: number;
}

/** A connected client. It reconnects by itself when the daemon was restarted. */
export interface DaemonClient {
  /**
   * Calls a method. A call whose connection is lost is made once more: reading ones are harmless, the others carry idempotency keys. Where the daemon
   * was stopped on purpose under the call, it is looked for and not started; the next call starts it.
   * @throws GaggleError with the daemon's code; DAEMON_UNREACHABLE; TIMEOUT; the signal's reason
   */
  call<M extends DaemonMethod>(
    method: M,
    params: DaemonParams<M>,
    options?: { signal?: AbortSignal; timeoutMs?: number },
  ): Promise<DaemonResult<M>>;
  /** Gets every notification of the daemon; returns a function that ends that. */
  onEvent(fn: (name: string, params: unknown) => void): () => void;
  /** Told when a connection ends that was not closed here; subscriptions must then be made again. */
  onDisconnect(fn: () => void): () => void;
  close(): void;
}

const NOTHING_ANSWERS = new Set(["ENOENT", "ECONNREFUSED", "ECONNRESET", "EPIPE"]);
const nothingAnswers = (error: unknown): boolean => error instanceof ConnectionLost || NOTHING_ANSWERS.has(systemCode(error) ?? "");

/** Starts daemons for one wait: again only where the last one ended and nobody answers. */
function createStarter(home: string, start: AutoStart | undefined) {
  let last: StartedDaemon | undefined;
  let lastAt = 0;
  let starts = 0;
  let failures = 0;
  const ensure = (now: number): void => {
    if (start === undefined || starts >= MAX_STARTS) return;
    if (last !== undefined && (last.exitCode() === undefined || now - lastAt < RESTART_AFTER_MS)) return;
    if (last !== undefined && last.exitCode() !== 0) failures += 1;
    last = startDaemon(home, start);
    lastAt = now;
    starts += 1;
  };
  const lastFailed = (): boolean => last?.exitCode() !== undefined && last.exitCode() !== 0;
  /** Somebody's daemon answers. One that was started here and is not that one has come too late. */
  const settle = ({ isOf }: DaemonConnection): void => {
    if (last?.pid !== undefined && last.exitCode() === undefined && !isOf(last.pid)) last.dismiss();
  };
  return { ensure, settle, reason: () => last?.reason(), gaveUp: () => failures > 0 && starts > 1 && lastFailed() };
}

function unreachable(config: DaemonClientConfig, cause: unknown, isWanted: boolean, reason: string | undefined): GaggleError {
  const log = startLogPath(config.home);
  const why = reason === undefined ? `; the reason is in ${log}. \`gaggle doctor\` tells more.` : `: ${reason} (${log})`;
  const fix = mayStart(config.autoStart) === undefined || !isWanted ? "Start it with: gaggle agent" : `It did not start${why}`;
  return new GaggleError("DAEMON_UNREACHABLE", `The agent daemon does not answer. ${fix}`, { cause });
}

const mayStart = (start: AutoStart | undefined): AutoStart | undefined => (start?.env[AUTOSTART_VARIABLE] === "never" ? undefined : start);

/** Connects until `timeoutMs` is over, starting a daemon where that is allowed and, as of now, wanted. */
async function reach(
  config: DaemonClientConfig,
  timeoutMs: number,
  on: Parameters<typeof openConnection>[2],
  isWanted = (): boolean => true,
): Promise<Connection> {
  const deadline = performance.now() + timeoutMs;
  const starter = createStarter(config.home, mayStart(config.autoStart));
  const path = socketPathFor(config.home);
  for (;;) {
    secureSocketFolder(dirname(path));
    const left = Math.max(1, Math.ceil(deadline - performance.now()));
    let cause: unknown;
    try {
      const connection = await openConnection(path, config.program, on, AbortSignal.timeout(left));
      starter.settle(connection);
      return connection;
    } catch (error) {
      if (!nothingAnswers(error) && !isTimeout(error)) throw error;
      cause = error;
    }
    if (isWanted()) starter.ensure(performance.now());
    if (performance.now() + POLL_MS > deadline || starter.gaveUp()) throw unreachable(config, cause, isWanted(), starter.reason());
    await sleep(POLL_MS);
  }
}

const isTimeout = (error: unknown): boolean => error instanceof Error && (error.name === "TimeoutError" || error.name === "AbortError");

/**
 * Connects to the daemon of a home and says hello.
 * @throws GaggleError DAEMON_UNREACHABLE, DAEMON_VERSION, NOT_JOINED
 */
export async function connectDaemon(config: DaemonClientConfig): Promise<DaemonClient> {
  const eventListeners = new Set<(name: string, params: unknown) => void>();
  const closeListeners = new Set<() => void>();
  let closed = false;
  /** The daemon was stopped on purpose, and no call was made since. */
  let stopped = false;
  const on = {
    event: (name: string, params: unknown): void => {
      if (name === STOPPED_NOTICE) stopped = true;
      for (const fn of eventListeners) fn(name, params);
    },
    closed: (): void => {
      if (!closed) for (const fn of closeListeners) fn();
    },
  };
  let current = await reach(config, config.timeoutMs ?? (mayStart(config.autoStart) === undefined ? ANSWER_MS : START_MS), on);
  let reconnecting: Promise<Connection> | undefined;

  const reconnect = (): Promise<Connection> => {
    reconnecting ??= reach(config, config.reconnectMs ?? RECONNECT_MS, on, () => !stopped)
      .then((connection) => {
        stopped = false;
        if (closed) connection.close();
        current = connection;
        return connection;
      })
      .finally(() => {
        reconnecting = undefined;
      });
    return reconnecting;
  };

  const callOnce = async (method: DaemonMethod, params: unknown, signal: AbortSignal): Promise<unknown> => {
    try {
      if (!current.isOpen()) stopped = false;
      const connection = current.isOpen() ? current : await withSignal(reconnect(), signal);
      return await connection.call(method, params, signal);
    } catch (error) {
      // A daemon that was told to stop must not be started again to be told once more.
      if (!(error instanceof ConnectionLost) || method === "daemon.stop" || closed) throw error;
      const connection = await withSignal(reconnect(), signal);
      return connection.call(method, params, signal);
    }
  };

  const call: DaemonClient["call"] = async (method, params, options = {}) => {
    if (closed) throw new GaggleError("DAEMON_UNREACHABLE", "This client was closed. Connect again.");
    const timeout = AbortSignal.timeout(options.timeoutMs ?? CALL_TIMEOUT_MS);
    const signal = options.signal === undefined ? timeout : AbortSignal.any([timeout, options.signal]);
    try {
      return (await callOnce(method, params, signal)) as DaemonResult<typeof method>;
    } catch (error) {
      if (error !== timeout.reason || !timeout.aborted) throw error;
      throw new GaggleError("TIMEOUT", `The agent daemon did not answer ${method} in time. Try again with the same idempotency key.`, {
        cause: error,
      });
    }
  };

  const listen = <T>(set: Set<T>, fn: T): (() => void) => {
    set.add(fn);
    return () => void set.delete(fn);
  };
  return {
    call,
    onEvent: (fn) => listen(eventListeners, fn),
    onDisconnect: (fn) => listen(closeListeners, fn),
    close: () => {
      closed = true;
      current.close();
    },
  };
}

/** Rejects with the signal's reason as soon as it aborts; the work itself goes on for others who share it. */
function withSignal<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    const abort = (): void => reject(signal.reason);
    signal.addEventListener("abort", abort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
  });
}

/**
 * One worker and the requests that wait for it. Requests take turns, so that a long one doesn't hold up a short one. Where the worker dies or
 * falls silent, the requests that it had in hand are refused, and the next one gets a new worker.
 */
import type { Clock } from "../../../mesh/contract/ports.ts";
import { GaggleError } from "../../../mesh/contract/errors.ts";
import type { ModelState } from "../detection.ts";
import type { SpanMemory } from "../span-memory.ts";
import type { FromWorker, ScanJob, ScanResult, ToWorker } from "./protocol.ts";

/** What a lane needs of a worker thread; `Worker` of node:worker_threads is one. */
export interface WorkerPort {
  postMessage(message: ToWorker): void;
  on(event: "message", listener: (message: FromWorker) => void): unknown;
  on(event: "error" | "exit", listener: () => void): unknown;
  ref(): void;
  unref(): void;
  terminate(): Promise<unknown>;
}

/** Limits of a lane. */
export interface LaneLimits {
  /** Silence of a worker that has work, in milliseconds, after which it counts as dead. Long texts get more. */
  readonly stallMs: number;
  /** The same for a worker that has said nothing yet: it loads its program and the model. */
  readonly loadMs: number;
  /** Milliseconds that a request may take in all, the wait included. */
  readonly requestMs: number;
  /** UTF-16 units that may be in a worker's hands at once; one text may be longer. */
  readonly inHandUnits: number;
  /** UTF-16 units that may wait. More is refused. */
  readonly queueUnits: number;
}

/** What a lane needs. */
export interface LaneDeps {
  readonly clock: Clock;
  /** Starts a worker, with the lists that count now. */
  start(): WorkerPort;
  /** Takes blocks of text that came again. */
  keep(blocks: SpanMemory["blocks"]): void;
}

/** One worker and its queue. */
export interface Lane {
  /** @throws GaggleError GUARD_REFUSED; BUSY where it is closed meanwhile */
  scan(jobs: readonly ScanJob[], options: { withoutModel: boolean }): Promise<ScanResult[]>;
  load(): Promise<ModelState>;
  /** Tells a running worker; later ones are started by `start` with what counts then. */
  tell(message: Extract<ToWorker, { type: "lists" }>): void;
  close(): Promise<void>;
}

/** Texts of one request that go to the worker together. */
interface Batch {
  readonly request: Request;
  readonly from: number;
  readonly jobs: readonly ScanJob[];
  readonly units: number;
}

interface Request {
  readonly batches: Batch[];
  readonly results: ScanResult[];
  readonly withoutModel: boolean;
  left: number;
  resolve(results: ScanResult[]): void;
  reject(error: GaggleError): void;
}

const BATCH_UNITS = 8_192;
/** A worker that only uses rules reads at least this many units in a millisecond. */
const UNITS_PER_MS = 200;

const refused = (message: string, cause?: unknown): GaggleError => new GaggleError("GUARD_REFUSED", message, { cause });
/** Says nothing of the text: whoever asks again, once the daemon runs again, is answered. A message that was just arriving must not be refused for good. */
const closing = (): GaggleError =>
  new GaggleError("BUSY", "The privacy guard is closing, so nothing was sent. Try again once the daemon runs again.");

/** Parts a request into batches of a bounded size; a longer text is one by itself. */
function batchesOf(request: Request, jobs: readonly ScanJob[]): void {
  let from = 0;
  let units = 0;
  const cut = (to: number): void => {
    if (to > from) request.batches.push({ request, from, jobs: jobs.slice(from, to), units });
    from = to;
    units = 0;
  };
  for (const [i, { text }] of jobs.entries()) {
    if (units > 0 && units + text.length > BATCH_UNITS) cut(i);
    units += text.length;
  }
  cut(jobs.length);
}

/** Makes a lane. No worker is started before the first request. */
export function createLane({ start, keep, clock }: LaneDeps, limits: LaneLimits): Lane {
  let worker: WorkerPort | undefined;
  let heard = false;
  let lastId = 0;
  let closed = false;
  let waitingUnits = 0;
  let stopStall = (): void => undefined;
  const inHand = new Map<number, Batch>();
  const loads = new Map<number, (state: ModelState) => void>();
  /** Requests with batches that no worker has yet; the first one is next. */
  const turn: Request[] = [];
  const unitsInHand = (): number => inHand.values().reduce((sum, batch) => sum + batch.units, 0);

  const settle = (request: Request): void => {
    for (const batch of request.batches.splice(0)) waitingUnits -= batch.units;
    const place = turn.indexOf(request);
    if (place >= 0) turn.splice(place, 1);
    for (const [id, batch] of inHand) {
      if (batch.request !== request) continue;
      inHand.delete(id);
      worker?.postMessage({ type: "drop", id });
    }
  };
  const refuse = (request: Request, error: GaggleError): void => {
    settle(request);
    request.reject(error);
  };

  /** Ends a worker that died or fell silent; what it had in hand is refused. */
  const lose = (lost: WorkerPort, why: string): void => {
    if (lost !== worker) return;
    worker = undefined;
    stopStall();
    const requests = new Set(inHand.values().map((batch) => batch.request));
    inHand.clear();
    for (const resolve of loads.values()) resolve({ ready: false, reason: why });
    loads.clear();
    void lost.terminate();
    for (const request of requests) refuse(request, refused(why));
    pump();
  };

  const watch = (): void => {
    stopStall();
    const current = worker;
    if (current === undefined) return;
    if (inHand.size === 0 && loads.size === 0) {
      current.unref();
      return;
    }
    const longest = Math.max(0, ...inHand.values().map((batch) => batch.units));
    const why = "The privacy guard's worker did not answer in time, so nothing was sent. Try again; a shorter text is quicker.";
    stopStall = clock.after((heard ? limits.stallMs : limits.loadMs) + longest / UNITS_PER_MS, () => lose(current, why));
  };

  const onMessage = (from: WorkerPort, message: FromWorker): void => {
    if (from !== worker) return;
    heard = true;
    if (message.type === "loaded") {
      loads.get(message.id)?.(message.state);
      loads.delete(message.id);
    } else if (message.type !== "progress") {
      const batch = inHand.get(message.id);
      inHand.delete(message.id);
      if (batch !== undefined && message.type === "refused") refuse(batch.request, refused(message.reason));
      if (message.type === "results") keep(message.blocks);
      if (batch !== undefined && message.type === "results") accept(batch, message.results);
    }
    pump();
  };

  const accept = ({ request, from, jobs }: Batch, results: readonly ScanResult[]): void => {
    for (const [i, result] of results.entries()) request.results[from + i] = result;
    request.left -= jobs.length;
    if (request.left === 0) request.resolve(request.results);
  };

  const working = (): WorkerPort => {
    if (worker !== undefined) return worker;
    const started = start();
    const died = (): void => lose(started, "The privacy guard's worker ended unexpectedly, so nothing was sent. Try again.");
    started.on("message", (message) => onMessage(started, message));
    started.on("error", died);
    started.on("exit", died);
    worker = started;
    heard = false;
    return started;
  };

  /** Hands out batches, one of each request in turn, while the worker has room. */
  const pump = (): void => {
    for (let request = turn[0]; request !== undefined && !closed; request = turn[0]) {
      const units = request.batches[0]?.units ?? 0;
      if (inHand.size > 0 && unitsInHand() + units > limits.inHandUnits) break;
      turn.shift();
      const batch = request.batches.shift();
      if (batch === undefined) continue;
      if (request.batches.length > 0) turn.push(request);
      waitingUnits -= batch.units;
      lastId += 1;
      inHand.set(lastId, batch);
      const current = working();
      current.ref();
      current.postMessage({ type: "scan", id: lastId, jobs: batch.jobs, withoutModel: request.withoutModel });
    }
    watch();
  };

  return {
    scan: async (jobs, { withoutModel }) => {
      if (closed) throw closing();
      const units = jobs.reduce((sum, { text }) => sum + text.length, 0);
      if (waitingUnits > 0 && waitingUnits + units > limits.queueUnits) {
        throw refused("The privacy guard has too much to look through at once, so nothing was sent. Try again in a moment.");
      }
      if (jobs.length === 0) return [];
      const { promise, resolve, reject } = Promise.withResolvers<ScanResult[]>();
      const request: Request = { batches: [], results: [], withoutModel, left: jobs.length, resolve, reject };
      batchesOf(request, jobs);
      waitingUnits += units;
      turn.push(request);
      const cancel = clock.after(limits.requestMs, () =>
        refuse(request, refused("The privacy guard took too long, so nothing was sent. Send less text at once.")),
      );
      pump();
      return promise.finally(cancel);
    },
    load: () => {
      const current = working();
      current.ref();
      lastId += 1;
      const id = lastId;
      const { promise, resolve } = Promise.withResolvers<ModelState>();
      loads.set(id, resolve);
      current.postMessage({ type: "load", id });
      watch();
      return promise;
    },
    tell: (message) => worker?.postMessage(message),
    close: async () => {
      closed = true;
      stopStall();
      const last = worker;
      worker = undefined;
      for (const request of new Set([...turn, ...inHand.values().map((batch) => batch.request)])) {
        refuse(request, closing());
      }
      for (const resolve of loads.values()) resolve({ ready: false, reason: "The privacy guard was closed." });
      await last?.terminate();
    },
  };
}

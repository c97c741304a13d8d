/** The detection of a process: workers behind queues, a cache before them, and every value of a call looked up in all its texts. */
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { canonicalHash } from "../../mesh/contract/json.ts";
import { type GuardLists, guardLists } from "../../mesh/contract/guard-policy.ts";
import type { Clock, Random } from "../../mesh/contract/ports.ts";
import { spreadValues } from "./cross-text.ts";
import type { DetectionService } from "./detection.ts";
import { createTextCache } from "./text-cache.ts";
import { createLane, type LaneLimits, type WorkerPort } from "./worker/lane.ts";
import type { ScanJob, ScanResult, WorkerSetup } from "./worker/protocol.ts";

/** What a detection is made of. */
export interface DetectionConfig {
  /** Gaggle's install folder; its `dist/` has the worker's program, its `guard/model/` the model. */
  readonly installFolder: string;
  /** Folder of another model. Null: rules and lists alone. Default: the model that ships with Gaggle. */
  readonly modelFolder?: string | null;
  /** Threads that the model computes with. Default 2. */
  readonly threads?: number;
  /** Tokens of a window of the model. Default 128. */
  readonly windowTokens?: number;
  /** The organisation's lists; {@link DetectionService.update} changes them. Default: none. */
  readonly lists?: GuardLists;
  /** Texts that are remembered. Default 20 000. */
  readonly cacheEntries?: number;
  /** Bytes that they may take. Default 64 MiB. */
  readonly cacheBytes?: number;
  readonly limits?: Partial<LaneLimits>;
  /** Starts a worker; tests bring their own. */
  readonly startWorker?: (setup: WorkerSetup) => WorkerPort;
}

const LIMITS: LaneLimits = { stallMs: 30_000, requestMs: 300_000, inHandUnits: 65_536, queueUnits: 64_000_000 };
/** Longer texts have a worker of their own, since the rules read a text in one go. */
const LONG_UNITS = 262_144;
const MEBIBYTE = 1_048_576;
const NO_LISTS: GuardLists = guardLists.parse({ v: 1 });

/** Starts the worker's program: from `dist/` where this runs from there, else from the sources. */
function startThread(installFolder: string, setup: WorkerSetup): WorkerPort {
  const fromSource = import.meta.url.endsWith(".ts");
  const program = fromSource ? new URL("./worker/scan-worker.ts", import.meta.url) : join(installFolder, "dist", "guard-worker.js");
  return new Worker(program, {
    workerData: setup,
    execArgv: [],
    // A text that needs more ends its worker, not the daemon.
    resourceLimits: { maxOldGenerationSizeMb: 1_024 },
  });
}

/** Makes a detection. Workers start with the first call (or {@link DetectionService.warmUp}) and keep no process alive while they are idle. */
export function createDetection({ clock, random }: { clock: Clock; random: Random }, config: DetectionConfig): DetectionService {
  const modelFolder = config.modelFolder === undefined ? join(config.installFolder, "guard", "model") : config.modelFolder;
  let lists = config.lists ?? NO_LISTS;
  let scope = canonicalHash({ modelFolder, lists });
  const cache = createTextCache({
    secret: random.bytes(32),
    scope: () => scope,
    limits: { entries: config.cacheEntries ?? 20_000, bytes: config.cacheBytes ?? 64 * MEBIBYTE },
  });
  const start = (): WorkerPort => {
    const setup = { modelFolder, threads: config.threads ?? 2, windowTokens: config.windowTokens ?? 128, lists };
    return config.startWorker?.(setup) ?? startThread(config.installFolder, setup);
  };
  const limits = { ...LIMITS, ...config.limits };
  const short = createLane({ start, clock }, limits);
  const long = createLane({ start, clock }, limits);

  /** Results in the order of the jobs, each from the worker for its length. */
  const scan = async (jobs: readonly ScanJob[], withoutModel: boolean): Promise<ScanResult[]> => {
    const isLong = ({ text }: ScanJob): boolean => text.length > LONG_UNITS;
    const [brief, lengthy] = await Promise.all([
      short.scan(
        jobs.filter((job) => !isLong(job)),
        { withoutModel },
      ),
      long.scan(jobs.filter(isLong), { withoutModel }),
    ]);
    return jobs.flatMap((job) => (isLong(job) ? lengthy.shift() : brief.shift()) ?? []);
  };

  /** What each of these different texts gave, remembered or found now. */
  const results = async (texts: readonly string[], withoutModel: boolean): Promise<Map<string, ScanResult>> => {
    const scopeThen = scope;
    const keys = texts.map((text) => `${withoutModel ? "-" : ""}${cache.keyOf(text)}`);
    const known = keys.map((key) => cache.get(key));
    const missing = texts.flatMap((text, i) => (known[i] === undefined ? [{ text, key: keys[i] ?? "" }] : []));
    const found = await scan(missing, withoutModel);
    // Lists that came meanwhile may have counted already.
    if (scope === scopeThen) for (const [i, { key }] of missing.entries()) if (found[i] !== undefined) cache.set(key, found[i]);
    return new Map(
      texts.flatMap((text, i) => {
        const result = known[i] ?? found.shift();
        return result === undefined ? [] : [[text, result] as const];
      }),
    );
  };

  return {
    detect: async (texts, { withoutModel = false } = {}) => {
      const found = await results([...new Set(texts)], withoutModel);
      const spread = await spreadValues(found, (jobs) => scan(jobs, true));
      return texts.map((text) => spread.get(text) ?? []);
    },
    update: (next) => {
      lists = next;
      scope = canonicalHash({ modelFolder, lists });
      for (const lane of [short, long]) lane.tell({ type: "lists", lists });
    },
    warmUp: () => short.load(),
    close: async () => {
      await Promise.all([short.close(), long.close()]);
    },
  };
}

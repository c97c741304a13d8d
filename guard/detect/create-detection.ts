/** The detection of a process: workers behind queues, a cache before them, and every value of a call looked up in all its texts. */
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { canonicalHash } from "../../mesh/contract/json.ts";
import { type GuardLists, guardLists } from "../../mesh/contract/guard-policy.ts";
import type { Clock, Random } from "../../mesh/contract/ports.ts";
import { spreadValues } from "./cross-text.ts";
import type { CacheCounts, DetectionService } from "./detection.ts";
import { createMemoryKeeper } from "./memory-keeper.ts";
import { modelId } from "./ner/model-folder.ts";
import { memoryKeys } from "./span-memory.ts";
import { createTextCache } from "./text-cache.ts";
import { createLane, type LaneLimits, type WorkerPort } from "./worker/lane.ts";
import { createNativeGate, type NativeGate, shut } from "./worker/native-gate.ts";
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
  /** Keeps what was found across restarts. Default: nothing is kept. */
  readonly memory?: DetectionMemory;
  /** Starts a worker; tests bring their own. */
  readonly startWorker?: (setup: WorkerSetup) => WorkerPort;
}

/** Where findings are kept across restarts: keyed hashes and spans, encrypted, no text and no value. */
export interface DetectionMemory {
  /** At least 32 bytes that only this agent has. */
  readonly secret: Uint8Array;
  /** What {@link save} wrote last, or undefined. */
  load(): Promise<string | undefined>;
  /** Writes it where only the user can read it, whole or not at all. */
  save(sealed: string): Promise<void>;
}

const LIMITS: LaneLimits = { stallMs: 30_000, loadMs: 120_000, requestMs: 300_000, inHandUnits: 65_536, queueUnits: 64_000_000 };
/** Longer texts have a worker of their own, since the rules read a text in one go. */
const LONG_UNITS = 262_144;
const MEBIBYTE = 1_048_576;
/** Longest wait for one batch of windows, or for the model to be loaded, before its thread is ended all the same. */
const LONGEST_CALL_MS = 30_000;
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

/** The worker, ended only where that ends nothing else: a thread that hangs in the runtime is given {@link LONGEST_CALL_MS} to come out. */
const endedOutside = (worker: WorkerPort, gate: NativeGate): WorkerPort => ({
  postMessage: (message) => worker.postMessage(message),
  on: worker.on.bind(worker),
  ref: () => worker.ref(),
  unref: () => worker.unref(),
  async terminate() {
    worker.ref();
    await shut(gate, LONGEST_CALL_MS);
    return worker.terminate();
  },
});

/** Makes a detection. Workers start with the first call (or {@link DetectionService.warmUp}) and keep no process alive while they are idle. */
export function createDetection(deps: { clock: Clock; random: Random }, config: DetectionConfig): DetectionService {
  const modelFolder = config.modelFolder === undefined ? join(config.installFolder, "guard", "model") : config.modelFolder;
  const model = modelFolder === null ? "" : modelId(modelFolder);
  const keys = memoryKeys(config.memory?.secret ?? deps.random.bytes(32));
  const cache = createTextCache(keys.hash, { entries: config.cacheEntries ?? 20_000, bytes: config.cacheBytes ?? 64 * MEBIBYTE });
  const keeper = createMemoryKeeper({ clock: deps.clock, cache, key: keys.file }, config.memory);
  let lists = config.lists ?? NO_LISTS;
  let scope = canonicalHash({ model, lists });

  const start = (): WorkerPort => {
    const { threads = 2, windowTokens = 128 } = config;
    const gate = createNativeGate();
    const setup = { modelFolder, threads, windowTokens, lists, secret: keys.hash, modelId: model, blocks: keeper.blocks(), gate };
    return endedOutside(config.startWorker?.(setup) ?? startThread(config.installFolder, setup), gate);
  };
  const limits = { ...LIMITS, ...config.limits };
  const lanes = {
    short: createLane({ ...deps, start, keep: keeper.keep }, limits),
    long: createLane({ ...deps, start, keep: keeper.keep }, limits),
  };

  /** Results in the order of the jobs, each from the worker for its length. */
  const scan = async (jobs: readonly ScanJob[], withoutModel: boolean): Promise<ScanResult[]> => {
    const isLong = ({ text }: ScanJob): boolean => text.length > LONG_UNITS;
    const [brief, lengthy] = await Promise.all([
      lanes.short.scan(
        jobs.filter((job) => !isLong(job)),
        { withoutModel },
      ),
      lanes.long.scan(jobs.filter(isLong), { withoutModel }),
    ]);
    return jobs.flatMap((job) => (isLong(job) ? lengthy.shift() : brief.shift()) ?? []);
  };

  let counts: CacheCounts = { hits: 0, misses: 0 };

  /** What each of these different texts gave, remembered or found now. */
  const results = async (texts: readonly string[], withoutModel: boolean): Promise<Map<string, ScanResult>> => {
    const scopeThen = scope;
    const keyed = texts.map((text) => {
      const key = cache.keyOf(text, `${scopeThen}${withoutModel ? "-" : ""}`);
      return { text, key, held: cache.get(key, text) };
    });
    const missing = keyed.filter(({ held }) => held === undefined);
    counts = { hits: counts.hits + keyed.length - missing.length, misses: counts.misses + missing.length };
    const found = await scan(
      missing.map(({ text }) => ({ text })),
      withoutModel,
    );
    // Lists that came meanwhile may have counted already.
    if (scope === scopeThen) for (const [i, result] of found.entries()) cache.set(missing[i]?.key ?? "", missing[i]?.text ?? "", result);
    return new Map(keyed.flatMap(({ text, held = found.shift() }) => (held === undefined ? [] : [[text, held]])));
  };

  return {
    detect: async (texts, { withoutModel = false } = {}) => {
      await keeper.loaded();
      const found = await results([...new Set(texts)], withoutModel);
      const spread = await spreadValues(found, (jobs) => scan(jobs, true));
      return texts.map((text) => spread.get(text) ?? []);
    },
    update: (next) => {
      lists = next;
      scope = canonicalHash({ model, lists });
      for (const lane of Object.values(lanes)) lane.tell({ type: "lists", lists });
    },
    counts: () => counts,
    modelId: modelFolder === null ? undefined : model,
    warmUp: async () => {
      await keeper.loaded();
      return lanes.short.load();
    },
    close: async () => {
      await Promise.all(Object.values(lanes).map((lane) => lane.close()));
      await keeper.close();
    },
  };
}

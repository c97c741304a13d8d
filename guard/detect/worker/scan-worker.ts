/** The program of a scan worker: takes texts from the main thread and answers with what it found in them. */
import { parentPort, workerData } from "node:worker_threads";
import type { GuardLists } from "../../../mesh/contract/guard-policy.ts";
import { GaggleError } from "../../../mesh/contract/errors.ts";
import { createBlockCache } from "../block-cache.ts";
import { createOrgLists, type OrgLists } from "../lists/org-lists.ts";
import type { ModelState } from "../detection.ts";
import { loadRecogniser, type Recogniser } from "../ner/recogniser.ts";
import type { FromWorker, ToWorker, WorkerSetup } from "./protocol.ts";
import { scanText } from "./scanner.ts";

/** Blocks that are remembered, of about half a kilobyte of text each. */
const CACHED_BLOCKS = 50_000;

const setup = workerData as WorkerSetup;
const port = parentPort;
/** Refuses at every use where the lists can't be used, with the reason. */
const listsOf = (lists: GuardLists): (() => OrgLists) => {
  try {
    const ready = createOrgLists(lists);
    return () => ready;
  } catch (error) {
    return () => {
      throw error;
    };
  }
};
let lists = listsOf(setup.lists);
const cache = createBlockCache(setup.secret, setup.modelId, CACHED_BLOCKS, setup.blocks);
const dropped = new Set<number>();
const say = (message: FromWorker): void => port?.postMessage(message);

type Loaded = { readonly state: ModelState; readonly recogniser?: Recogniser };

/** Loads the model once; the reason of a failure is kept and said at every request. */
const load = (() => {
  let loading: Promise<Loaded> | undefined;
  const start = async (folder: string): Promise<Loaded> => {
    try {
      const recogniser = await loadRecogniser(folder, { ...setup, cache, onProgress: () => say({ type: "progress" }) });
      return { state: { ready: true }, recogniser };
    } catch (error) {
      const reason = error instanceof GaggleError ? error.message : `The model of ${folder} can't be loaded. Install Gaggle again.`;
      return { state: { ready: false, reason } };
    }
  };
  return (): Promise<Loaded> => {
    loading ??= setup.modelFolder === null ? Promise.resolve({ state: { ready: true } }) : start(setup.modelFolder);
    return loading;
  };
})();

async function scan({ id, jobs, withoutModel }: Extract<ToWorker, { type: "scan" }>): Promise<void> {
  const { state, recogniser } = await load();
  // From here on silence counts as a stall; loading has a longer limit.
  say({ type: "progress" });
  if (!state.ready && !withoutModel) {
    say({ type: "refused", id, reason: state.reason });
    return;
  }
  const isDropped = (): boolean => dropped.has(id);
  const recognise = recogniser === undefined ? undefined : (reading: string) => recogniser.recognise(reading, isDropped);
  const results = await Promise.all(jobs.map((job) => scanText(job, { recognise, lists: lists() })));
  say({ type: "results", id, results, blocks: cache.usedAgain() });
}

/** Errors of ours never hold a text; those of others may. */
const reasonOf = (error: unknown): string =>
  error instanceof GaggleError ? error.message : "A part of the request could not be looked through, so nothing was sent.";

const handle = async (message: ToWorker): Promise<void> => {
  if (message.type === "lists") lists = listsOf(message.lists);
  else if (message.type === "drop") dropped.add(message.id);
  else if (message.type === "load") say({ type: "loaded", id: message.id, state: (await load()).state });
  else {
    try {
      await scan(message);
    } catch (error) {
      if (!dropped.has(message.id)) say({ type: "refused", id: message.id, reason: reasonOf(error) });
    } finally {
      dropped.delete(message.id);
    }
  }
};

port?.on("message", (message: ToWorker) => void handle(message));

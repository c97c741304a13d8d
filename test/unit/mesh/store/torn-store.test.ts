/** What a real LevelDB holds after its process was killed, its log was torn or its files were damaged: all that was synced, or a clear refusal. */
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { systemRandom } from "../../../../mesh/agent/system.ts";
import { continueChain, EMPTY_CHAIN, openAuditChain } from "../../../../mesh/audit/chain.ts";
import { openLevelStore } from "../../../../mesh/store/level-store.ts";
import { createSeededRandom } from "../../../support/seeded-random.ts";
import { AGENT, ORG, writeUntilKilled } from "../../../support/store-writer.ts";

/** Bytes at the log's end that are cut closely: more than the last two batches. */
const END_BYTES = 1_400;
/** Distance of the cuts there: no part of a batch is so short. */
const STEP_BYTES = 13;
/** Opening a store hundreds of times takes a slow machine a while. */
const TIMEOUT_MS = 120_000;

let folder: string;
let dir: string;
/** Batches that the killed processes had said to be on the disk. */
let synced = 0;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "gaggle-torn-"));
  dir = join(folder, "store");
  for (const count of [3, 120]) synced = await writeUntilKilled(dir, count);
}, TIMEOUT_MS);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const logOf = (store: string): string => {
  const names = readdirSync(store).filter((name) => name.endsWith(".log"));
  return join(store, names.sort().at(-1) ?? "");
};

/** How many whole batches a store holds. Fails where it holds a half one, or one without those before it. */
async function batchesIn(store: string): Promise<number> {
  const level = await openLevelStore(store);
  try {
    const chain = await openAuditChain({ store: level, random: systemRandom }, { org: ORG, agentId: AGENT });
    const events = await chain.list({ fromSeq: 1, limit: 100_000 });
    expect(continueChain(EMPTY_CHAIN, events)).toEqual(chain.head());
    const states = await level.range({ gte: "task/", lt: "task0" });
    expect(states.map(([key]) => key).sort()).toEqual(events.map(({ seq }) => `task/${seq}`).sort());
    return events.length;
  } finally {
    await level.close();
  }
}

/** A copy of the store, changed; LevelDB rewrites files when it opens them. */
async function withCopy<T>(change: (store: string) => void, look: (store: string) => Promise<T>): Promise<T> {
  const copy = mkdtempSync(join(folder, "copy-"));
  cpSync(dir, copy, { recursive: true });
  change(copy);
  try {
    return await look(copy);
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}

test("after kill -9, again and again, everything that was said to be on the disk is there", async () => {
  expect(synced).toBeGreaterThanOrEqual(123);
  expect(await withCopy(() => undefined, batchesIn)).toBeGreaterThanOrEqual(synced);
});

test(
  "a log that is cut anywhere, closely at its end, holds a prefix of whole batches",
  async () => {
    const bytes = readFileSync(logOf(dir)).length;
    const random = createSeededRandom(97);
    const cuts = Array.from({ length: END_BYTES / STEP_BYTES }, (_, i) => bytes - STEP_BYTES * i).concat(
      Array.from({ length: 40 }, () => Math.floor(random.next() * bytes)),
    );
    let last = Number.POSITIVE_INFINITY;
    for (const cut of cuts.sort((a, b) => b - a)) {
      const found = await withCopy((copy) => truncateSync(logOf(copy), cut), batchesIn);
      expect(found, `cut at ${cut} of ${bytes}`).toBeLessThanOrEqual(last);
      // A batch is about 900 bytes: no more is gone than was cut off.
      expect(found, `cut at ${cut} of ${bytes}`).toBeGreaterThanOrEqual(synced - 2 - Math.ceil((bytes - cut) / 600));
      last = found;
    }
    expect(last).toBeLessThan(synced);
  },
  TIMEOUT_MS,
);

/** A damaged end can't be told from one that was never synced: only peers and the bootstrap node know of it. */
const DAMAGE: readonly [string, (store: string) => void][] = [
  [
    "a byte in the middle of its log is another",
    (store) => {
      const bytes = readFileSync(logOf(store));
      const at = Math.floor(bytes.length / 2);
      bytes[at] = (bytes[at] ?? 0) ^ 0xff;
      writeFileSync(logOf(store), bytes);
    },
  ],
  ["its log is gone", (store) => rmSync(logOf(store))],
  ["the file that names the current database is gone", (store) => rmSync(join(store, "CURRENT"))],
  ["the file that names the current database is empty", (store) => writeFileSync(join(store, "CURRENT"), "")],
  ["its manifest is gone", (store) => rmSync(join(store, readdirSync(store).find((name) => name.startsWith("MANIFEST")) ?? ""))],
];

test.for(DAMAGE)("a store is refused with the way out, and never opened as if nothing had been: %s", async ([, damage]) => {
  await expect(withCopy(damage, batchesIn)).rejects.toMatchObject({
    code: "STORE_FAILED",
    message: expect.stringContaining("Restore the whole home from a backup"),
  });
});

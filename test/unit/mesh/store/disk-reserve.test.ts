/** A store on a disk that other programs fill to the last byte: a small file system in memory where this user may mount one. */
import { execFileSync } from "node:child_process";
import { closeSync, existsSync, mkdirSync, mkdtempSync, openSync, rmdirSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { systemRandom } from "../../../../mesh/agent/system.ts";
import { continueChain, EMPTY_CHAIN, openAuditChain } from "../../../../mesh/audit/chain.ts";
import type { AuditDraft } from "../../../../mesh/contract/audit.ts";
import { FREE_SPACE_FLOOR_BYTES } from "../../../../mesh/contract/limits.ts";
import { createCommitQueue } from "../../../../mesh/store/commit-queue.ts";
import { createDiskReserve, DISK_RESERVE_BYTES, freeBytesOf } from "../../../../mesh/store/disk-reserve.ts";
import { openLevelStore } from "../../../../mesh/store/level-store.ts";
import { createVirtualClock } from "../../../support/virtual-clock.ts";

const AGENT = `12D3KooW${"A".repeat(44)}`;
const ORG = `org_${"a".repeat(26)}`;
const ending: AuditDraft = {
  actor: { type: "agent", id: AGENT, role: "finance" },
  action: "run.finish",
  target: "run:1",
  result: "ok",
  traceId: "0".repeat(32),
};

/** A disk that begins to take new work: the floor, the reserve and a little more. */
function smallDisk(): (Disposable & { readonly folder: string }) | undefined {
  const folder = mkdtempSync(join(tmpdir(), "gaggle-reserve-"));
  const size = FREE_SPACE_FLOOR_BYTES + 4 * DISK_RESERVE_BYTES;
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", `size=${size}`, "tmpfs", folder], { stdio: "ignore" });
  } catch {
    rmdirSync(folder);
    return undefined;
  }
  const dispose = (): void => {
    execFileSync("umount", ["-l", folder]);
    rmdirSync(folder);
  };
  return { folder, [Symbol.dispose]: dispose };
}

/** Writes until nothing more fits. */
function fill(path: string): void {
  const handle = openSync(path, "w");
  try {
    for (let size = 1_048_576; size >= 1; size = Math.floor(size / 2)) {
      try {
        for (;;) writeSync(handle, Buffer.alloc(size));
      } catch {
        // Full for pieces of this size.
      }
    }
  } finally {
    closeSync(handle);
  }
}

/** A daemon's store, chain and queue on the disk. */
async function openOn(folder: string) {
  mkdirSync(folder, { recursive: true });
  const reserve = createDiskReserve(join(folder, "reserve"), () => freeBytesOf(folder));
  const store = await openLevelStore(join(folder, "store"));
  const chain = await openAuditChain({ store, random: systemRandom }, { org: ORG, agentId: AGENT });
  const onEffectError = (error: unknown): void => expect.unreachable(String(error));
  const queue = createCommitQueue({ store, clock: createVirtualClock(), audit: chain, freeBytes: reserve.freeBytes, onEffectError });
  return { reserve, store, chain, queue };
}

test("on a disk that is full to the last byte new work is refused, running work ends and is recorded, and the daemon starts again (left out without the right to mount)", async ({
  skip,
}) => {
  using disk = smallDisk();
  if (disk === undefined) return skip("this user may not mount a file system");
  const home = join(disk.folder, "home");
  const daemon = await openOn(home);
  await daemon.reserve.settled();
  await daemon.queue.run((tx) => tx.put("task/1", "running"));
  fill(join(disk.folder, "ballast"));
  expect(freeBytesOf(disk.folder)).toBe(0);

  await expect(daemon.queue.run((tx) => tx.put("task/2", "new"))).rejects.toMatchObject({ code: "DISK_FULL" });
  // Larger than LevelDB's log and buffer, so that it has to write more than what lies there already.
  const result = "r".repeat(100_000);
  for (let i = 0; i < 30; i++) {
    const end = (tx: Parameters<Parameters<typeof daemon.queue.run>[0]>[0]): void => {
      tx.put(`task/1/result/${i}`, result);
      tx.audit(ending);
    };
    await daemon.queue.run(end, { finishing: true });
  }
  await daemon.store.close();

  const again = await openOn(home);
  expect(again.store.get("task/1/result/29")).toBe(result);
  expect(continueChain(EMPTY_CHAIN, await again.chain.list({ fromSeq: 1, limit: 100 })).seq).toBe(30);
  expect(existsSync(join(home, "reserve"))).toBe(false);
  rmSync(join(disk.folder, "ballast"));
  await again.queue.run((tx) => tx.put("task/2", "new"));
  await again.reserve.settled();
  expect(existsSync(join(home, "reserve"))).toBe(true);
  await again.store.close();
});

test("the reserve is given up only when less is free than it holds, and made anew only with room beyond the floor", async () => {
  const folder = mkdtempSync(join(tmpdir(), "gaggle-reserve-"));
  const path = join(folder, "reserve");
  let free = FREE_SPACE_FLOOR_BYTES;
  try {
    const reserve = createDiskReserve(path, () => free);
    await reserve.settled();
    expect(existsSync(path)).toBe(false);
    free += 2 * DISK_RESERVE_BYTES;
    reserve.freeBytes();
    await reserve.settled();
    expect(existsSync(path)).toBe(true);
    free = DISK_RESERVE_BYTES;
    expect(reserve.freeBytes()).toBe(DISK_RESERVE_BYTES);
    expect(existsSync(path)).toBe(true);
    free--;
    reserve.freeBytes();
    expect(existsSync(path)).toBe(false);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

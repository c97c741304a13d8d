/** The demo from outside: interrupted, killed, on a full disk, without its bootstrap node. */
import { execFileSync } from "node:child_process";
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync, rmdirSync, statfsSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { FREE_SPACE_FLOOR_BYTES } from "../../mesh/contract/limits.ts";
import { expectClosed, rootOf, verifyAudit } from "../support/close-evidence.ts";
import {
  type DemoRun,
  type Ended,
  runProgram,
  startDemo,
  startDemoAgain,
  waitUntil,
  workplace,
  type Workplace,
} from "../support/demo-run.ts";

const ALL_MS = 600_000;
/** Daemons end in order: they cut runs off, record it, and send the last audit events. */
const END_MS = 30_000;

const asked: Parameters<DemoRun["step"]> = ["finance's requests", ({ kind }) => kind === "run-start"];
/** Command lines of the processes that are left. */
const commandsOf = async (run: DemoRun): Promise<string[]> =>
  (await run.processes()).map(({ pid }) => {
    const file = `/proc/${pid}/cmdline`;
    return `${pid} ${existsSync(file) ? readFileSync(file, "utf8").replaceAll("\0", " ").slice(0, 300) : "(ended by now)"}`;
  });
const running = async (run: DemoRun): Promise<number> => (await run.processes()).length;

/** Ends a demo at a signal; nothing of it may be left. */
async function expectEndAt(signal: NodeJS.Signals, run: DemoRun): Promise<void> {
  const since = performance.now();
  run.kill(signal);
  expect(await run.ended()).toMatchObject({ code: null, signal, stderr: "" });
  expect(await run.processes()).toEqual([]);
  expect(performance.now() - since).toBeLessThan(END_MS);
}

describe("the demo", () => {
  it("ends all its processes within seconds: at SIGTERM while it sets the organisation up, at SIGINT and at SIGTERM while it closes", {
    timeout: ALL_MS,
  }, async () => {
    using work = workplace();
    await using early = startDemo(work);
    await early.printed("Five people join");
    await expectEndAt("SIGTERM", early);
    await using run = startDemo(work);
    await run.step(...asked);
    expect(await running(run)).toBeGreaterThanOrEqual(7);
    await expectEndAt("SIGINT", run);
    await using again = startDemoAgain(work);
    // Not from its timeline, where the steps of before still stand; and what the first one got done is not begun again.
    await again.printed("asks the model");
    expect(await running(again)).toBeGreaterThanOrEqual(7);
    await expectEndAt("SIGTERM", again);
  });

  it("leaves nothing running when it is killed itself; meanwhile its folder is not given away, and then --again ends the close", {
    timeout: ALL_MS,
  }, async () => {
    using work = workplace();
    await using run = startDemo(work);
    await run.step(...asked);
    // Held, so that it can't have ended before the rival looks.
    run.kill("SIGSTOP");
    const rival = await runProgram(["demo", "--dir", work.dir], work);
    expect(rival).toMatchObject({ code: 1, stderr: expect.stringMatching(/CONFLICT.*A demo runs in that folder/) });
    run.kill("SIGKILL");
    await run.ended();
    await waitUntil("nothing of it is left", END_MS, async () => (await running(run)) === 0).catch(async (error: unknown) => {
      throw new Error(`Still running: ${(await commandsOf(run)).join("; ")}`, { cause: error });
    });
    await using again = startDemoAgain(work);
    await expectClosed(work, await again.ended());
  });
});

const DISK_BYTES = 192 * 1024 * 1024;

/** A small file system in memory; undefined where this user may not mount one. */
function smallDisk(): (Disposable & { readonly folder: string }) | undefined {
  const folder = mkdtempSync(join(tmpdir(), "gaggle-disk-"));
  const dispose = (): void => {
    execFileSync("umount", ["-l", folder]);
    rmdirSync(folder);
  };
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", `size=${DISK_BYTES}`, "tmpfs", folder], { stdio: "ignore" });
    return { folder, [Symbol.dispose]: dispose };
  } catch {
    rmdirSync(folder);
    return undefined;
  }
}

/** Fills the disk until less than the floor is free. Returns what frees it again. */
function fill(folder: string): () => void {
  const file = join(folder, "ballast");
  const { bavail, bsize } = statfsSync(folder);
  const handle = openSync(file, "w");
  const chunk = Buffer.alloc(1024 * 1024);
  for (let left = bavail * bsize - FREE_SPACE_FLOOR_BYTES / 2; left > 0; left -= chunk.length) writeSync(handle, chunk);
  closeSync(handle);
  return () => rmSync(file);
}

const sendFrom = (work: Workplace, subject: string): ReturnType<typeof runProgram> =>
  runProgram(["--json", "send", "Say hello.", "--role", "marketing"], work, { GAGGLE_HOME: join(work.dir, "agents", subject) });

describe("the demo in the place of a killed one, whose bootstrap node falls silent and whose disk fills up", () => {
  let disk: ReturnType<typeof smallDisk>;
  let work: Workplace;
  let run: DemoRun;
  let ended: Ended;
  let nodes: readonly number[];
  let refused: Ended | undefined;

  beforeAll(async () => {
    disk = smallDisk();
    work = workplace(disk?.folder);
    await using killed = startDemo(work);
    await killed.step(...asked);
    killed.kill("SIGKILL");
    await killed.ended();
    run = startDemo(work);
    await run.printed("Five agents have found each other");
    const node = run.pidOf("bootstrap");
    process.kill(node, "SIGSTOP");
    await run.printed("starts a Goose");
    if (disk !== undefined) {
      const free = fill(disk.folder);
      refused = await sendFrom(work, "fiona.berg");
      free();
    }
    await run.step("the posting", ({ kind }) => kind === "posted");
    process.kill(node, "SIGCONT");
    nodes = [node, run.pidOf("bootstrap")];
    ended = await run.ended();
  }, ALL_MS);
  afterAll(async () => {
    await run?.[Symbol.asyncDispose]();
    work?.[Symbol.dispose]();
    disk?.[Symbol.dispose]();
  });

  it("ends what that one left running, closes, and leaves nothing running", async () => {
    await expectClosed(work, ended);
    expect(await run.processes()).toEqual([]);
  });

  it("needs no answer of its bootstrap node: the audit arrives without a gap when it is back", async () => {
    expect(nodes[1]).toBe(nodes[0]);
    expect((await verifyAudit(work, join(work.dir, "audit.ndjson"), rootOf(work.dir))).code).toBe(0);
  });

  it("has daemons that refuse new work with DISK_FULL, lose nothing, and go on once there is space (left out without the right to mount)", ({
    skip,
  }) => {
    if (disk === undefined) return skip("this user may not mount a file system");
    expect(refused).toMatchObject({ code: 1, stdout: "", stderr: expect.stringContaining('"DISK_FULL"') });
    expect(ended.code).toBe(0);
  });
});

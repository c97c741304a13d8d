import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdir, readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { describe, expect, test } from "vitest";
import { closeReport, posting, proposal } from "../../extensions/ledger/close-records.ts";
import { secureSocketFolder, socketPathFor } from "../../mesh/client/socket-path.ts";
import { approvalPayloadOf } from "../../extensions/ledger/propose-close.ts";
import { APPROVAL_ID, approvalView, copyBooks, departmentTasks, openTools, PERIOD, PROPOSE } from "../support/sample-books.ts";
import { startStandIn } from "../support/stand-in-daemon.ts";
import { tempFolder } from "../support/temp-home.ts";

const path = (from: string): string => fileURLToPath(new URL(from, import.meta.url));
const closeFile = (dir: string, file: string): string => join(dir, "close", PERIOD, file);
const readJson = async (file: string): Promise<unknown> => JSON.parse(await readFile(file, "utf8"));

describe("the ledger extension as a process", () => {
  test("answers over stdio with its seven tools and a reconciliation", async () => {
    const home = tempFolder();
    const socket = socketPathFor(home);
    secureSocketFolder(dirname(socket));
    const daemon = await startStandIn(socket);
    const { PATH = "", TMPDIR = "", XDG_RUNTIME_DIR = "" } = process.env;
    const transport = new StdioClientTransport({
      command: process.execPath,
      args: [path("../../extensions/ledger/main.ts")],
      env: {
        PATH,
        ...(TMPDIR && { TMPDIR }),
        ...(XDG_RUNTIME_DIR && { XDG_RUNTIME_DIR }),
        GAGGLE_HOME: home,
        GAGGLE_BOOKS: await copyBooks("finance"),
      },
      stderr: "inherit",
    });
    const client = new Client({ name: "test", version: "1" });
    await client.connect(transport);
    try {
      const { tools } = await client.listTools();
      expect(tools.map((tool) => tool.name).sort()).toEqual([
        "open_purchase_orders",
        "payroll_accrual",
        "payroll_register",
        "post_close",
        "propose_entries",
        "purchase_order_accruals",
        "reconcile_bank",
      ]);
      const result = await client.callTool({ name: "reconcile_bank", arguments: { period: PERIOD } });
      expect(result.structuredContent).toMatchObject({ reconciled: true, matched: 377 });
    } finally {
      await client.close();
      await daemon.close();
    }
  });
});

/** Starts the process, and kills it some milliseconds after it is ready. */
async function killWhileWorking(args: readonly string[], afterMs: number): Promise<void> {
  const child = spawn(process.execPath, [path("../support/post-close-process.ts"), ...args], { stdio: ["ignore", "pipe", "inherit"] });
  const exited = once(child, "exit");
  await once(child.stdout, "data");
  await sleep(afterMs);
  child.kill("SIGKILL");
  await exited;
}

describe("the books after kill -9", () => {
  test.each([5, 20, 50, 80, 120])("%i ms into proposing hold one whole proposal or none", async (afterMs) => {
    const dir = await copyBooks("finance");
    await killWhileWorking(["propose", dir], afterMs);
    const files = await readdir(join(dir, "close", PERIOD)).catch((): string[] => []);
    const isWhole = async (): Promise<boolean> => proposal.safeParse(await readJson(closeFile(dir, "proposal.json"))).success;
    if (files.includes("proposal.json")) expect(await isWhole()).toBe(true);
    await openTools(dir, { tasks: await departmentTasks() }).ok("propose_entries", PROPOSE);
    expect(await isWhole()).toBe(true);
  });

  test.each([12, 40, 90])("%i ms into posting hold each close posted once, and the next call finishes the rest", async (afterMs) => {
    const tasks = await departmentTasks();
    const folders = await Promise.all(Array.from({ length: 12 }, () => copyBooks("finance")));
    for (const dir of folders) await openTools(dir, { tasks }).ok("propose_entries", PROPOSE);
    await killWhileWorking(["post", ...folders], afterMs);
    for (const dir of folders) {
      const posted = (await readdir(join(dir, "close", PERIOD))).includes("posting.json");
      const kept = posted ? await readFile(closeFile(dir, "posting.json"), "utf8") : undefined;
      const payload = approvalPayloadOf(proposal.parse(await readJson(closeFile(dir, "proposal.json"))));
      const outcome = await openTools(dir, { approval: () => approvalView(payload) }).ok("post_close", {
        period: PERIOD,
        approvalId: APPROVAL_ID,
      });
      expect(outcome["alreadyPosted"]).toBe(posted);
      const now = await readFile(closeFile(dir, "posting.json"), "utf8");
      if (kept !== undefined) expect(now).toBe(kept);
      const { postingId } = posting.parse(JSON.parse(now));
      expect(closeReport.parse(await readJson(closeFile(dir, "report.json"))).postingId).toBe(postingId);
    }
  });
});

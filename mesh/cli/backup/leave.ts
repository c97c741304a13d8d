/** `gaggle leave`: ends a membership from this side. */
import { existsSync } from "node:fs";
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline/promises";
import { homePaths, readAgentConfig } from "../../agent/agent-config.ts";
import { GaggleError } from "../../contract/errors.ts";
import { forgetFolderKey } from "../../identity/at-rest/folder-key.ts";
import { processKeySources } from "../../identity/at-rest/key-sources.ts";
import { agentKeyPath } from "../../identity/key-file.ts";
import { type CommandContext, withDaemon } from "../context.ts";
import { type Output, paint } from "../output.ts";

/** Audit events that are asked for at once. */
const PAGE = 1_000;
/** Long enough for the word to reach connected colleagues, ms. */
const SPREAD_MS = 2_000;
const ENDED_TRIES = 100;

/**
 * Leaves: colleagues and the node are told, the audit trail is handed over and, if wanted, kept; then the keys are wiped.
 * @throws GaggleError NOT_JOINED; STATE_CONFLICT where the person said no, or the audit trail could neither be handed over nor kept
 */
export async function leave(context: CommandContext, { yes, keepAudit }: { yes: boolean; keepAudit?: string }): Promise<void> {
  const { home, out } = context;
  const { subject, role, agentId, org } = await readAgentConfig(home);
  if (hasLeft(home)) return finishLeaving(home, out, agentId);
  out.line(`${subject} (${role}) leaves ${org} with the agent ${agentId}. Its keys are wiped; only a new invitation brings you back.`);
  if (!yes && !(await saidYes())) throw new GaggleError("STATE_CONFLICT", "Nothing was changed.");
  const handed = await withDaemon(context, async (daemon) => {
    const result = await daemon.call("daemon.leave", {});
    if (keepAudit !== undefined)
      await writeFile(keepAudit, await auditLines((from) => daemon.call("audit.list", { fromSeq: from, limit: PAGE })), { mode: 0o600 });
    if (result.shipped < result.seq && keepAudit === undefined) {
      const missing = `The bootstrap node lacks ${result.seq - result.shipped} audit events`;
      throw new GaggleError("STATE_CONFLICT", `${missing}. Try again when it can be reached, or keep them with --keep-audit FILE.`);
    }
    await new Promise((done) => setTimeout(done, SPREAD_MS));
    await daemon.call("daemon.stop", {});
    return result;
  });
  await wipeHome(home);
  out.result({ left: true, agentId, ...handed });
  out.line(paint.good("You have left; the keys of this agent are gone."));
  out.line(`Ask an admin to revoke what a copy could still do: gaggle org revoke --agent ${agentId}`);
  out.line("Goose's files go with: gaggle setup --remove");
}

async function auditLines(page: (from: number) => Promise<{ events: readonly { seq: number }[] }>): Promise<string> {
  const lines: string[] = [];
  for (let from = 1; ; ) {
    const { events } = await page(from);
    lines.push(...events.map((event) => `${JSON.stringify(event)}\n`));
    const last = events.at(-1)?.seq;
    if (last === undefined || events.length < PAGE) return lines.join("");
    from = last + 1;
  }
}

/** Whether this agent left and was cut off while it wiped: its keys went first. */
const hasLeft = (home: string): boolean => !existsSync(agentKeyPath(homePaths(home).keys));

async function finishLeaving(home: string, out: Output, agentId: string): Promise<void> {
  await wipeHome(home);
  out.result({ left: true, agentId });
  out.line(paint.good("The keys of this agent were gone already; now the rest is."));
}

/**
 * Deletes all that an agent keeps in its home: keys first, since they are what others want, and its configuration last, so that a wipe that was cut
 * off can be ended by the same command. Texts of tasks lie in the store, with the Goose of unattended runs, and in logs.
 * @throws GaggleError CONFLICT where a daemon still has the store
 */
export async function wipeHome(home: string): Promise<void> {
  const paths = homePaths(home);
  await untilStoreIsFree(paths.store);
  await forgetFolderKey(paths.keys, processKeySources());
  const { keys, store, artifacts, guardMemory, runGoose, runFolders, logs, bundle, config } = paths;
  for (const path of [
    agentKeyPath(keys),
    keys,
    store,
    artifacts,
    guardMemory,
    runGoose,
    runFolders,
    logs,
    bundle,
    join(home, "disk-reserve"),
    config,
  ])
    await rm(path, { recursive: true, force: true });
}

async function untilStoreIsFree(store: string): Promise<void> {
  const { openLevelStore } = await import("../../store/level-store.ts");
  for (let tries = 0; existsSync(store); tries++) {
    try {
      await (await openLevelStore(store)).close();
      return;
    } catch (error) {
      if (!(error instanceof GaggleError) || error.code !== "CONFLICT" || tries >= ENDED_TRIES) throw error;
      await new Promise((done) => setTimeout(done, 100));
    }
  }
}

async function saidYes(): Promise<boolean> {
  if (!process.stdin.isTTY) return false;
  const line = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return (await line.question("Type yes to leave: ")).trim() === "yes";
  } finally {
    line.close();
  }
}

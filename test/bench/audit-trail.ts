/** The audit trail at size: agents send chains to a bootstrap node in a process of its own, the export is written to a file and verified. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { pipeline } from "node:stream/promises";
import { createBootstrapClient } from "../../mesh/agent/bootstrap-client.ts";
import { adminSigner, readOrg } from "../../mesh/cli/org/org-folder.ts";
import { orgInit } from "../../mesh/cli/org/org-init.ts";
import { orgSign } from "../../mesh/cli/org/org-sign.ts";
import { createOutput } from "../../mesh/cli/output.ts";
import type { Clock, Random } from "../../mesh/contract/ports.ts";
import { joinAgent } from "./audit-agents.ts";

/** What was measured. */
export interface TrailFigures {
  readonly auditEvents: number;
  /** Events a second that the node has on its disk, receipts signed and given, eight agents at once. */
  readonly auditIngestPerS: number;
  readonly auditVerifyPerS: number;
  /** Events a second of the export, over HTTP into a file. */
  readonly auditExportPerS: number;
  readonly auditBytesPerEvent: number;
  /** The node's store, and the largest memory of node (its own, sampled) and verifier (resident). */
  readonly nodeBytesPerEvent: number;
  readonly nodeRssMb: number;
  readonly verifierRssMb: number;
}

const INSTALL_DIR = join(import.meta.dirname, "..", "..");
const NODE_SCRIPT = join(INSTALL_DIR, "test", "support", "bootstrap-process.ts");
const VERIFY_SCRIPT = join(import.meta.dirname, "audit-verify-process.ts");
const AGENTS = 8;
const PEOPLE = [
  ["fiona.berg", "finance"],
  ["marco.diaz", "marketing"],
  ["elena.novak", "engineering"],
  ["hanna.okoye", "hr"],
] as const;

/** Samples a process's own memory until it is disposed of: without the store's files, which LevelDB maps and the system takes back when it needs room. */
function watchMemory(pid: number | undefined): Disposable & { peakMb(): number } {
  let peakKb = 0;
  const sample = async (): Promise<void> => {
    const status = await readFile(`/proc/${pid}/status`, "utf8").catch(() => "");
    peakKb = Math.max(peakKb, Number(/RssAnon:\s+(\d+)/.exec(status)?.[1] ?? 0));
  };
  const timer = setInterval(() => void sample(), 200);
  return { peakMb: () => Math.round(peakKb / 1_024), [Symbol.dispose]: () => clearInterval(timer) };
}

const folderBytes = async (dir: string): Promise<number> => {
  const sizes = await Promise.all((await readdir(dir)).map(async (name) => (await stat(join(dir, name))).size));
  return sizes.reduce((sum, size) => sum + size, 0);
};

const perSecond = (count: number, startedAt: number): number => Math.round(count / ((performance.now() - startedAt) / 1_000));

async function startNode(dir: string) {
  const child = spawn(process.execPath, [NODE_SCRIPT, join(dir, "bootstrap"), "0"], {
    stdio: ["ignore", "pipe", "inherit"],
    env: { ...process.env, GAGGLE_KEY_PROTECTION: "none" },
  });
  for await (const url of createInterface({ input: child.stdout })) return { child, url };
  throw new Error("The bootstrap node did not start.");
}

async function verifyOnce(file: string, root: string): Promise<{ perS: number; rssMb: number; events: number }> {
  const child = spawn(process.execPath, [VERIFY_SCRIPT, file, root], { stdio: ["ignore", "pipe", "inherit"] });
  let text = "";
  for await (const chunk of child.stdout) text += String(chunk);
  const { ok, events, seconds, rssMb } = JSON.parse(text) as { ok: boolean; events: number; seconds: number; rssMb: number };
  if (!ok) throw new Error(`The export does not verify: ${text}`);
  return { perS: events / seconds, rssMb, events };
}

/** Measures. @param config `events` in all, `batch` in one request */
export async function measureTrail(
  folder: string,
  deps: { clock: Clock; random: Random; say(line: string): void },
  config: { events: number; batch: number },
): Promise<TrailFigures> {
  const dir = join(folder, "org");
  const out = createOutput({ write: () => undefined }, true);
  await orgInit({ dir, installDir: INSTALL_DIR, content: "sample" }, out, deps);
  await orgSign({ dir }, out, deps);
  const { child, url } = await startNode(dir);
  using memory = watchMemory(child.pid);
  try {
    const people = Array.from({ length: AGENTS }, (_, i) => PEOPLE[i % PEOPLE.length] ?? PEOPLE[0]);
    const agents = await Promise.all(
      people.map(([user, role], i) => joinAgent(deps, { folder, dir, url, name: `agent-${i}`, user, role })),
    );
    deps.say(`${AGENTS} agents send ${config.events} events, ${config.batch} at once …`);
    const rounds = Math.ceil(config.events / AGENTS / config.batch);
    const startedAt = performance.now();
    await Promise.all(
      agents.map(async (agent) => {
        for (let i = 0; i < rounds; i++) await agent.send(config.batch);
      }),
    );
    const events = rounds * AGENTS * config.batch;
    const auditIngestPerS = perSecond(events, startedAt);
    deps.say("Exporting and verifying …");
    const { org, rootFingerprint } = await readOrg(dir);
    const admin = createBootstrapClient({ ...deps, signer: await adminSigner(dir), fetch }, { baseUrl: url, org });
    const file = join(folder, "audit.ndjson");
    const exportStartedAt = performance.now();
    await pipeline(await admin.exportAudit({ asAdmin: true }), createWriteStream(file));
    const auditExportPerS = perSecond(events, exportStartedAt);
    const verdict = await verifyOnce(file, rootFingerprint);
    return {
      auditEvents: events,
      auditIngestPerS,
      auditVerifyPerS: Math.round(verdict.perS),
      auditExportPerS,
      auditBytesPerEvent: Math.round((await stat(file)).size / events),
      nodeBytesPerEvent: Math.round((await folderBytes(join(dir, "bootstrap", "store"))) / events),
      nodeRssMb: memory.peakMb(),
      verifierRssMb: Math.round(verdict.rssMb),
    };
  } finally {
    const ended = once(child, "exit");
    child.kill("SIGTERM");
    await ended;
  }
}

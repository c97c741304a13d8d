/** The folder of a demo: the organisation and its agents' homes, and at the top the evidence that stays. */
import { existsSync } from "node:fs";
import { cp, mkdir, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { z } from "zod";
import { GaggleError } from "../contract/errors.ts";
import { parseAs, parseJson } from "../contract/json.ts";

/** An agent of the demo. */
export interface DemoAgent {
  readonly subject: string;
  readonly role: string;
  /** Folder of the sample's books that it works on; the executive has none. */
  readonly books: string | undefined;
}

/** Who takes part in the close, in the order of the lanes. */
export const DEMO_AGENTS: readonly DemoAgent[] = [
  { subject: "fiona.berg", role: "finance", books: "finance" },
  { subject: "marco.diaz", role: "marketing", books: "marketing" },
  { subject: "elena.novak", role: "engineering", books: "engineering" },
  { subject: "hanna.okoye", role: "hr", books: "hr" },
  { subject: "edward.lindqvist", role: "executive", books: undefined },
];

/** The demo's agent of a role. */
export function agentOf(role: string): DemoAgent {
  const found = DEMO_AGENTS.find((agent) => agent.role === role);
  if (found === undefined) throw new GaggleError("INTERNAL", `The demo has no ${role}.`);
  return found;
}

const demoState = z.strictObject({
  v: z.literal(1),
  /** Ports of the bootstrap node, kept so that agents find it again. */
  apiPort: z.int(),
  peerPort: z.int(),
  /** Opens the executive's approval key: in the demo nobody types it. */
  passphrase: z.string(),
});
/** What `--again` needs of the demo before. */
export type DemoState = z.infer<typeof demoState>;

/** Paths inside a demo's folder. */
export const demoPaths = (dir: string) => ({
  state: join(dir, "demo.json"),
  owner: join(dir, "owner.json"),
  org: join(dir, "org"),
  books: join(dir, "books"),
  logs: join(dir, "logs"),
  processes: join(dir, "processes.json"),
  input: join(dir, "input"),
  reportJson: join(dir, "report.json"),
  reportMarkdown: join(dir, "report.md"),
  timeline: join(dir, "timeline.jsonl"),
  modelRequests: join(dir, "model-requests.jsonl"),
  audit: join(dir, "audit.ndjson"),
  page: join(dir, "index.html"),
  home: (subject: string) => join(dir, "agents", subject),
  gooseRoot: (subject: string) => join(dir, "goose", subject),
});

/**
 * Makes a fresh folder with the sample's books. An older demo's folder is replaced; any other folder is left alone.
 * @throws GaggleError CONFLICT where the folder holds something that is not a demo's
 */
export async function makeDemoFolder(dir: string, installDir: string, state: DemoState): Promise<void> {
  if (existsSync(dir)) await removeOldDemo(dir);
  const paths = demoPaths(dir);
  for (const folder of [dir, paths.logs]) await mkdir(folder, { recursive: true, mode: 0o700 });
  await writeFile(paths.state, `${JSON.stringify(state)}\n`, { mode: 0o600 });
  const data = join(installDir, "profiles", "sample", "data");
  for (const { books } of DEMO_AGENTS) {
    if (books === undefined) continue;
    for (const target of [paths.books, paths.input]) await cp(join(data, books), join(target, books), { recursive: true });
  }
}

async function removeOldDemo(dir: string): Promise<void> {
  if (!(await isOldDemo(dir))) {
    throw new GaggleError(
      "CONFLICT",
      `${basename(dir)} is not empty and not of an earlier demo, so it is left alone. Name another folder with --dir.`,
    );
  }
  await rm(dir, { recursive: true });
}

/** An empty folder, or one whose `demo.json` is a demo's; another program's file of that name is none. */
async function isOldDemo(dir: string): Promise<boolean> {
  if (!(await stat(dir)).isDirectory()) return false;
  if ((await readdir(dir)).length === 0) return true;
  try {
    await readDemoState(dir);
    return true;
  } catch (error) {
    if (error instanceof GaggleError) return false;
    throw error;
  }
}

/**
 * Checks that the sample's ledger has the month.
 * @throws GaggleError INVALID_INPUT that names the months there are
 */
export async function checkPeriod(installDir: string, period: string): Promise<void> {
  const ledger = await readFile(join(installDir, "profiles", "sample", "data", "finance", "ledger.csv"), "utf8");
  const months = new Set(Array.from(ledger.matchAll(/^[^,]*,[^,]*,(\d{4}-\d{2})-\d{2},/gm), (match) => match[1] ?? ""));
  if (months.has(period)) return;
  throw new GaggleError("INVALID_INPUT", `The sample's books have no ${period}. Choose with --period: ${[...months].sort().join(", ")}.`);
}

/** The state of an earlier demo. @throws GaggleError NOT_FOUND */
export async function readDemoState(dir: string): Promise<DemoState> {
  const { state } = demoPaths(dir);
  if (!existsSync(state)) throw new GaggleError("NOT_FOUND", `There is no earlier demo in ${dir}. Leave --again out.`);
  return parseAs(demoState, parseJson(await readFile(state, "utf8"), state), state);
}

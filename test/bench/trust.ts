/**
 * The figures of trust in docs/benchmarks.md, measured anew: `npm run bench:trust -- [--json] [--events N] [--batch N] [--only PART]`.
 *   --events    audit events that eight agents send (default 80,000)
 *   --batch     events in one request (default 100)
 *   --only      `audit`, `policy` or `node` alone; `node` measures the program in dist/: build it first
 * Without --json, exit code 1 where a wanted figure is missed.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { availableParallelism, cpus, loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { systemRandom } from "../../mesh/agent/system.ts";
import { createWallClock } from "../support/wall-clock.ts";
import { measureTrail, type TrailFigures } from "./audit-trail.ts";
import { measureNodeMemory, type NodeMemoryFigures } from "./node-memory.ts";
import { measurePolicy, type PolicyFigures } from "./policy.ts";
import { round, table } from "./table.ts";

/** Everything that was measured; what was not asked for is left out. */
type TrustFigures = Partial<TrailFigures> & Partial<PolicyFigures> & Partial<NodeMemoryFigures>;

/** Figures that are wanted: name, key, bound, unit. */
const GOALS: readonly (readonly [string, keyof TrustFigures, "≥" | "≤", number])[] = [
  ["audit events verified a second", "auditVerifyPerS", "≥", 20_000],
  ["audit events ingested a second, on the disk", "auditIngestPerS", "≥", 2_000],
  ["a decision of the policy, p99, ms", "policyP99Ms", "≤", 1],
  ["loading a bundle's policies, ms", "bundleLoadMs", "≤", 300],
  ["memory of the bootstrap node under load, MB", "nodePeakMB", "≤", 220],
];

const { values: options } = parseArgs({
  options: {
    json: { type: "boolean", default: false },
    events: { type: "string", default: "80000" },
    batch: { type: "string", default: "100" },
    only: { type: "string" },
  },
});
const wants = (part: string): boolean => options.only === undefined || options.only === part;
const say = (line: string): void => void process.stderr.write(`${line}\n`);

function print(figures: TrustFigures): void {
  const out = process.stdout;
  const [cpu] = cpus();
  out.write(
    `Node ${process.version}, ${availableParallelism()} × ${cpu?.model ?? "unknown"}, load ${round(loadavg()[0] ?? 0)} at the end\n`,
  );
  const rows = GOALS.flatMap(([name, key, bound, wanted]) => {
    const measured = figures[key];
    if (measured === undefined) return [];
    const ok = bound === "≥" ? measured >= wanted : measured <= wanted;
    if (!ok) process.exitCode = 1;
    return [[name, `${bound} ${wanted}`, String(measured), ok ? "ok" : "MISSED"]];
  });
  table(out, "Wanted figures", [["figure", "wanted", "measured", ""], ...rows]);
  table(out, "All figures", [["figure", "measured"], ...Object.entries(figures).map(([name, value]) => [name, String(value)])]);
}

const folder = await mkdtemp(join(tmpdir(), "gaggle-bench-"));
try {
  const deps = { clock: createWallClock(), random: systemRandom, say };
  const size = { events: Number(options.events), batch: Number(options.batch) };
  const figures: TrustFigures = {
    ...(wants("audit") ? await measureTrail(folder, deps, size) : {}),
    ...(wants("node") ? await measureNodeMemory(folder, deps) : {}),
    ...(wants("policy") ? measurePolicy() : {}),
  };
  if (options.json) process.stdout.write(`${JSON.stringify(figures)}\n`);
  else print(figures);
} finally {
  await rm(folder, { recursive: true, force: true });
}

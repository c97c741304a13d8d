/**
 * The figures of trust in docs/benchmarks.md, measured anew: `npm run bench:trust -- --help`.
 * Without --json, exit code 1 where a wanted figure is missed.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { availableParallelism, cpus, loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { Option } from "commander";
import { systemRandom } from "../../mesh/agent/system.ts";
import { spareOptimisedWasm } from "../../mesh/cli/lean-wasm.ts";
import { createProgram, whole } from "../support/program.ts";
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

const options = createProgram(
  "npm run bench:trust --",
  "Measures audit, policy and the bootstrap node; exit code 1 where a wanted figure is missed.",
)
  .option("--json", "one JSON document, without a verdict")
  .option("--events <n>", "audit events that eight agents send", whole(8), 80_000)
  .option("--batch <n>", "events in one request", whole(1), 100)
  .addOption(
    new Option("--only <part>", "this part alone; `node` measures the program in dist/: build it first").choices([
      "audit",
      "policy",
      "node",
    ]),
  )
  .parse()
  .opts<{ json?: true; events: number; batch: number; only?: string }>();
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

// As daemons do, and before any WebAssembly is loaded: later it changes nothing of what is compiled by then.
spareOptimisedWasm();
const folder = await mkdtemp(join(tmpdir(), "gaggle-bench-"));
try {
  const deps = { clock: createWallClock(), random: systemRandom, say };
  const size = { events: options.events, batch: options.batch };
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

/** One process of the policy bench: loads a policy set as a daemon does when it starts, and says how long that took. Standard input: set and chart. */
import { text } from "node:stream/consumers";
import { createCedarEngine } from "../../guard/policy/cedar-engine.ts";
import { orgChart } from "../../mesh/contract/bundle.ts";
import { canonicalHash } from "../../mesh/contract/json.ts";
import { policySet } from "../../mesh/contract/policy-set.ts";
import { spareOptimisedWasm } from "../../mesh/cli/lean-wasm.ts";

const MB = 1_048_576;
spareOptimisedWasm();
const input = await text(process.stdin);
const rssBefore = process.memoryUsage.rss();
const start = performance.now();
const given = JSON.parse(input) as { set: unknown; chart: unknown };
const engine = createCedarEngine({
  set: policySet.parse(given.set),
  orgChart: orgChart.parse(given.chart),
  policyHash: canonicalHash(given.set),
});
const ms = performance.now() - start;
const rssMb = Math.round((process.memoryUsage.rss() - rssBefore) / MB);
engine.close();
process.stdout.write(JSON.stringify({ ms, rssMb }));

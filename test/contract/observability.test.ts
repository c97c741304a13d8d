import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { createAgentMetrics } from "../../mesh/telemetry/agent-metrics.ts";

const root = join(import.meta.dirname, "..", "..");
const read = (path: string): string => readFileSync(join(root, path), "utf8");
const namesIn = (text: string): string[] => [...new Set(text.match(/\bgaggle_(?:agent|node)_[a-z_]+/g) ?? [])].toSorted();
/** A histogram's series are named after it. */
const base = (name: string): string => name.replace(/_(?:bucket|sum|count)$/, "");

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly labels: { readonly severity: string };
  readonly annotations: { readonly summary: string; readonly description: string };
}
const rules = (): Rule[] => (parse(read("docs/alerts.yml")) as { groups: { rules: Rule[] }[] }).groups.flatMap((group) => group.rules);

describe("docs/observability.md and docs/alerts.yml", () => {
  it("name the agent's metrics that there are, all of them", async () => {
    const source = {
      queues: async () => ({}),
      peersConnected: () => 0,
      bootstrapReachable: () => true,
      auditWaiting: () => 0,
      auditAlarms: async () => 0,
      bundleExpires: () => 0,
    };
    const text = await createAgentMetrics(() => source).text();
    const made = [...text.matchAll(/^# TYPE (gaggle_agent_\w+)/gm)].map(([, name = ""]) => name).toSorted();
    expect(made.length).toBeGreaterThan(10);
    expect(namesIn(read("docs/observability.md")).filter((name) => name.startsWith("gaggle_agent_"))).toEqual(made);
  });

  it("have alerts on metrics that agent or node tell, each with a severity and what to do", () => {
    const known = new Set([...namesIn(read("mesh/telemetry/agent-metrics.ts")), ...namesIn(read("bootstrap-node/metrics.ts"))]);
    expect(rules().length).toBeGreaterThan(10);
    for (const { alert, expr, labels, annotations } of rules()) {
      expect([
        alert,
        namesIn(expr)
          .map(base)
          .filter((name) => !known.has(name)),
      ]).toEqual([alert, []]);
      expect([alert, labels.severity]).toEqual([alert, expect.stringMatching(/^(?:critical|warning|info)$/)]);
      expect(annotations.description.length).toBeGreaterThan(20);
      expect(read("docs/observability.md")).toContain(`\`${alert}\``);
    }
  });
});

/** Gathers what proves the close into the demo's folder: report, timeline, audit export and its verdict, and the page that shows it all. */
import { createReadStream } from "node:fs";
import { copyFile, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { systemClock } from "../agent/system.ts";
import { type ExportVerdict, verifyExport } from "../audit/verify.ts";
import { REHEARSAL_MODEL } from "./rehearsal/completion.ts";
import { DEMO_AGENTS, demoPaths } from "./demo-folder.ts";
import type { DemoSetting } from "./demo-organisation.ts";
import { runGaggle } from "./gaggle-command.ts";
import type { CloseData, CloseReport, TimelineEntry } from "./page/model.ts";
import { renderCloseHtml } from "./page/render-close-html.ts";
import { renderReportMarkdown } from "./page/render-report-markdown.ts";
import { countMasked } from "./timeline.ts";

/** What the close left behind, beside its files. */
export interface CloseStory {
  readonly period: string;
  readonly timeline: readonly TimelineEntry[];
  readonly titles: ReadonlyMap<string, { readonly title: string }>;
  readonly modelName: string;
  readonly durationMs: number;
}

/** What the demo's page lists, in the order in which a person would look. */
const EVIDENCE = [
  { file: "report.md", what: "the close for reading; report.json is the same for programs" },
  { file: "audit.ndjson", what: "the collected audit export; `gaggle audit verify` checks it" },
  { file: "model-requests.jsonl", what: "every request exactly as the model's side got it" },
  { file: "timeline.jsonl", what: "every step, from the agents' audit chains; when finance starts and posts is told by the demo" },
  { file: "input/", what: "the CSV files that the departments worked on" },
] as const;

/** Characters of a model request that the page shows. */
const EXCERPT_LENGTH = 1_200;

/** Exports the collected audit trail with the admin's key, and verifies the file against the organisation's root. */
export async function collectAudit(setting: DemoSetting, url: string): Promise<ExportVerdict> {
  const { dir, program, env } = setting;
  const { audit, org } = demoPaths(dir);
  await runGaggle(program, ["audit", "export", audit, "--org-dir", org, "--url", url], { env, cwd: dir });
  const { rootFingerprint } = JSON.parse(await readFile(join(org, "org.json"), "utf8")) as { rootFingerprint: string };
  return verifyExport(createReadStream(audit), { rootFingerprint, nowMs: systemClock.now() });
}

/** Writes the report and the page; gives the report back. */
export async function writeEvidence({ dir }: DemoSetting, story: CloseStory, verdict: ExportVerdict): Promise<CloseReport> {
  const paths = demoPaths(dir);
  const source = join(paths.books, "finance", "close", story.period, "report.json");
  await copyFile(source, paths.reportJson);
  const report = JSON.parse(await readFile(source, "utf8")) as CloseReport;
  await writeFile(paths.reportMarkdown, renderReportMarkdown(report));
  await writeFile(paths.page, renderCloseHtml(await pageData(dir, report, story, verdict)));
  return report;
}

async function pageData(dir: string, report: CloseReport, story: CloseStory, verdict: ExportVerdict): Promise<CloseData> {
  const paths = demoPaths(dir);
  const requests = (await readFile(paths.modelRequests, "utf8")).trimEnd().split("\n");
  const excerpt = excerptOf(requests);
  return {
    report,
    agents: DEMO_AGENTS.map(({ subject, role }) => ({ subject, role, title: story.titles.get(subject)?.title ?? role })),
    timeline: story.timeline,
    masked: countMasked(story.timeline),
    audit: { ok: verdict.ok, events: verdict.events, agents: verdict.agents.length, message: verdictMessage(verdict) },
    model: {
      name: story.modelName,
      rehearsal: story.modelName === REHEARSAL_MODEL,
      requests: requests.length,
      bytes: (await stat(paths.modelRequests)).size,
      ...(excerpt === undefined ? {} : { excerpt }),
    },
    generatedAt: new Date().toISOString(),
    durationMs: story.durationMs,
    evidence: EVIDENCE,
  };
}

/** The verdict on the audit export in one sentence. */
export const verdictMessage = (verdict: ExportVerdict): string =>
  verdict.ok
    ? "Every chain is complete, unaltered and signed; the export is signed under the organisation's root key."
    : `The export does not verify: ${verdict.problems[0]?.message ?? "unknown problem"}`;

/** Part of a tool's result in a request, where tokens stand in for personal data. */
function excerptOf(requests: readonly string[]): string | undefined {
  const at = (line: string): number => line.search(/\b(?:EMAIL|IBAN)_[0-9A-Z]{10}\b/);
  const line = requests.find((request) => at(request) >= 0);
  if (line === undefined) return undefined;
  const start = Math.max(0, at(line) - EXCERPT_LENGTH / 4);
  return line.slice(start, start + EXCERPT_LENGTH);
}

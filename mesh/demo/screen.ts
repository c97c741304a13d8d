/** What the demo shows to a person: each step as it happens, and what stands at the end. */
import { existsSync } from "node:fs";
import { styleText } from "node:util";
import { demoPaths } from "./demo-folder.ts";
import type { MaskedCount, TimelineEntry } from "./page/model.ts";

const LINE_STYLE: Partial<Record<TimelineEntry["kind"], "cyan" | "green" | "red" | "dim" | "bold">> = {
  "task-sent": "cyan",
  "approval-asked": "cyan",
  "approval-decided": "green",
  "approval-accepted": "green",
  posted: "green",
  denied: "red",
  "model-call": "dim",
  "task-received": "dim",
};

/** One step on screen. */
export function timelineLine({ atMs, lane, text, kind }: TimelineEntry): string {
  const line = `${`${(atMs / 1_000).toFixed(1)} s`.padStart(8)}  ${lane.padEnd(17)} ${text}`;
  const style = LINE_STYLE[kind];
  return style === undefined ? line : styleText(style, line);
}

/** What stands at the end. */
export function closingLines(end: {
  status: string;
  durationMs: number;
  masked: readonly MaskedCount[];
  audit: string;
  dir: string;
  again: string;
}): string[] {
  const masked = end.masked.map(({ class: name, count }) => `${count} ${name}`).join(", ");
  const posted = end.status === "posted";
  const head = posted ? styleText("green", "The close is posted.") : `The close ended as ${end.status}; nothing was posted.`;
  return [
    `${head} It took ${(end.durationMs / 1_000).toFixed(1)} s.`,
    `Masked before the model saw it (summed over its requests): ${masked || "nothing"}`,
    `Audit: ${end.audit}`,
    ...(posted && existsSync(demoPaths(end.dir).page)
      ? [`Evidence: ${end.dir} (open index.html there, read report.md)`]
      : [`Evidence: ${end.dir}`]),
    ...(posted ? [`Run it again and nothing is posted twice: ${end.again}`] : []),
    ...(end.status === "rejected" ? ["The decision stands. Without --again the demo starts anew."] : []),
  ];
}

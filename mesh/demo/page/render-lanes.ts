/** Swim lanes as a CSS grid: column 1 is the time, then one column a lane. Texts wrap, so it stays readable on narrow screens and paper. */
import { durationText } from "./amounts.ts";
import { type LanePlan, type LaneRow, planLanes } from "./lane-rows.ts";
import { type Markup, markup } from "./markup.ts";
import { totalCount } from "./masked-counts.ts";
import type { CloseData, TimelineKind } from "./model.ts";

type Tone = "ask" | "answer" | "approval" | "run" | "bad" | "done" | "quiet";

const TONES: Readonly<Record<TimelineKind, Tone>> = {
  daemon: "quiet",
  "task-sent": "ask",
  "task-received": "ask",
  "task-state": "answer",
  "run-start": "run",
  "run-finish": "run",
  "approval-asked": "approval",
  "approval-received": "approval",
  "approval-decided": "approval",
  "approval-accepted": "approval",
  "model-call": "quiet",
  notification: "quiet",
  denied: "bad",
  posted: "done",
  note: "quiet",
};

/** Grid rows count from 1, and the lanes' heads are the first. */
const gridRow = (row: number): number => row + 2;
const gridColumn = (lane: number): number => lane + 2;

const maskedNote = (row: LaneRow): Markup => {
  const total = totalCount(row.masked);
  return total === 0 ? markup`` : markup` <span class="mask">${total} masked</span>`;
};
const durationNote = ({ durationMs }: LaneRow): Markup =>
  durationMs === undefined ? markup`` : markup` <span class="took">${durationText(durationMs)}</span>`;

function arrow(row: LaneRow, toLane: number): Markup {
  const [from, to] = [Math.min(row.lane, toLane), Math.max(row.lane, toLane)];
  const span = to - from + 1;
  const place = `grid-row:${gridRow(row.row)};grid-column:${gridColumn(from)}/span ${span};--half:${(50 / span).toFixed(3)}%`;
  const direction = toLane > row.lane ? "right" : "left";
  return markup`<div class="arrow ${direction} ${TONES[row.kind]}" style="${place}"><span class="label">${row.text}${maskedNote(row)}${durationNote(row)}</span><span class="line"></span></div>`;
}

function step(row: LaneRow): Markup {
  const place = `grid-row:${gridRow(row.row)};grid-column:${gridColumn(row.lane)}`;
  return markup`<div class="step ${TONES[row.kind]}" style="${place}">${row.text}${maskedNote(row)}${durationNote(row)}</div>`;
}

/** The time of each row, where it is another than in the row above. */
function times({ rows, rowCount }: LanePlan): Markup[] {
  const texts = Array.from({ length: rowCount }, (_, row) => durationText(rows.find((item) => item.row === row)?.atMs ?? 0));
  return texts.flatMap((text, row) =>
    text === texts[row - 1] ? [] : [markup`<div class="time" style="grid-row:${gridRow(row)}">${text}</div>`],
  );
}

const LEGEND: readonly (readonly [Tone, string])[] = [
  ["ask", "task"],
  ["answer", "answer"],
  ["approval", "approval"],
  ["bad", "refused"],
];

/** The lanes with their legend. */
export function renderLanes(data: Pick<CloseData, "agents" | "timeline">): Markup {
  const plan = planLanes(data);
  const lastLine = gridRow(plan.rowCount);
  const heads = data.agents.map(
    ({ subject, role, title }, lane) =>
      markup`<div class="head" data-lane="${subject}" style="grid-column:${gridColumn(lane)}"><strong>${title}</strong><span>${subject}</span><span class="role">${role}</span></div>`,
  );
  const rails = data.agents.map(
    (_, lane) => markup`<div class="rail" style="grid-column:${gridColumn(lane)};grid-row:2/${lastLine}"></div>`,
  );
  const runs = plan.runs.map(
    ({ lane, fromRow, toRow }) =>
      markup`<div class="runbar" style="grid-column:${gridColumn(lane)};grid-row:${gridRow(fromRow)}/${gridRow(toRow) + 1}"></div>`,
  );
  const rows = plan.rows.map((row) => (row.shape === "arrow" ? arrow(row, row.toLane ?? row.lane) : step(row)));
  const legend = LEGEND.map(([tone, text]) => markup`<li class="${tone}"><i></i>${text}</li>`);
  return markup`<ul class="legend">${legend}<li class="run"><i></i>a Goose run</li></ul>
<div class="lanes" style="--lanes:${data.agents.length}">${heads}${rails}${runs}${times(plan)}${rows}</div>`;
}

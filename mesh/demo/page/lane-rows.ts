/** Places the steps of a close in swim lanes: one column a lane, time in rows, so that nothing overlaps however fast things went. */
import { durationText } from "./amounts.ts";
import { sumCounts } from "./masked-counts.ts";
import type { CloseData, MaskedCount, TimelineEntry, TimelineKind } from "./model.ts";

/** What is drawn in a row: an arrow between two lanes, or a step within one. Lanes count from 0, rows from 0. */
export interface LaneRow {
  readonly shape: "arrow" | "step";
  readonly row: number;
  readonly lane: number;
  /** Where an arrow ends. */
  readonly toLane?: number;
  readonly kind: TimelineKind;
  readonly text: string;
  readonly atMs: number;
  readonly durationMs?: number;
  readonly masked: readonly MaskedCount[];
}

/** A Goose run in a lane: from one row to another, both included. */
export interface LaneRun {
  readonly lane: number;
  readonly fromRow: number;
  readonly toRow: number;
}

/** The drawing without its looks. */
export interface LanePlan {
  readonly rows: readonly LaneRow[];
  readonly rowCount: number;
  readonly runs: readonly LaneRun[];
}

/** The received end of a message, which its arrow already shows. */
const RECEIVED = new Set<TimelineKind>(["task-received", "approval-received", "approval-accepted"]);

/** Ends of messages that have an arrow: `lane ref`. */
const arrowEnds = (timeline: readonly TimelineEntry[]): Set<string> =>
  new Set(timeline.flatMap(({ to, ref }) => (to === undefined || ref === undefined ? [] : [`${to} ${ref}`])));

interface Draft {
  entry: TimelineEntry;
  calls: number;
  masked: readonly MaskedCount[];
}

/** Drops what arrows show already, and puts model calls that follow each other in a lane into one step. */
function condense(timeline: readonly TimelineEntry[]): Draft[] {
  const ends = arrowEnds(timeline);
  const calls = new Map<string, Draft>();
  const drafts: Draft[] = [];
  for (const entry of timeline) {
    if (RECEIVED.has(entry.kind) && ends.has(`${entry.lane} ${entry.ref ?? ""}`)) continue;
    const open = calls.get(entry.lane);
    if (entry.kind === "model-call" && open !== undefined) {
      open.calls += 1;
      open.masked = sumCounts([...open.masked, ...(entry.masked ?? [])]);
      continue;
    }
    const draft = { entry, calls: 1, masked: entry.masked ?? [] };
    drafts.push(draft);
    for (const lane of [entry.lane, entry.to ?? entry.lane]) calls.delete(lane);
    if (entry.kind === "model-call") calls.set(entry.lane, draft);
  }
  return drafts;
}

function runsOf(rows: readonly LaneRow[]): LaneRun[] {
  const starts = new Map<number, number[]>();
  const runs: LaneRun[] = [];
  for (const { kind, lane, row } of rows) {
    if (kind === "run-start") starts.set(lane, [...(starts.get(lane) ?? []), row]);
    const from = kind === "run-finish" ? starts.get(lane)?.pop() : undefined;
    if (from !== undefined) runs.push({ lane, fromRow: from, toRow: row });
  }
  const last = rows.at(-1)?.row ?? 0;
  for (const [lane, open] of starts) runs.push(...open.map((fromRow) => ({ lane, fromRow, toRow: last })));
  return runs;
}

/** Steps whose shown time is the same share a row where their lanes are apart, in the order in which they happened. */
function placeRows(drafts: readonly LaneRow[]): LaneRow[] {
  let row = -1;
  let time = "";
  let taken = new Set<number>();
  return drafts.map((draft) => {
    const [from, to] = [Math.min(draft.lane, draft.toLane ?? draft.lane), Math.max(draft.lane, draft.toLane ?? draft.lane)];
    const lanes = Array.from({ length: to - from + 1 }, (_, i) => from + i);
    const shown = durationText(draft.atMs);
    if (shown !== time || lanes.some((lane) => taken.has(lane))) {
      row += 1;
      taken = new Set();
    }
    time = shown;
    for (const lane of lanes) taken.add(lane);
    return { ...draft, row };
  });
}

/** Plans the drawing; steps of agents without a lane are left out. */
export function planLanes({ agents, timeline }: Pick<CloseData, "agents" | "timeline">): LanePlan {
  const laneOf = new Map(agents.map(({ subject }, i) => [subject, i]));
  const known = timeline.filter((entry) => laneOf.has(entry.lane)).toSorted((a, b) => a.atMs - b.atMs);
  const drafts = condense(known).map(({ entry, calls, masked }): LaneRow => {
    const lane = laneOf.get(entry.lane) ?? 0;
    const toLane = entry.to === undefined ? undefined : laneOf.get(entry.to);
    return {
      shape: toLane === undefined || toLane === lane ? "step" : "arrow",
      row: 0,
      lane,
      ...(toLane === undefined ? {} : { toLane }),
      kind: entry.kind,
      text: entry.kind === "model-call" ? `${calls} model ${calls === 1 ? "call" : "calls"}` : entry.text,
      atMs: entry.atMs,
      ...(entry.durationMs === undefined ? {} : { durationMs: entry.durationMs }),
      masked,
    };
  });
  const rows = placeRows(drafts);
  return { rows, rowCount: (rows.at(-1)?.row ?? -1) + 1, runs: runsOf(rows) };
}

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { planLanes } from "../../../../../mesh/demo/page/lane-rows.ts";
import type { TimelineEntry, TimelineKind } from "../../../../../mesh/demo/page/model.ts";

const agents = ["a", "b", "c"].map((subject) => ({ subject, role: "r", title: "T" }));
const entry = (atMs: number, lane: string, kind: TimelineKind, more: Partial<TimelineEntry> = {}): TimelineEntry => ({
  at: new Date(atMs).toISOString(),
  atMs,
  lane,
  kind,
  text: kind,
  ...more,
});

describe("the swim lanes", () => {
  test("show a message once: the arrow, and not its received end", () => {
    const timeline = [entry(0, "a", "task-sent", { to: "b", ref: "1" }), entry(9, "b", "task-received", { ref: "1" })];
    expect(planLanes({ agents, timeline }).rows).toMatchObject([{ shape: "arrow", lane: 0, toLane: 1 }]);
  });

  test("keep a received message whose sending nobody saw", () => {
    expect(planLanes({ agents, timeline: [entry(9, "b", "task-received", { ref: "1" })] }).rows).toMatchObject([
      { shape: "step", lane: 1 },
    ]);
  });

  test("put model calls that follow each other in a lane into one step, whatever other lanes do meanwhile", () => {
    const masked = [{ class: "EMAIL", count: 2 }];
    const timeline = [entry(0, "a", "model-call", { masked }), entry(500, "b", "note"), entry(900, "a", "model-call", { masked })];
    const { rows } = planLanes({ agents, timeline });
    expect(rows.map((row) => row.text)).toEqual(["2 model calls", "note"]);
    expect(rows[0]?.masked).toEqual([{ class: "EMAIL", count: 4 }]);
  });

  test("draw a Goose run from its start to its finish, and one that never finished to the end", () => {
    const timeline = [entry(0, "a", "run-start"), entry(200, "b", "run-start"), entry(400, "b", "run-finish"), entry(600, "c", "note")];
    expect(planLanes({ agents, timeline }).runs).toEqual([
      { lane: 1, fromRow: 1, toRow: 2 },
      { lane: 0, fromRow: 0, toRow: 3 },
    ]);
  });

  test("never put two things of one lane into one row, and never go back in time", () => {
    const subject = fc.constantFrom("a", "b", "c", "stranger");
    const kind = fc.constantFrom<TimelineKind>("task-sent", "task-state", "note", "model-call", "run-start", "run-finish", "denied");
    const step = fc.record({ atMs: fc.integer({ min: 0, max: 3_000 }), lane: subject, kind, to: subject, arrow: fc.boolean() });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const timeline = steps.map(({ atMs, lane, kind: what, to, arrow }) => entry(atMs, lane, what, arrow ? { to } : {}));
        const { rows, rowCount } = planLanes({ agents, timeline });
        const cells = rows.flatMap(({ row, lane, toLane = lane }) => {
          const [from, end] = [Math.min(lane, toLane), Math.max(lane, toLane)];
          return Array.from({ length: end - from + 1 }, (_, i) => `${row}/${from + i}`);
        });
        expect(new Set(cells).size).toBe(cells.length);
        for (const [i, { row, atMs }] of rows.entries()) {
          expect(row).toBeLessThan(rowCount);
          expect(row).toBeGreaterThanOrEqual(rows[i - 1]?.row ?? 0);
          expect(atMs).toBeGreaterThanOrEqual(rows[i - 1]?.atMs ?? 0);
        }
      }),
    );
  });
});

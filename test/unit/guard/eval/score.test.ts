/** Figures that were worked out by hand. */
import { describe, expect, it } from "vitest";
import type { LabelledSpan } from "../../../../guard/eval/labelled-span.ts";
import { createScorer, type ScoredRow, type Scores } from "../../../../guard/eval/score.ts";

const span = (start: number, end: number, label = "PERSON"): LabelledSpan => ({ start, end, label });
const scores = (rows: readonly ScoredRow[], labels?: ReadonlySet<string>): Scores => {
  const scorer = createScorer(labels);
  for (const row of rows) scorer.add(row);
  return scorer.result();
};
const row = (length: number, gold: LabelledSpan[], predicted: LabelledSpan[]): ScoredRow => ({ length, gold, predicted });

describe("a scorer", () => {
  it("gives full marks for the same spans with the same labels", () => {
    const { overall, overMaskRate } = scores([row(20, [span(0, 4), span(6, 10, "ORG")], [span(0, 4), span(6, 10, "ORG")])]);
    const all = { precision: 1, recall: 1, f1: 1, f2: 1 };
    expect(overall).toMatchObject({ gold: 2, predicted: 2, strict: all, overlap: all, overlapAnyLabel: all, leakRate: 0 });
    expect(overMaskRate).toBe(0);
  });

  it("counts a span that is off by one as wrong strictly and as right by overlap", () => {
    const { overall } = scores([row(10, [span(0, 4)], [span(0, 5)])]);
    expect(overall.strict).toEqual({ precision: 0, recall: 0, f1: 0, f2: 0 });
    expect(overall.overlap).toEqual({ precision: 1, recall: 1, f1: 1, f2: 1 });
  });

  it("does not take spans that only border on each other as overlapping", () => {
    const { overall } = scores([row(10, [span(0, 4)], [span(4, 6)])]);
    expect(overall.overlapAnyLabel).toEqual({ precision: 0, recall: 0, f1: 0, f2: 0 });
  });

  it("tells a wrong label from a right place", () => {
    const { overall, labels } = scores([row(10, [span(0, 4, "ORG")], [span(0, 4, "PERSON")])]);
    expect(overall).toMatchObject({ strict: { f1: 0 }, overlap: { f1: 0 }, overlapAnyLabel: { f1: 1 }, leakRate: 0 });
    expect(labels["ORG"]).toMatchObject({ gold: 1, predicted: 0, strict: { precision: null, recall: 0 }, overlapAnyLabel: { recall: 1 } });
    expect(labels["PERSON"]).toMatchObject({ gold: 0, predicted: 1, strict: { precision: 0, recall: null } });
  });

  it("weighs recall four times in F2: 2 of 3 found with one false alarm in 4", () => {
    // Strict: P = 2/4, R = 2/3. F1 = 2·(1/2)(2/3)/(7/6) = 4/7. F2 = 5·(1/2)(2/3)/(4·1/2 + 2/3) = (5/3)/(8/3) = 5/8.
    const gold = [span(0, 2), span(4, 6), span(8, 10)];
    const { overall } = scores([row(40, gold, [span(0, 2), span(4, 6), span(20, 22), span(30, 32)])]);
    expect(overall.strict.precision).toBeCloseTo(1 / 2, 12);
    expect(overall.strict.recall).toBeCloseTo(2 / 3, 12);
    expect(overall.strict.f1).toBeCloseTo(4 / 7, 12);
    expect(overall.strict.f2).toBeCloseTo(5 / 8, 12);
  });

  it("counts two found parts of one marked span as one met, and both as right", () => {
    const { overall } = scores([row(20, [span(0, 10)], [span(0, 3), span(5, 10)])]);
    expect(overall).toMatchObject({ gold: 1, predicted: 2, overlap: { precision: 1, recall: 1 }, strict: { precision: 0, recall: 0 } });
  });

  it("leaks the marked characters that nothing covers, whatever the label of what does", () => {
    // 10 marked characters: 0–3 and 5–8 are covered (by another label), so 4 and 9 leak… that is 10 − 3 − 4 = 3 of them.
    const { overall, labels } = scores([row(20, [span(0, 10)], [span(0, 3, "ORG"), span(5, 9, "ORG")])]);
    expect(overall).toMatchObject({ goldCharacters: 10, leakedCharacters: 3, leakRate: 0.3 });
    expect(labels["PERSON"]).toMatchObject({ leakedCharacters: 3, leakRate: 0.3 });
    expect(labels["ORG"]).toMatchObject({ goldCharacters: 0, leakRate: null });
  });

  it("counts each unmarked character that is covered once as masked too much", () => {
    // 20 characters, 4 marked, 16 plain; covered: 2–8, of which 4–8 plain = 4; the second span covers nothing new.
    const figures = scores([row(20, [span(0, 4)], [span(2, 8), span(5, 8, "ORG")])]);
    expect(figures).toMatchObject({ characters: 20, plainCharacters: 16, overMaskedCharacters: 4, overMaskRate: 0.25 });
  });

  it("adds rows up before it divides", () => {
    const figures = scores([row(10, [span(0, 4)], []), row(30, [], [span(0, 13)]), row(0, [], [])]);
    expect(figures.overall).toMatchObject({ gold: 1, predicted: 1, leakRate: 1, strict: { precision: 0, recall: 0, f1: 0 } });
    expect(figures.overMaskRate).toBe(13 / 36);
  });

  it("has no figure where nothing was to be found and nothing was", () => {
    const { overall, overMaskRate, labels } = scores([row(10, [], [])]);
    expect(overall.strict).toEqual({ precision: null, recall: null, f1: null, f2: null });
    expect([overall.leakRate, overMaskRate, labels]).toEqual([null, 0, {}]);
  });

  it("scores only the wanted labels, and takes a wanted span as covered by any other", () => {
    const gold = [span(0, 4), span(6, 10, "USERNAME")];
    const found = [span(0, 4, "ORG"), span(6, 10, "EMAIL"), span(12, 16)];
    const figures = scores([row(20, gold, found)], new Set(["PERSON"]));
    expect(Object.keys(figures.labels)).toEqual(["PERSON"]);
    expect(figures.overall).toMatchObject({
      gold: 1,
      predicted: 1,
      leakRate: 0,
      overlap: { recall: 0 },
      overlapAnyLabel: { recall: 1, precision: 0 },
    });
    // Plain are 20 − 8; only the PERSON span counts as masked too much.
    expect([figures.plainCharacters, figures.overMaskedCharacters]).toEqual([12, 4]);
  });

  it("takes a span that is listed twice as one", () => {
    const { overall } = scores([row(10, [span(0, 4), span(0, 4)], [span(0, 4), span(0, 4)])]);
    expect(overall).toMatchObject({ gold: 1, predicted: 1, goldCharacters: 4, strict: { f1: 1 } });
  });
});

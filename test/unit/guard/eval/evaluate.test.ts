/** A whole evaluation, with the guard's real rules. */
import { describe, expect, it } from "vitest";
import { createDetector } from "../../../../guard/detect/detector.ts";
import { evaluate, type EvaluateConfig, percentile } from "../../../../guard/eval/evaluate.ts";
import { createLabelMap } from "../../../../guard/eval/label-map.ts";
import type { LabelledSpan } from "../../../../guard/eval/labelled-span.ts";

const detector = createDetector();
const detection = { detect: async (texts: readonly string[]) => texts.map((text) => detector.detect(text)) };
const EMAIL = "dana@example.com";
const row = (text: string, ...spans: [string, string][]): string =>
  JSON.stringify({
    text,
    spans: spans.map(([value, label]) => ({ start: text.indexOf(value), end: text.indexOf(value) + value.length, label })),
  });

async function run(lines: readonly string[], config: Partial<EvaluateConfig> = {}) {
  let clock = 0;
  const written: { text: string; spans: readonly LabelledSpan[] }[] = [];
  const given = async function* () {
    yield* lines;
  };
  const deps = { detection, now: () => (clock += 5), onRow: (each: (typeof written)[number]) => void written.push(each) };
  return { written, ...(await evaluate(given(), deps, { map: createLabelMap(), offsets: "utf16", ...config })) };
}

describe("an evaluation", () => {
  it("finds, scores and times every row", async () => {
    const { rows, badRows, scores, latencyMs, written } = await run([
      row(`Mail ${EMAIL}.`, [EMAIL, "EMAIL_ADDRESS"]),
      "",
      row("Nothing here."),
    ]);
    expect([rows, badRows, latencyMs]).toEqual([2, [], { p50: 5, p95: 5 }]);
    expect(scores.labels["EMAIL"]).toMatchObject({ gold: 1, strict: { f1: 1 }, leakRate: 0 });
    expect(written.map(({ spans }) => spans)).toEqual([[{ start: 5, end: 21, label: "EMAIL" }], []]);
  });

  it("names bad rows by their line, goes on, and quotes nothing of them", async () => {
    const { rows, badRows } = await run([row("a"), "", "secret stuff", row("b"), '{"text":"secret"}']);
    expect(rows).toBe(2);
    expect(badRows.map(({ line }) => line)).toEqual([3, 5]);
    expect(JSON.stringify(badRows)).not.toContain("secret");
  });

  it("writes what would be masked by the data's own offsets", async () => {
    const { written, rowsLikeCodePoints } = await run([row(`😀 ${EMAIL}`)], { offsets: "code-points" });
    expect(written[0]?.spans).toEqual([{ start: 2, end: 18, label: "EMAIL" }]);
    expect(rowsLikeCodePoints).toBe(0);
  });

  it("leaves out what does not count, as if it had not been found", async () => {
    const { scores, written } = await run([row(`Mail ${EMAIL}.`, [EMAIL, "EMAIL"])], { counts: ({ label }) => label !== "EMAIL" });
    expect(scores.overall).toMatchObject({ gold: 1, predicted: 0, leakRate: 1 });
    expect(written[0]?.spans).toEqual([]);
  });

  it("does not go on where the guard could not look through a text", async () => {
    const failing = { detect: () => Promise.reject(new Error("worker ended")) };
    const lines = async function* () {
      yield row("a");
    };
    await expect(evaluate(lines(), { detection: failing, now: () => 0 }, { map: createLabelMap(), offsets: "utf16" })).rejects.toThrow(
      "worker ended",
    );
  });
});

describe("a percentile", () => {
  it("is the value below which that share lies", () => {
    const values = Array.from({ length: 100 }, (_, i) => 100 - i);
    expect([percentile(values, 0.5), percentile(values, 0.95), percentile([7], 0.95)]).toEqual([51, 96, 7]);
  });
});

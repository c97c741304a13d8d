/** What rules and the shipped model reach on the frozen corpus; no change may fall behind. Figures: docs/benchmarks.md. */
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createDetection } from "../../guard/detect/create-detection.ts";
import type { DetectionService } from "../../guard/detect/detection.ts";
import { type Evaluation, evaluate } from "../../guard/eval/evaluate.ts";
import { createLabelMap } from "../../guard/eval/label-map.ts";
import { readLines } from "../../guard/eval/read-lines.ts";
import { createRealClock, realRandom } from "../support/real-clock.ts";

const ROOT = join(import.meta.dirname, "..", "..");
/** Classes with a check digit or a form of their own, and secrets: none may stay readable. */
const NEVER = ["CARD", "IBAN", "NATIONAL_ID", "TAX_ID", "CRYPTO", "EMAIL", "IP", "MAC", "SECRET"] as const;

let detection: DetectionService;
let business: Evaluation;
let technical: Evaluation;

beforeAll(async () => {
  detection = createDetection({ clock: createRealClock(), random: realRandom }, { installFolder: ROOT });
  const score = (set: string) =>
    evaluate(
      readLines(join(ROOT, "test", "corpus", `${set}.jsonl`)),
      { detection, now: () => 0 },
      { map: createLabelMap({}), offsets: "utf16" },
    );
  business = await score("business");
  technical = await score("technical");
}, 180_000);
afterAll(() => detection?.close());

describe("the guard on business text", () => {
  it.each(NEVER)("leaves nothing of class %s readable", (label) => {
    expect(business.scores.labels[label]?.gold).toBeGreaterThan(10);
    expect(business.scores.labels[label]?.leakRate).toBe(0);
  });

  it("leaves less than 2.2 % of what is personal readable, without an organisation's lists", () => {
    expect(business.badRows).toEqual([]);
    expect(business.scores.overall.leakRate).toBeLessThan(0.022);
  });

  it("masks less than 6.5 % of the rest", () => {
    expect(business.scores.overMaskRate).toBeLessThan(0.065);
  });
});

describe("the guard on technical text", () => {
  it("masks less than 1 % of it", () => {
    expect(technical.scores.overMaskRate).toBeLessThan(0.01);
  });
});

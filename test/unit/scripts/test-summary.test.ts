import { describe, expect, it } from "vitest";
import { countAll, countVitest, summaryLine } from "../../../scripts/test-summary.mjs";

const report = { success: true, numPassedTests: 7, numFailedTests: 0, numPendingTests: 1, numTodoTests: 0, testResults: [] };

describe("the summary of a run", () => {
  it("counts what Vitest reports", () => {
    expect(countVitest(report, 0)).toEqual({ passed: 7, failed: 0, skipped: 1 });
    expect(countVitest({ ...report, success: false, numFailedTests: 2 }, 1)).toEqual({ passed: 7, failed: 2, skipped: 1 });
  });

  it("counts a test file that could not be loaded as a failure", () => {
    const testResults = [
      { status: "failed", assertionResults: [] },
      { status: "failed", assertionResults: [{ status: "failed" }] },
      { status: "passed", assertionResults: [{ status: "passed" }] },
    ];
    expect(countVitest({ ...report, success: false, numFailedTests: 1, testResults }, 1).failed).toBe(2);
  });

  it("counts a run without a report, or one that failed outside every test, as a failure", () => {
    expect(countVitest(undefined, 0)).toEqual({ passed: 0, failed: 1, skipped: 0 });
    expect(countVitest(report, 1).failed).toBe(1);
    expect(countVitest(report, null).failed).toBe(1);
    expect(countVitest({ ...report, success: false }, 0).failed).toBe(1);
  });

  it("counts each other stage as one check", () => {
    expect(countAll([true, false, true], { passed: 7, failed: 1, skipped: 0 })).toEqual({ passed: 9, failed: 2, skipped: 0 });
  });

  it("names the skipped only where there are any", () => {
    expect(summaryLine({ passed: 3, failed: 0, skipped: 0 })).toBe("3 passed, 0 failed");
    expect(summaryLine({ passed: 3, failed: 1, skipped: 2 })).toBe("3 passed, 1 failed, 2 skipped");
  });
});

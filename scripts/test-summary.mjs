/** Counts what a test run found: Vitest's tests, and every other stage of the gate as one check. */

/**
 * @typedef {object} VitestReport the part of Vitest's JSON report that is read here
 * @property {boolean} success
 * @property {number} numPassedTests
 * @property {number} numFailedTests
 * @property {number} numPendingTests
 * @property {number} numTodoTests
 * @property {readonly {status: string, assertionResults: readonly {status: string}[]}[]} testResults one per file
 */
/** @typedef {{passed: number, failed: number, skipped: number}} Counts */

/**
 * What Vitest found. A file that could not be loaded has no tests, and an unhandled rejection belongs to none: each counts as a failure.
 * @param {VitestReport | undefined} report undefined where Vitest ended without one
 * @param {number | null} exitCode of Vitest
 * @returns {Counts}
 */
export const countVitest = (report, exitCode) => {
  if (report === undefined) return { passed: 0, failed: 1, skipped: 0 };
  const brokenFiles = report.testResults.filter(
    ({ status, assertionResults }) => status === "failed" && !assertionResults.some((test) => test.status === "failed"),
  ).length;
  const failed = report.numFailedTests + brokenFiles;
  const failedOtherwise = failed === 0 && (exitCode !== 0 || !report.success) ? 1 : 0;
  return { passed: report.numPassedTests, failed: failed + failedOtherwise, skipped: report.numPendingTests + report.numTodoTests };
};

/**
 * @param {readonly boolean[]} stages whether each stage other than Vitest passed
 * @param {Counts} tests
 * @returns {Counts} of both together
 */
export const countAll = (stages, { passed, failed, skipped }) => ({
  passed: passed + stages.filter((ok) => ok).length,
  failed: failed + stages.filter((ok) => !ok).length,
  skipped,
});

/**
 * @param {Counts} counts
 * @returns {string} the last line of a run
 */
export const summaryLine = ({ passed, failed, skipped }) =>
  `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`;

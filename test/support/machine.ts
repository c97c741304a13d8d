/**
 * Skips tests aloud where the machine lacks something they need. On CI nothing may be skipped, so there it is an error.
 * @param met whether the machine has it
 * @param what names it and how to get it, such as "the program `ip` (Debian package iproute2)"
 * @returns true where the tests must be skipped; for `describe.skipIf` and `it.skipIf`
 * @throws Error on CI (`CI=true`) where it is missing
 */
export const skipUnless = (met: boolean, what: string): boolean => {
  if (met) return false;
  if (process.env["CI"] === "true") throw new Error(`This machine lacks ${what}, and on CI no test may be skipped.`);
  process.stderr.write(`SKIPPED: this machine lacks ${what}.\n`);
  return true;
};

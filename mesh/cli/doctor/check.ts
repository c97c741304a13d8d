/** One finding of `gaggle doctor`. */
import { errorCode, GaggleError } from "../../contract/errors.ts";

/** What was looked at, what was found, and how to mend it. */
export interface Check {
  readonly name: string;
  readonly state: "ok" | "warn" | "fail";
  readonly message: string;
  /** What to do; empty where all is well. */
  readonly fix: string;
}

/** All is well. */
export const ok = (name: string, message: string): Check => ({ name, state: "ok", message, fix: "" });
/** It works, but not as it should, or not for long. */
export const warn = (name: string, message: string, fix: string): Check => ({ name, state: "warn", message, fix });
/** It doesn't work. */
export const fail = (name: string, message: string, fix: string): Check => ({ name, state: "fail", message, fix });

/**
 * Runs a check; one that throws is a failure with the error's own message.
 * @param fix what to do where it throws
 */
export async function look(name: string, fix: string, check: () => Check | Promise<Check>): Promise<Check> {
  try {
    return await check();
  } catch (error) {
    if (error instanceof GaggleError) return fail(name, error.message, fix);
    return fail(name, `The check itself failed (${errorCode(error)}).`, "Report this bug with the output of gaggle doctor --json.");
  }
}

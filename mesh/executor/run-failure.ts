/** Why a run failed, in words that hold nothing of what the model or a colleague wrote. */
import { GaggleError } from "../contract/errors.ts";

/** Every way in which a run can fail, and what to do about it. */
const REASONS = {
  "goose-exited": "Goose ended before the run did. Run `gaggle doctor`, then repeat the task.",
  "goose-refused": "Goose refused to run the recipe. Run `gaggle doctor` to see whether Goose and the guard's provider are set up.",
  "extension-failed": "An extension of the recipe did not start. Run `gaggle doctor`; build Gaggle again if it is a clone.",
  "unexpected-tools": "Goose offers tools that the recipe does not name, so nothing was run. Update Gaggle to one that knows this Goose.",
  "unsafe-recipe": "The recipe has sub-recipes or another provider than privacy_guard, which an unattended run can't allow.",
  "no-result": "The model ended, or used up its turns, without giving the recipe's result.",
  "wrong-shape": "The run's result does not have the shape that the recipe asks for.",
  "reported-failure": "The run reports that it could not do the work.",
  "output-too-large": "The run wrote more than is allowed.",
  canceled: "The run was cancelled.",
} as const;

/** A way in which a run can fail; `details.reason` of the error. */
export type RunFailure = keyof typeof REASONS;

/** The error EXECUTOR_FAILED for a reason; `cause` is for the daemon's log alone. */
export function runFailure(reason: RunFailure, details: Readonly<Record<string, string | number>> = {}, cause?: unknown): GaggleError {
  return new GaggleError("EXECUTOR_FAILED", REASONS[reason], {
    details: { reason, ...details },
    ...(cause === undefined ? {} : { cause }),
  });
}

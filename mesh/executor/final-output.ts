/** Checks what a run gives back. */
import { z } from "zod";
import { GaggleError } from "../contract/errors.ts";
import { type Json, type JsonObject, json } from "../contract/json.ts";
import { runFailure } from "./run-failure.ts";

/** Longest question of a run, in characters. */
const MAX_QUESTION = 4_000;

/** Largest typed result of a run: with its envelope it must fit a frame of the mesh. */
export const MAX_RESULT_BYTES = 524_288;

/**
 * Prepares the check of a recipe's typed result, before anything is started.
 * @throws GaggleError INVALID_INPUT where the schema uses what can't be checked
 */
export function resultCheck(schema: JsonObject | undefined): (output: unknown) => Json {
  const compiled = schema === undefined ? json : compile(schema);
  return (output) => {
    if (output === undefined) throw runFailure("no-result");
    const checked = json.safeParse(output);
    if (!checked.success || !compiled.safeParse(checked.data).success) throw runFailure("wrong-shape");
    if (Buffer.byteLength(JSON.stringify(checked.data)) > MAX_RESULT_BYTES) throw runFailure("output-too-large");
    if (reportsFailure(checked.data)) throw runFailure("reported-failure");
    return checked.data;
  };
}

function compile(schema: JsonObject): z.ZodType {
  try {
    return z.fromJSONSchema(schema);
  } catch (cause) {
    throw new GaggleError("INVALID_INPUT", "The recipe's response.json_schema uses a keyword that can't be checked; simplify it.", {
      cause,
    });
  }
}

/**
 * The question that a run hands over in place of a result, or undefined. By convention of the recipes it is an object with
 * `status: "input_required"` and the `question`; the recipe's schema has to allow both, since Goose checks it first.
 */
export function questionIn(output: unknown): string | undefined {
  const checked = asksBack.safeParse(output);
  return checked.success ? checked.data.question.slice(0, MAX_QUESTION) : undefined;
}

const asksBack = z.looseObject({ status: z.literal("input_required"), question: z.string().trim().min(1) });

/** By convention of the recipes, a result with `status: failed` says that the work could not be done. */
const reportsFailure = (output: Json): boolean =>
  output !== null && typeof output === "object" && !Array.isArray(output) && output["status"] === "failed";

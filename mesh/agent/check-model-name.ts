/** Which models the privacy guard can serve so far. */
import { GaggleError } from "../contract/errors.ts";

/**
 * Refuses a model that Goose would not ask for by chat completions: for names that start with `gpt-5` it uses the responses API,
 * which the guard does not pass on yet, so every chat would be refused.
 * @throws GaggleError INVALID_INPUT
 */
export function checkModelName(model: string): void {
  if (!model.startsWith("gpt-5")) return;
  throw new GaggleError(
    "INVALID_INPUT",
    `Goose uses the responses API for ${model}, and the privacy guard passes on chat completions only so far. Choose another model, such as gpt-4.1.`,
  );
}

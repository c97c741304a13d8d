/** Makes a recipe ready for one unattended run. */
import { GaggleError } from "../contract/errors.ts";
import type { JsonObject } from "../contract/json.ts";
import { parseRecipe } from "./parse-recipe.ts";
import { recipeDeeplink, renderRecipe } from "./render-recipe.ts";

/** What a run of a recipe needs: the rendered tree, and the same as Goose's ACP takes it. */
export interface PreparedRun {
  readonly recipe: JsonObject;
  readonly deeplink: string;
  /** SHA-256 of the signed text. */
  readonly sha256: string;
}

/** What to run, for which machine, with which context of a task. */
export interface PrepareInput {
  readonly text: string;
  readonly installDir: string;
  readonly node: string;
  readonly context: JsonObject;
}

/**
 * Renders the recipe with the values that the task's context has for its parameters. What the recipe doesn't declare is not used here.
 * @throws GaggleError INVALID_INPUT naming parameters that are missing or of a wrong type
 */
export function prepareRun({ text, installDir, node, context }: PrepareInput): PreparedRun {
  const rendered = renderRecipe({ text, installDir, node, params: paramsFrom(text, context) });
  return { recipe: rendered.recipe as JsonObject, deeplink: recipeDeeplink(rendered), sha256: rendered.sha256 };
}

/** JSON Schema that a rendered recipe declares for its result, or undefined. */
export function declaredResult(recipe: JsonObject): JsonObject | undefined {
  const response = recipe["response"];
  if (response === null || typeof response !== "object" || Array.isArray(response)) return undefined;
  const schema = response["json_schema"];
  return schema !== null && typeof schema === "object" && !Array.isArray(schema) ? schema : undefined;
}

function paramsFrom(text: string, context: JsonObject): Record<string, string> {
  const declared = (parseRecipe(text).parameters ?? []).filter(({ key }) => Object.hasOwn(context, key));
  return Object.fromEntries(declared.map(({ key }) => [key, asText(key, context[key])]));
}

function asText(key: string, value: JsonObject[string] | undefined): string {
  if (typeof value === "string" || typeof value === "number" || typeof value === "boolean") return String(value);
  throw new GaggleError("INVALID_INPUT", `The task's context has a ${key} that is not a text or number.`);
}

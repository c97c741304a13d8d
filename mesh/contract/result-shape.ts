/**
 * Checks a task's result against a JSON Schema that may come from another agent. Only keywords whose check costs no more than schema times value are
 * looked at: patterns, formats, references and negations are left out, so that no schema can hang a daemon. A run's own check
 * (mesh/executor/final-output.ts) knows them all, since its schema is signed. docs/decisions/0093-task-data.md
 */
import { z } from "zod";
import { GaggleError } from "./errors.ts";
import { type Json, type JsonObject, jsonObject } from "./json.ts";

/** Most schemas within one, and how deep they may lie. */
const MAX_SCHEMAS = 500;
const MAX_DEPTH = 32;

/** A schema of a task's result as it travels, at most 32 KiB. */
export const resultSchema = jsonObject.refine((schema) => JSON.stringify(schema).length <= 32_768, "a result's schema has at most 32 KiB");

const COPIED = [
  "type",
  "enum",
  "const",
  "required",
  "minLength",
  "maxLength",
  "minimum",
  "maximum",
  "exclusiveMinimum",
  "exclusiveMaximum",
  "minItems",
  "maxItems",
  "minProperties",
  "maxProperties",
] as const;

const isObject = (value: Json | undefined): value is JsonObject => typeof value === "object" && value !== null && !Array.isArray(value);

/** The part of a schema that is cheap to check. */
function reduced(schema: Json | undefined, count: { left: number }, depth = 0): JsonObject {
  if (--count.left < 0 || depth > MAX_DEPTH) throw new GaggleError("INVALID_INPUT", "The result's schema is too large; simplify it.");
  if (!isObject(schema)) return {};
  const inner = (value: Json | undefined): JsonObject => reduced(value, count, depth + 1);
  const list = (value: Json | undefined): JsonObject[] => (Array.isArray(value) ? value.map(inner) : []);
  const out: JsonObject = {};
  for (const key of COPIED) if (schema[key] !== undefined) out[key] = schema[key];
  const { properties, items, prefixItems, additionalProperties, patternProperties } = schema;
  if (isObject(properties)) out["properties"] = Object.fromEntries(Object.entries(properties).map(([key, value]) => [key, inner(value)]));
  if (isObject(items)) out["items"] = inner(items);
  if (Array.isArray(prefixItems)) out["prefixItems"] = list(prefixItems);
  // With patterns left out, what a pattern would allow can't be told from what nothing allows.
  if (additionalProperties !== undefined && patternProperties === undefined)
    out["additionalProperties"] = typeof additionalProperties === "boolean" ? additionalProperties : inner(additionalProperties);
  // Without their patterns two alternatives may both fit, so `oneOf` can't be checked as more than `anyOf`.
  for (const key of ["anyOf", "oneOf"] as const) if (Array.isArray(schema[key])) out["anyOf"] = list(schema[key]);
  if (Array.isArray(schema["allOf"])) out["allOf"] = list(schema["allOf"]);
  return out;
}

/**
 * Prepares the check of results.
 * @param isMasked whether a text holds what a guard put in a value's place: what does not fit because of that is no fault of the result's
 * @returns a function that gives the places that don't fit, at most three, as paths with the problem and never the value; none for a result that fits
 * @throws GaggleError INVALID_INPUT for a schema that is too large or uses what can't be checked
 */
export function resultShape(schema: JsonObject, isMasked: (text: string) => boolean = () => false): (result: Json) => string[] {
  let check: z.ZodType;
  try {
    check = z.fromJSONSchema(reduced(schema, { left: MAX_SCHEMAS }));
  } catch (cause) {
    if (cause instanceof GaggleError) throw cause;
    throw new GaggleError("INVALID_INPUT", "The result's schema uses what can't be checked; simplify it.", { cause });
  }
  return (result) => {
    const checked = check.safeParse(result);
    if (checked.success) return [];
    const issues = checked.error.issues.filter((issue) => !excused(issue, result, isMasked));
    return issues
      .slice(0, 3)
      .map(({ path, message }) => `${path.map(String).join(".").slice(0, 100) || "(top)"}: ${message.slice(0, 200)}`);
  };
}

function excused(issue: z.core.$ZodIssue, result: Json, isMasked: (text: string) => boolean): boolean {
  let at: Json | undefined = result;
  for (const key of issue.path) at = typeof at === "object" && at !== null ? (at as Record<PropertyKey, Json>)[key] : undefined;
  if (issue.code === "unrecognized_keys") return issue.keys.every(isMasked);
  // An alternative that fails may fail anywhere below.
  return issue.code === "invalid_union" ? isMasked(JSON.stringify(at ?? null)) : typeof at === "string" && isMasked(at);
}

/** Reads the text of a Goose recipe into a tree. Source: Goose 1.52 recipe reference. */
import { parseDocument } from "yaml";
import { z } from "zod";
import { GaggleError } from "../contract/errors.ts";
import { json, jsonObject, parseAs } from "../contract/json.ts";

const parameter = z.looseObject({
  key: z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, "a parameter's key has letters, digits and underscores"),
  input_type: z.enum(["string", "number", "boolean", "date", "file", "select"]),
  requirement: z.enum(["required", "optional", "user_prompt"]),
  description: z.string(),
  default: z.string().optional(),
  options: z.array(z.string()).optional(),
});
/** One declared parameter of a recipe. */
export type RecipeParameter = z.infer<typeof parameter>;

const extension = z.looseObject({
  type: z.string(),
  name: z.string().min(1),
  cmd: z.string().optional(),
  args: z.array(z.string()).optional(),
  timeout: z.int().min(1).optional(),
  available_tools: z.array(z.string()).optional(),
});

/** The parts of a recipe that Gaggle reads; every other key is kept as it is. */
const recipeShape = z.looseObject({
  version: z.string(),
  title: z.string().min(1).max(200),
  description: z.string(),
  instructions: z.string().optional(),
  prompt: z.string().optional(),
  parameters: z.array(parameter).optional(),
  extensions: z.array(extension).optional(),
  response: z.looseObject({ json_schema: jsonObject }).optional(),
  settings: z.record(z.string(), json).optional(),
});
/** A recipe as a tree, with the parts that Gaggle reads typed. */
export type Recipe = z.infer<typeof recipeShape>;

/**
 * Parses the YAML text of a recipe and checks the parts that Gaggle reads.
 * @throws GaggleError INVALID_INPUT where it is not YAML, repeats a key, uses aliases, or misses a part; never quotes the text
 */
export function parseRecipe(text: string): Recipe {
  const document = parseDocument(text, { schema: "core", uniqueKeys: true, prettyErrors: false });
  const problem = document.errors[0];
  if (problem !== undefined) {
    throw new GaggleError("INVALID_INPUT", "The recipe is not valid YAML; `goose recipe validate FILE` shows the line.", {
      details: { code: problem.code, offset: problem.pos[0] },
    });
  }
  return parseAs(
    recipeShape,
    readTree(() => document.toJS({ maxAliasCount: 0 }) as unknown),
    "The recipe",
  );
}

function readTree(read: () => unknown): unknown {
  try {
    return read();
  } catch (cause) {
    throw new GaggleError("INVALID_INPUT", "The recipe uses YAML aliases; write each value out.", { cause });
  }
}

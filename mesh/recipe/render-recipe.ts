/**
 * Turns the signed text of a recipe into what Goose runs on this machine. Decision: docs/decisions/0050-rendered-recipes.md.
 */
import { stringify } from "yaml";
import { GaggleError } from "../contract/errors.ts";
import { type Json, sha256Hex } from "../contract/json.ts";
import { parseRecipe, type Recipe, type RecipeParameter } from "./parse-recipe.ts";
import { hasTemplateSyntax, mapStrings, substitute } from "./template.ts";

/** What a recipe's `args` start with to name Gaggle's install folder; recipes lie two folders below it. */
const INSTALL_DIR = /\{\{\s*recipe_dir\s*\}\}\/\.\.\/\.\./g;

/** What to render, and for which machine. */
export interface RenderInput {
  /** Exact text of the signed recipe. */
  readonly text: string;
  /** Absolute path of the folder that holds Gaggle's `dist/`. */
  readonly installDir: string;
  /** Absolute path of the Node that starts extensions with `cmd: node`. */
  readonly node: string;
  /** Values of all parameters. Left out: the placeholders stay, for Goose to fill (`--params`). */
  readonly params?: Readonly<Record<string, string>>;
}

/** A recipe made ready for this machine. */
export interface RenderedRecipe {
  readonly recipe: Recipe;
  /** SHA-256 of the signed text that it was made from. */
  readonly sha256: string;
}

/** Where a rendered recipe comes from; `path` is its path in the bundle. */
export interface RecipeProvenance {
  readonly path: string;
  readonly bundleVersion: number;
}

/**
 * Renders a recipe on its parsed tree, so that a value is data whatever characters it holds.
 * `{{ recipe_dir }}/../..` becomes the install folder, `cmd: node` the given Node, and with `params` each `{{ key }}` its value;
 * the rendered recipe then declares no parameters any more and holds no template syntax at all.
 * @throws GaggleError INVALID_INPUT naming unknown, missing and wrongly typed parameters, or what else is wrong with the recipe
 */
export function renderRecipe({ text, installDir, node, params }: RenderInput): RenderedRecipe {
  for (const path of [installDir, node]) refuseTemplate(path);
  const { parameters = [], ...rest } = parseRecipe(text);
  const values = params === undefined ? undefined : checkedValues(parameters, params);
  const declared = new Set(parameters.map((p) => p.key));
  const fill = (name: string): string | undefined => {
    if (name === "recipe_dir") throw new GaggleError("INVALID_INPUT", "Write recipe_dir only as {{ recipe_dir }}/../.. in a recipe.");
    if (!declared.has(name)) throw new GaggleError("INVALID_INPUT", `The recipe uses {{ ${name} }} but declares no parameter ${name}.`);
    return values?.get(name);
  };
  // By function, since `$&` in a replacement text would be read as a pattern.
  const filled = mapStrings(rest as Json, (value) =>
    substitute(
      value.replace(INSTALL_DIR, () => installDir),
      fill,
    ),
  );
  if (values !== undefined) mapStrings(filled, plainOnly);
  const recipe = withNode(filled as Recipe, node);
  return { recipe: values === undefined && parameters.length > 0 ? { ...recipe, parameters } : recipe, sha256: sha256Hex(text) };
}

/** The rendered recipe as a YAML file, under a header that says which signed file it was made from. */
export function recipeYaml({ recipe, sha256 }: RenderedRecipe, { path, bundleVersion }: RecipeProvenance): string {
  const header = [
    "# Written by gaggle setup; changes here are lost. Made from a file of the signed profile bundle:",
    `# source: ${path}`,
    `# sha256: ${sha256}`,
    `# bundle version: ${bundleVersion}`,
  ];
  // Folding would break placeholders and paths across lines.
  return `${header.join("\n")}\n${stringify(recipe, { lineWidth: 0 })}`;
}

/** The rendered recipe as Goose's ACP takes it: base64url of its JSON, without the `goose://` prefix. */
export const recipeDeeplink = ({ recipe }: RenderedRecipe): string => Buffer.from(JSON.stringify(recipe), "utf8").toString("base64url");

function refuseTemplate(path: string): void {
  if (hasTemplateSyntax(path)) {
    throw new GaggleError(
      "INVALID_INPUT",
      "The path of Gaggle or Node holds {{, {% or {#, which Goose reads as a template; install elsewhere.",
    );
  }
}

/** Goose reads a recipe that comes over ACP as a template once more, so a value could name its variables or hide text from it. */
function plainOnly(text: string): string {
  if (hasTemplateSyntax(text)) {
    throw new GaggleError("INVALID_INPUT", "A parameter's value makes {{, {% or {# in the recipe; give it without these signs.");
  }
  return text;
}

function withNode(recipe: Recipe, node: string): Recipe {
  const { extensions } = recipe;
  if (extensions === undefined) return recipe;
  return { ...recipe, extensions: extensions.map((e) => (e.type === "stdio" && e.cmd === "node" ? { ...e, cmd: node } : e)) };
}

/** The value of every declared parameter. */
function checkedValues(parameters: readonly RecipeParameter[], params: Readonly<Record<string, string>>): Map<string, string> {
  const given = new Map(Object.entries(params));
  const declared = new Set(parameters.map((p) => p.key));
  const unknown = [...given.keys()].filter((key) => !declared.has(key));
  if (unknown.length > 0) throw new GaggleError("INVALID_INPUT", `The recipe has no parameter ${listed(unknown)}.`);
  const missing = parameters.filter((p) => !given.has(p.key) && p.default === undefined).map((p) => p.key);
  if (missing.length > 0) throw new GaggleError("INVALID_INPUT", `The recipe needs a value for ${listed(missing)}.`);
  return new Map(parameters.map((p) => [p.key, typedValue(p, given.get(p.key) ?? p.default ?? "")]));
}

function typedValue({ key, input_type, options }: RecipeParameter, value: string): string {
  if (input_type === "file") {
    throw new GaggleError("INVALID_INPUT", `The recipe's parameter ${key} is a file, which Gaggle doesn't read; declare it as a string.`);
  }
  const fits = {
    string: true,
    date: true,
    number: value.trim() !== "" && Number.isFinite(Number(value)),
    boolean: value === "true" || value === "false",
    select: options?.includes(value) ?? false,
  }[input_type];
  if (!fits) throw new GaggleError("INVALID_INPUT", `The value of the recipe's parameter ${key} is not a ${input_type}.`);
  return value;
}

/** Names for an error message; a name that is not a plain word is a caller's text and is only counted. */
function listed(names: readonly string[]): string {
  const plain = names.filter((name) => /^[A-Za-z_][A-Za-z0-9_]{0,63}$/.test(name));
  const odd = names.length - plain.length;
  return [...plain.slice(0, 10), ...(odd > 0 ? [`${odd} of another form`] : [])].join(", ");
}

/** The part of Goose's templates that Gaggle renders: `{{ name }}`, in string values of the parsed recipe, in one pass. */
import { GaggleError } from "../contract/errors.ts";
import type { Json, JsonObject } from "../contract/json.ts";

const PLACEHOLDER = /\{\{\s*([A-Za-z_][A-Za-z0-9_]*)\s*\}\}/g;
const ANY_TEMPLATE = /\{\{|\{%|\{#/;

/** True where Goose's template engine would read the text as more than plain text. */
export const hasTemplateSyntax = (text: string): boolean => ANY_TEMPLATE.test(text);

/**
 * Applies `render` to every string value of a tree.
 * @throws GaggleError INVALID_INPUT where a key holds template syntax
 */
export function mapStrings(tree: Json, render: (text: string) => string): Json {
  if (typeof tree === "string") return render(tree);
  if (Array.isArray(tree)) return tree.map((item) => mapStrings(item, render));
  if (tree === null || typeof tree !== "object") return tree;
  const out: JsonObject = {};
  for (const [key, value] of Object.entries(tree)) {
    if (hasTemplateSyntax(key))
      throw new GaggleError("INVALID_INPUT", "The recipe has a template in a key; write templates in values only.");
    // A key such as __proto__ must become data, so it is defined, not assigned.
    Object.defineProperty(out, key, { value: mapStrings(value, render), enumerable: true, writable: true, configurable: true });
  }
  return out;
}

/**
 * Replaces each `{{ name }}` by what `valueOf` gives, once: what a value holds is never read as a template again.
 * @param valueOf the text for a name, or undefined to leave the placeholder as it is
 * @throws GaggleError INVALID_INPUT for blocks, filters and comments (`{% %}`, `{{ a | b }}`, `{# #}`), which Gaggle doesn't render
 */
export function substitute(text: string, valueOf: (name: string) => string | undefined): string {
  if (hasTemplateSyntax(text.replace(PLACEHOLDER, ""))) {
    throw new GaggleError("INVALID_INPUT", "The recipe uses template syntax other than {{ name }}; write plain placeholders only.");
  }
  return text.replace(PLACEHOLDER, (placeholder, name: string) => valueOf(name) ?? placeholder);
}

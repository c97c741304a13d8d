/** Puts values back into an answer, or a part of one, that came in one piece. */
import type { Json } from "../../mesh/contract/json.ts";
import { type Replacement, restoreText } from "../pseudonym/restore-text.ts";
import type { TokenSession } from "../pseudonym/token-sessions.ts";

/** How values are written in text, and inside JSON strings. */
export interface Replacements {
  readonly text: Replacement;
  readonly json: Replacement;
}

/** The replacements of a session: values as they read decoded, escaped where they go into JSON text. */
export const replacementsOf = (session: TokenSession): Replacements => ({
  text: (token) => session.lookup(token)?.value,
  json: (token) => {
    const value = session.lookup(token)?.value;
    return value === undefined ? undefined : JSON.stringify(value).slice(1, -1);
  },
});

/**
 * Every text of a tree restored; keys too.
 * @param jsonFields names of fields whose text is JSON, so that values are escaped there: arguments of OpenAI's tool calls
 */
export function restoreTree(value: Json, replacements: Replacements, jsonFields: readonly string[] = []): Json {
  if (typeof value === "string") return restoreText(value, replacements.text);
  if (Array.isArray(value)) return value.map((item) => restoreTree(item, replacements, jsonFields));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, child]): [string, Json] => [
      restoreText(key, replacements.text),
      typeof child === "string" && jsonFields.includes(key)
        ? restoreText(child, replacements.json)
        : restoreTree(child, replacements, jsonFields),
    ]),
  );
}

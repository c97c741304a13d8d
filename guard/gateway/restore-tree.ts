/** Puts values back into an answer, or a part of one, that came in one piece. */
import type { Json, JsonObject } from "../../mesh/contract/json.ts";
import { type Replacement, restoreText } from "../pseudonym/restore-text.ts";
import type { TokenSession } from "../pseudonym/token-sessions.ts";

/** How values are written in text, and inside JSON strings. */
export interface Replacements {
  readonly text: Replacement;
  /** In arguments of a tool call that is not known by name: what every tool gets. */
  readonly json: Replacement;
  /** In what goes to a tool. Within a call there is no other call, whatever its arguments look like. */
  forTool(name: string): Replacements;
}

/**
 * The replacements of a session: values as they read decoded, escaped where they go into JSON text.
 * @param may whether a tool gets values of a class; undefined: a call whose tool is not known
 */
export function replacementsOf(
  session: Pick<TokenSession, "lookup">,
  may: (tool: string | undefined, tokenClass: string) => boolean,
): Replacements {
  const valueFor = (token: string, gets: (tokenClass: string) => boolean): string | undefined => {
    const entry = session.lookup(token);
    return entry === undefined || !gets(entry.tokenClass) ? undefined : entry.value;
  };
  const text =
    (gets: (tokenClass: string) => boolean): Replacement =>
    (token) =>
      valueFor(token, gets);
  const json =
    (gets: (tokenClass: string) => boolean): Replacement =>
    (token) => {
      const value = valueFor(token, gets);
      return value === undefined ? undefined : JSON.stringify(value).slice(1, -1);
    };
  const forTool = (name: string): Replacements => {
    const gets = (tokenClass: string): boolean => may(name, tokenClass);
    const own: Replacements = { text: text(gets), json: json(gets), forTool: () => own };
    return own;
  };
  return { text: text(() => true), json: json((tokenClass) => may(undefined, tokenClass)), forTool };
}

/** The fields of a tool call that hold what goes to the tool. */
const INPUTS = ["arguments", "input"];

/** What goes into a call's fields: calls have the tool's name beside its input. One without a name gets what every tool gets. */
function inputsOf(value: JsonObject, replacements: Replacements): Replacements {
  if (!INPUTS.some((field) => field in value)) return replacements;
  return replacements.forTool(typeof value["name"] === "string" ? value["name"] : "");
}

/**
 * Every text of a tree restored; keys too. What goes to a tool is restored as that tool gets it.
 * @param jsonFields names of fields whose text is JSON, so that values are escaped there: arguments of OpenAI's tool calls
 */
export function restoreTree(value: Json, replacements: Replacements, jsonFields: readonly string[] = []): Json {
  if (typeof value === "string") return restoreText(value, replacements.text);
  if (Array.isArray(value)) return value.map((item) => restoreTree(item, replacements, jsonFields));
  if (typeof value !== "object" || value === null) return value;
  const inputs = inputsOf(value, replacements);
  return Object.fromEntries(
    Object.entries(value).map(([key, child]): [string, Json] => {
      const own = INPUTS.includes(key) ? inputs : replacements;
      const isJson = typeof child === "string" && jsonFields.includes(key);
      return [restoreText(key, replacements.text), isJson ? restoreText(child, own.json) : restoreTree(child, own, jsonFields)];
    }),
  );
}

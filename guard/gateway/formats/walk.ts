/**
 * What the tables of the request formats are made of. A table names every field that the guard knows; what is not in it and could carry a
 * text is refused, so that nothing can pass unseen.
 */
import type { Json, JsonObject } from "../../../mesh/contract/json.ts";
import { refuse, safeName } from "../refusal.ts";

/** What happens to the texts of a request. `where` is a path such as `messages[3].content`. */
export interface RequestVisitor {
  /** A text for the model; returns what takes its place. */
  text(text: string, where: string): string;
  /** JSON in text form: arguments of a tool call; returns what takes its place. */
  jsonText(text: string, where: string): string;
  /** An id; returns what takes its place. */
  id(text: string, where: string): string;
  /** A name or number that can't be replaced without breaking the request; throws where it holds anything personal. */
  fixed(text: string, where: string): void;
  /** Content that can't be read, such as an image; returns the note that takes its place, or throws. */
  unreadable(kind: string, where: string): string;
  /**
   * Reasoning under the seal of the model's server.
   * @param seal signature or ciphertext
   * @param text what the client shows of it; empty where there is only ciphertext
   * @returns the text as the server sent it, or undefined where this gateway has not seen it: it has to be left out
   */
  sealed(seal: string, text: string, where: string): string | undefined;
}

/** In place of an element of a list that has to go. */
export const LEFT_OUT = Symbol("left out");

/** Walks one value and returns what takes its place. */
export type Walk = (value: Json, where: string, visitor: RequestVisitor) => Json;
/** Walks an element of a list, which may have to go. */
export type ElementWalk = (value: Json, where: string, visitor: RequestVisitor) => Json | typeof LEFT_OUT;

/** True for a JSON object. */
export const isObject = (value: Json | undefined): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** A string as it is; anything else as no text. */
export const stringOr = (value: Json | undefined): string => (typeof value === "string" ? value : "");

/** The refusal of something that no table knows. */
export const unknownKind = (what: string, where: string): Error =>
  refuse(`The guard does not know the ${what} at ${where}, so the request was not sent.`, where, "UNKNOWN_FIELD");

/** Calls `walk` for each field by its name; an unknown field is refused where it holds anything but switches and small numbers. */
export function walkFields(value: Json, where: string, visitor: RequestVisitor, fields: Readonly<Record<string, Walk>>): JsonObject {
  if (!isObject(value)) throw refuse(`The guard expected an object at ${where}, so the request was not sent.`, where);
  const walked = Object.entries(value).map(([name, child]): [string, Json] => {
    const walk = Object.hasOwn(fields, name) ? fields[name] : undefined;
    const path = where === "" ? safeName(name) : `${where}.${safeName(name)}`;
    if (walk !== undefined) return [name, child === null ? null : walk(child, path, visitor)];
    return [name, unknownField(name, child, path, visitor)];
  });
  return Object.fromEntries(walked);
}

function unknownField(name: string, value: Json, where: string, visitor: RequestVisitor): Json {
  visitor.fixed(name, where);
  const harmless = value === null || typeof value === "boolean" || (typeof value === "number" && Math.abs(value) < 1_000_000);
  if (!harmless)
    throw refuse(`The guard does not know the field ${where} and can't check it, so the request was not sent.`, where, "UNKNOWN_FIELD");
  return value;
}

/** A list, element by element. */
export const listOf =
  (walk: ElementWalk): Walk =>
  (value, where, visitor) => {
    if (!Array.isArray(value)) throw refuse(`The guard expected a list at ${where}, so the request was not sent.`, where);
    return value.map((item, i) => walk(item, `${where}[${i}]`, visitor)).filter((item) => item !== LEFT_OUT);
  };

/** A value that must stay as it is: names, switches, numbers. */
export const fixed: Walk = (value, where, visitor) => {
  if (typeof value === "string") visitor.fixed(value, where);
  else if (typeof value === "number") visitor.fixed(String(value), where);
  else if (Array.isArray(value)) for (const [i, item] of value.entries()) fixed(item, `${where}[${i}]`, visitor);
  else if (isObject(value))
    for (const [key, child] of Object.entries(value)) {
      visitor.fixed(key, where);
      fixed(child, `${where}.${safeName(key)}`, visitor);
    }
  return value;
};

/** A text that the model reads. */
export const text: Walk = (value, where, visitor) =>
  typeof value === "string" ? visitor.text(value, where) : fixed(value, where, visitor);

/** An id of a call or item. */
export const id: Walk = (value, where, visitor) => (typeof value === "string" ? visitor.id(value, where) : fixed(value, where, visitor));

/** A tree whose texts may be replaced and whose keys and numbers stay: JSON schemas. */
export const tree: Walk = (value, where, visitor) => {
  if (typeof value === "string") return visitor.text(value, where);
  if (Array.isArray(value)) return value.map((item, i) => tree(item, `${where}[${i}]`, visitor));
  if (!isObject(value)) return fixed(value, where, visitor);
  return Object.fromEntries(
    Object.entries(value).map(([key, child]): [string, Json] => {
      visitor.fixed(key, where);
      return [key, tree(child, `${where}.${safeName(key)}`, visitor)];
    }),
  );
};

/** JSON as text or as a tree: names and values are read together, since `birth_date` tells what a date is. */
export const argumentsOf: Walk = (value, where, visitor) =>
  typeof value === "string" ? visitor.jsonText(value, where) : (JSON.parse(visitor.jsonText(JSON.stringify(value), where)) as Json);

/** A text, or a list of parts. */
export const textOr =
  (parts: Walk): Walk =>
  (value, where, visitor) =>
    Array.isArray(value) ? parts(value, where, visitor) : text(value, where, visitor);

/** One walk for several fields. */
export const each = (names: readonly string[], walk: Walk): Readonly<Record<string, Walk>> =>
  Object.fromEntries(names.map((name) => [name, walk]));

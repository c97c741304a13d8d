/** The texts and numbers of a JSON tree, with the places where they stand in its JSON text: names and values are looked at together there. */
import type { Json, JsonObject } from "../../mesh/contract/json.ts";

/** A text, a key or a number of a tree. */
export interface Leaf {
  readonly kind: "text" | "key" | "number";
  /** The text as it reads; of a number its digits. */
  readonly value: string;
  /** Where it stands in the JSON text, without quotes. UTF-16 offsets. */
  readonly start: number;
  readonly end: number;
}

/** A tree as JSON text, and its leaves in the order in which they stand there. */
export interface Leaves {
  readonly text: string;
  readonly leaves: readonly Leaf[];
}

/** What stands in a leaf's place; undefined leaves it as it is. */
export type Shown = (kind: Leaf["kind"], value: string) => Pick<Leaf, "kind" | "value"> | undefined;

/** Takes a tree apart. @param shown what is written in a leaf's place; left out, the leaf itself */
export function leavesOf(tree: Json, shown: Shown = () => undefined): Leaves {
  const parts: string[] = [];
  const leaves: Leaf[] = [];
  let length = 0;
  const write = (part: string): void => {
    parts.push(part);
    length += part.length;
  };
  const leaf = (as: Leaf["kind"], is: string): void => {
    const { kind, value } = shown(as, is) ?? { kind: as, value: is };
    const written = kind === "number" ? value : JSON.stringify(value);
    const quote = kind === "number" ? 0 : 1;
    leaves.push({ kind, value, start: length + quote, end: length + written.length - quote });
    write(written);
  };
  const walkAll = (node: JsonObject | Json[]): void => {
    const isList = Array.isArray(node);
    write(isList ? "[" : "{");
    for (const [i, [key, child]] of Object.entries(node).entries()) {
      if (i > 0) write(", ");
      if (!isList) {
        leaf("key", key);
        write(": ");
      }
      walk(child);
    }
    write(isList ? "]" : "}");
  };
  const walk = (node: Json): void => {
    if (typeof node === "string") leaf("text", node);
    else if (typeof node === "number") leaf("number", JSON.stringify(node));
    else if (typeof node !== "object" || node === null) write(JSON.stringify(node));
    else walkAll(node);
  };
  walk(tree);
  return { text: parts.join(""), leaves };
}

/** What takes the place of a tree's leaves, asked in the order of {@link leavesOf}. */
export interface Replacements {
  key(value: string): string;
  text(value: string): Json;
  /** @param value its digits */
  number(value: string): Json;
}

/** The tree again, with its leaves replaced. */
export function rebuild(tree: Json, replace: Replacements): Json {
  const walk = (node: Json): Json => {
    if (typeof node === "string") return replace.text(node);
    if (typeof node === "number") return replace.number(JSON.stringify(node));
    if (typeof node !== "object" || node === null) return node;
    if (Array.isArray(node)) return node.map(walk);
    return Object.fromEntries(Object.entries(node).map(([key, child]): [string, Json] => [replace.key(key), walk(child)]));
  };
  return walk(tree);
}

/** Maps offsets of a leaf's JSON text to offsets of the leaf as it reads; a place inside an escape maps to the escape's start. */
export function offsetsIn(value: string): (offset: number) => number {
  const written = JSON.stringify(value).slice(1, -1);
  if (written === value) return (offset) => offset;
  const at: number[] = [];
  let place = 0;
  for (const character of value) {
    const { length } = JSON.stringify(character).slice(1, -1);
    for (let i = 0; i < length; i += 1) at.push(place + (length === character.length ? i : 0));
    place += character.length;
  }
  return (offset) => at[offset] ?? value.length;
}

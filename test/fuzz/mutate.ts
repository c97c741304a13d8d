/** Mutations of bytes and of JSON, from a seed. */
import type { Json } from "../../mesh/contract/json.ts";
import type { SeededRandom } from "../support/seeded-random.ts";

/** Picks below a number, and of a list. */
export const below = (random: SeededRandom, limit: number): number => Math.floor(random.next() * limit);
/** One of a list that is not empty. */
export const oneOf = <T>(random: SeededRandom, list: readonly T[]): T => list[below(random, list.length)] as T;

type ByteMutation = (bytes: Buffer, random: SeededRandom, other: Buffer) => Buffer;

const BYTE_MUTATIONS: readonly ByteMutation[] = [
  (bytes, random) => {
    const copy = Buffer.from(bytes);
    const at = below(random, copy.length);
    copy[at] = (copy[at] ?? 0) ^ (1 << below(random, 8));
    return copy;
  },
  (bytes, random) => bytes.subarray(0, below(random, bytes.length)),
  (bytes, random) => bytes.subarray(below(random, bytes.length)),
  (bytes, random) => {
    const at = below(random, bytes.length);
    return Buffer.concat([bytes.subarray(0, at), random.bytes(1 + below(random, 64)), bytes.subarray(at)]);
  },
  (bytes, random) => {
    const at = below(random, bytes.length);
    return Buffer.concat([bytes.subarray(0, at), bytes.subarray(Math.min(bytes.length, at + 1 + below(random, 200)))]);
  },
  (bytes, random, other) => Buffer.concat([bytes.subarray(0, below(random, bytes.length)), other.subarray(below(random, other.length))]),
  (_bytes, random) => Buffer.from(random.bytes(below(random, 2_000))),
  (bytes) => Buffer.concat([bytes, bytes]),
];

/** Some bytes made from others by one to three mutations; may be equal to them by chance. `other` is what parts are exchanged with. */
export function mutateBytes(bytes: Buffer, random: SeededRandom, other: Buffer): Buffer {
  let mutated = bytes;
  for (let times = 1 + below(random, 3); times > 0 && mutated.length > 0; times--)
    mutated = oneOf(random, BYTE_MUTATIONS)(mutated, random, other);
  return mutated;
}

const deep = (levels: number): Json => {
  let value: Json = [];
  for (let i = 0; i < levels; i++) value = i % 2 === 0 ? [value] : { a: value };
  return value;
};

/** Values that programs trip over. */
const NASTY: readonly ((random: SeededRandom) => Json)[] = [
  () => null,
  () => "",
  () => -1,
  () => 1e308,
  () => Number.MAX_SAFE_INTEGER,
  () => 0.1,
  () => true,
  () => [],
  () => ({}),
  () => "\u0000",
  () => "\ud83d",
  () => "../../etc/passwd",
  () => "__proto__",
  () => JSON.parse('{"__proto__":{"allowed":true}}') as Json,
  () => JSON.parse('{"constructor":{"prototype":{"x":1}}}') as Json,
  () => "\u001b[2J\u202e",
  (random) => "x".repeat(below(random, 50_000)),
  (random) => deep(below(random, 400)),
  (random) => Array.from({ length: below(random, 2_000) }, () => 0),
  (random) => below(random, 2 ** 31),
];

/** Every place in a value, as the way to it. */
function placesOf(value: Json, way: readonly (string | number)[] = []): (string | number)[][] {
  if (typeof value !== "object" || value === null) return [[...way]];
  return [[...way], ...Object.entries(value).flatMap(([key, inner]) => placesOf(inner, [...way, key]))];
}

function replaceAt(value: Json, [key, ...rest]: readonly (string | number)[], made: (before: Json) => Json): Json {
  if (key === undefined) return made(value);
  const copy = (Array.isArray(value) ? [...value] : { ...(value as object) }) as Record<string | number, Json>;
  copy[key] = replaceAt(copy[key] as Json, rest, made);
  return copy;
}

/** Another member's value at the same place, a nasty one, a missing one or one more. */
export function mutateJson(value: Json, random: SeededRandom): Json {
  const place = oneOf(random, placesOf(value));
  const how = below(random, 4);
  if (how === 0 && place.length > 0) {
    const last = place.at(-1) as string | number;
    return replaceAt(value, place.slice(0, -1), (parent) => {
      if (Array.isArray(parent)) return parent.filter((_, i) => String(i) !== String(last));
      return Object.fromEntries(Object.entries(parent as object).filter(([key]) => key !== String(last))) as Json;
    });
  }
  if (how === 1)
    return replaceAt(value, place, (before) =>
      typeof before === "object" && before !== null && !Array.isArray(before)
        ? { ...before, extra: oneOf(random, NASTY)(random) }
        : [before],
    );
  return replaceAt(value, place, () => oneOf(random, NASTY)(random));
}

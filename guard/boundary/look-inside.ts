/**
 * Looks through what sealed pairs would put back. Their sender names each value's class by its token; a changed sender can name another one. So the
 * receiver reads the message as it would be restored, with its own detectors: an honest sender's guard has read exactly this text.
 * docs/decisions/0125-values-are-looked-into.md
 */
import { DATA_CLASSES, type DataClass } from "../../mesh/contract/data-class.ts";
import type { Json } from "../../mesh/contract/json.ts";
import type { Detection } from "../detect/detection.ts";
import type { Finding } from "../detect/finding.ts";
import { restoreText } from "../pseudonym/restore-text.ts";
import { canonicalToken } from "../pseudonym/token-form.ts";
import { leavesOf } from "./json-leaves.ts";
import { findingsOf, type Pair } from "./mask-tree.ts";

/** A value that was found, and its class. */
export interface Held {
  readonly label: DataClass;
  readonly value: string;
}

/** What a message holds once its values are put back. */
export interface Inside {
  /** By token: what was found in its value that the token's class does not cover. Only tokens with something. */
  readonly uncovered: ReadonlyMap<string, readonly Held[]>;
  /** Classes of what stands in the message beside the values, in order. */
  readonly bare: readonly DataClass[];
}

/** A value's place in the text of its leaf. */
interface Place {
  readonly token: string;
  readonly start: number;
  readonly end: number;
}

/** The class that a token names; undefined for what merely looked like a token, and for what no guard issues. */
export function classOfToken(token: string): DataClass | undefined {
  const name = token.slice(0, token.lastIndexOf("_"));
  return DATA_CLASSES.find((known) => known === name);
}

/** A leaf's text with its values put back, and where they stand. */
function restoreLeaf(text: string, byToken: ReadonlyMap<string, Pair>): { value: string; places: Place[] } {
  const places: Place[] = [];
  const parts: string[] = [];
  let from = 0;
  let length = 0;
  const push = (part: string): void => {
    parts.push(part);
    length += part.length;
  };
  restoreText(text, (written, at) => {
    const pair = byToken.get(canonicalToken(written));
    if (pair === undefined) return undefined;
    push(text.slice(from, at));
    places.push({ token: pair[0], start: length, end: length + pair[1].length });
    push(pair[1]);
    from = at + written.length;
    return pair[1];
  });
  push(text.slice(from));
  return { value: parts.join(""), places };
}

const touches = (a: Pick<Finding, "start" | "end">, b: Pick<Finding, "start" | "end">): boolean => a.start < b.end && b.start < a.end;

/** What is in a value and not of its token's class. Another reading of characters that are read as that class too is none. */
function uncoveredIn({ token, ...place }: Place, findings: readonly Finding[]): Finding[] {
  const named = classOfToken(token);
  const inside = findings.filter((finding) => touches(finding, place));
  const covering = inside.filter(({ label }) => label === named);
  return inside.filter((finding) => finding.label !== named && !covering.some((other) => touches(other, finding)));
}

const distinct = (held: readonly Held[]): Held[] => [...new Map(held.map((one) => [`${one.label} ${one.value}`, one])).values()];

/**
 * Looks through a masked message as it reads with its values.
 * @param pairs the values that may be put back
 * @throws GaggleError GUARD_REFUSED where its texts could not be looked through completely
 */
export async function lookInside(masked: Json, pairs: readonly Pair[], detection: Pick<Detection, "detect">): Promise<Inside> {
  const byToken = new Map(pairs.map((pair) => [pair[0], pair]));
  const places: Place[][] = [];
  const leaves = leavesOf(masked, (kind, text) => {
    const whole = kind === "text" ? byToken.get(text) : undefined;
    if (whole?.[2] === true) {
      places.push([{ token: whole[0], start: 0, end: whole[1].length }]);
      return { kind: "number", value: whole[1] };
    }
    const { value, places: found } = kind === "number" ? { value: text, places: [] } : restoreLeaf(text, byToken);
    places.push(found);
    return { kind, value };
  });
  const found = await findingsOf(leaves, detection, new Set());
  const uncovered = new Map<string, Held[]>();
  const bare = new Set<DataClass>();
  for (const [i, findings] of found.entries()) {
    const here = places[i] ?? [];
    for (const { start, end, label } of findings) if (!here.some((place) => place.start <= start && end <= place.end)) bare.add(label);
    for (const place of here) {
      const before = uncovered.get(place.token) ?? [];
      const more = uncoveredIn(place, findings).map(({ label, value }) => ({ label, value }));
      if (more.length > 0) uncovered.set(place.token, distinct([...before, ...more]));
    }
  }
  return { uncovered, bare: [...bare].toSorted() };
}

/** Every class that a pair's value holds, by its name or by what was found; none for what merely looked like a token. */
export const classesHeld = ([token]: Pair, uncovered: Inside["uncovered"]): readonly DataClass[] => {
  const named = classOfToken(token);
  return [...new Set([...(named === undefined ? [] : [named]), ...(uncovered.get(token) ?? []).map(({ label }) => label)])];
};

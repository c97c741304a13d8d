/** Masks what leaves for another department: classes that policy doesn't let pass become tokens. docs/decisions/0064-mesh-boundary.md */
import type { DataClass } from "../../mesh/contract/data-class.ts";
import type { GuardProfile } from "../../mesh/contract/guard-policy.ts";
import { GaggleError } from "../../mesh/contract/errors.ts";
import type { Json } from "../../mesh/contract/json.ts";
import type { Detection } from "../detect/detection.ts";
import type { Finding } from "../detect/finding.ts";
import { createKnownValues } from "../detect/known-values.ts";
import { maskText, type Redactions } from "../pseudonym/mask-text.ts";
import { restoreText } from "../pseudonym/restore-text.ts";
import { canonicalToken } from "../pseudonym/token-form.ts";
import type { TokenSession } from "../pseudonym/token-session.ts";
import { type Leaf, type Leaves, leavesOf, offsetsIn, rebuild } from "./json-leaves.ts";

/** A token, the text that it stands for, and whether that text was a JSON number. */
export type Pair = readonly [token: string, text: string, isNumber: boolean];

/** A masked tree. Without findings it is the tree as it was, and there are no pairs. */
export interface MaskedTree {
  readonly tree: Json;
  readonly pairs: readonly Pair[];
  readonly redactions: Redactions;
}

/** Which classes pass unmasked: known beforehand, or decided once it is known which ones are there. */
export type Passes = ReadonlySet<DataClass> | ((found: ReadonlySet<DataClass>) => ReadonlySet<DataClass>);

/** Classes that leave for a department unmasked: those of the profile, and dates, which a task can rarely do without (birth dates are another class). */
export function passesTo(department: string, { boundary }: Pick<GuardProfile, "boundary">): ReadonlySet<DataClass> {
  const rules = boundary.filter(({ departments }) => departments.includes(department) || departments.includes("*"));
  return new Set(["DATE", ...rules.flatMap(({ pass }) => pass)]);
}

/**
 * Gives each leaf, asked for in order, the findings of the JSON text that lie in it, in its own offsets. What spans several leaves is no value: it
 * would tear the structure, and each leaf is looked at by itself too.
 */
function createCutter(given: readonly Finding[]): (leaf: Leaf) => Finding[] {
  const findings = given.toSorted((a, b) => a.start - b.start);
  let from = 0;
  return ({ start, end, value }) => {
    while ((findings[from]?.start ?? Number.POSITIVE_INFINITY) < start) from += 1;
    let to = from;
    while ((findings[to]?.start ?? Number.POSITIVE_INFINITY) < end) to += 1;
    const inside = findings.slice(from, to).filter((finding) => finding.end <= end);
    if (inside.length === 0) return [];
    const place = offsetsIn(value);
    return inside.map((finding) => {
      const first = place(finding.start - start);
      const last = finding.end === end ? value.length : place(finding.end - start);
      return { ...finding, start: first, end: last, value: value.slice(first, last) };
    });
  };
}

/** What is to be masked in each leaf: found in it, in the whole text, or found elsewhere as a value. @throws GaggleError GUARD_REFUSED */
export async function findingsOf({ text, leaves }: Leaves, detection: Pick<Detection, "detect">, passing: Passes) {
  const [whole = [], ...each] = await detection.detect([text, ...leaves.map(({ value }) => value)]);
  const passes = typeof passing === "function" ? passing(new Set([whole, ...each].flat().map(({ label }) => label))) : passing;
  const cut = createCutter(whole);
  const isMasked = ({ label, start, end }: Finding): boolean => !passes.has(label) && end > start;
  const found = leaves.map((leaf, i) => [...cut(leaf), ...(each[i] ?? [])].filter(isMasked));
  const known = createKnownValues();
  for (const { value, label } of found.flat()) known.add(value, label);
  if (known.size === 0) return found;
  return found.map((findings, i) => {
    const text = leaves[i]?.kind === "number" ? "" : (leaves[i]?.value ?? "");
    const again = known
      .find(text)
      .map((span) => ({ ...span, score: 0.5, detector: "known-value", value: text.slice(span.start, span.end) }));
    return [...findings, ...again];
  });
}

/**
 * Masks a tree: texts, keys and numbers. Each text is looked at by itself and in the whole, so that a name of a field tells what its value is.
 * @param session issues the tokens; one per envelope or task
 * @throws GaggleError GUARD_REFUSED where the texts could not be looked through completely; what `passes` throws
 */
export async function maskTree(
  tree: Json,
  { detection, session }: { readonly detection: Pick<Detection, "detect">; readonly session: TokenSession },
  passes: Passes,
): Promise<MaskedTree> {
  const found = await findingsOf(leavesOf(tree), detection, passes);
  const redactions: Redactions = new Map();
  if (found.every((findings) => findings.length === 0)) return { tree, pairs: [], redactions };
  session.meet(found.flat());
  const numbers = new Set<string>();
  const maskNumber = (value: string, { label }: Finding): string => {
    // A number and a text of the same digits restore differently, so they are two entries.
    const token = session.tokenFor(label, { surface: `number ${value}`, value });
    redactions.set(label, (redactions.get(label) ?? 0) + 1);
    numbers.add(token);
    return token;
  };
  let next = 0;
  const text = (value: string): string => maskText(value, found[next++] ?? [], session, redactions);
  const number = (value: string): Json => {
    const [first] = found[next++] ?? [];
    return first === undefined ? Number(value) : maskNumber(value, first);
  };
  const masked = rebuild(tree, { key: text, text, number });
  const pairs = Array.from(session.issued(), ({ token, surface, value }): Pair => {
    const isNumber = numbers.has(token);
    return [token, isNumber ? value : surface, isNumber];
  });
  return { tree: masked, pairs, redactions };
}

/** Classes that are in a tree, in order. @throws GaggleError GUARD_REFUSED where its texts could not be looked through completely */
export async function classesIn(tree: Json, detection: Pick<Detection, "detect">): Promise<DataClass[]> {
  const found = new Set<DataClass>();
  await findingsOf(leavesOf(tree), detection, (classes) => {
    for (const name of classes) found.add(name);
    return classes;
  });
  return [...found].toSorted();
}

/** Most characters that restoring may write: a short message must not blow up by one long value many times over. */
const MAX_RESTORED = 4_194_304;

/** Puts the texts and numbers of pairs back into a tree: exactly the tree that was masked, also where a model has edited a token. @throws GaggleError TOO_LARGE */
export function restoreTree(tree: Json, pairs: readonly Pair[]): Json {
  const byToken = new Map(pairs.map((pair) => [pair[0], pair]));
  let room = MAX_RESTORED;
  const textOf = (token: string): string | undefined => {
    const text = byToken.get(canonicalToken(token))?.[1];
    room -= text?.length ?? 0;
    if (room < 0) throw new GaggleError("TOO_LARGE", "The message grows too large when its values are put back; send it in parts.");
    return text;
  };
  const restore = (value: string): string => restoreText(value, textOf);
  const text = (value: string): Json => {
    const whole = byToken.get(value);
    return whole?.[2] === true ? Number(whole[1]) : restore(value);
  };
  return rebuild(tree, { key: restore, text, number: Number });
}

/** Opens what came sealed: which of its values policy lets this agent have, by what they really hold. docs/decisions/0125-values-are-looked-into.md */
import { classesHeld, classOfToken, type Held, type Inside, lookInside } from "../../../guard/boundary/look-inside.ts";
import { type Pair, restoreTree } from "../../../guard/boundary/mask-tree.ts";
import type { Detection } from "../../../guard/detect/detection.ts";
import type { Principal } from "../../contract/identity.ts";
import type { Json } from "../../contract/json.ts";
import type { RestoreNote } from "../../delivery/envelope.ts";
import type { RestorePolicy } from "./restore-policy.ts";

/** What came: content with tokens, and pairs that its sender sealed to this agent. */
export interface Sealed {
  readonly receiver: Principal;
  readonly sender: Principal;
  readonly masked: Json;
  readonly pairs: readonly Pair[];
}

/** What of it counts here. */
export interface Opening {
  /** Pairs that may be put back. */
  readonly pairs: readonly Pair[];
  /** The values in them, under the classes that they hold. */
  readonly held: readonly Held[];
  /** Classes of all values that were looked at, and of what stands beside them; undefined where nothing may be put back, so that nobody looked. */
  readonly looked?: { readonly inValues: readonly string[]; readonly bare: readonly string[] };
  readonly note: RestoreNote;
}

/** Counts by class, in order. */
export function countClasses(classes: Iterable<string>): { class: string; count: number }[] {
  const counts = new Map<string, number>();
  for (const name of classes) counts.set(name, (counts.get(name) ?? 0) + 1);
  return Array.from(counts, ([name, count]) => ({ class: name, count })).toSorted((a, b) => (a.class < b.class ? -1 : 1));
}

const namesOf = (pairs: readonly Pair[]): string[] => pairs.flatMap(([token]) => classOfToken(token) ?? []);

/** Values under the classes that they hold: where a name does not cover what was found, what was found counts in its place. */
const heldIn = (pairs: readonly Pair[], uncovered: Inside["uncovered"]): Held[] =>
  pairs.flatMap(([token, value]) => {
    const label = classOfToken(token);
    return uncovered.get(token) ?? (label === undefined ? [] : [{ label, value }]);
  });

/** What a sender named as one class and the guard found to be another, such as `ORG>IBAN`. */
const misnamedIn = ({ uncovered }: Inside): string[] => [
  ...new Set([...uncovered].flatMap(([token, more]) => more.map(({ label }) => `${classOfToken(token) ?? "LITERAL"}>${label}`))),
];

/**
 * Opens it.
 * @throws GaggleError GUARD_REFUSED where it could not be looked through, TOO_LARGE for what its values would blow up
 */
export async function openSealed(
  { receiver, sender, masked, pairs }: Sealed,
  { detection, restoring }: { readonly detection: Pick<Detection, "detect">; readonly restoring: RestorePolicy },
): Promise<Opening> {
  const named = restoring({ receiver, sender, classes: namesOf(pairs) });
  const isNone = named.permitted.size === 0 && !named.decision.allowed;
  if (isNone) return { pairs: [], held: [], note: { decision: named.decision, redactions: countClasses(namesOf(pairs)) } };
  const claimed = pairs.filter(([token]) => named.permitted.has(classOfToken(token) ?? "") || classOfToken(token) === undefined);
  // First, since it bounds how much there is to be looked through.
  restoreTree(masked, claimed);
  const inside = await lookInside(masked, claimed, detection);
  const classes = claimed.flatMap((pair) => classesHeld(pair, inside.uncovered));
  const { decision, permitted } = restoring({ receiver, sender, classes }, true);
  const given = claimed.filter((pair) => classesHeld(pair, inside.uncovered).every((name) => permitted.has(name)));
  const withheld = new Set([...namesOf(pairs), ...classes].filter((name) => !permitted.has(name)));
  const misnamed = misnamedIn(inside);
  return {
    pairs: given,
    held: heldIn(given, inside.uncovered),
    looked: { inValues: [...new Set(classes)], bare: inside.bare },
    note: {
      decision: named.decision.allowed ? decision : named.decision,
      redactions: countClasses(heldIn(given, inside.uncovered).map(({ label }) => label)),
      ...(withheld.size === 0 ? {} : { withheld: [...withheld].toSorted() }),
      ...(misnamed.length === 0 ? {} : { misnamed }),
    },
  };
}

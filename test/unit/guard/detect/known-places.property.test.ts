/** What is remembered of where known values stand is what a search finds, whatever became known meanwhile. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createKnownPlaces, placesIn } from "../../../../guard/detect/known-places.ts";
import { createKnownValues } from "../../../../guard/detect/known-values.ts";

const NAMES = [
  "Dana Okafor",
  "Okafor",
  "Optik",
  "Bergström Optik",
  "Müllers",
  "大阪",
  "大阪 Optik",
  "ACME",
  "ANNA",
  "Anna Schmidt",
  "e-mail",
];
const name = fc.constantFrom(...NAMES);
const filler = fc.constantFrom(" ", "\n", ", ", "s ", "'s ", "\\u0041nna ", "Straße ", "okafor.dana", "の", "x".repeat(64));
/** Long enough to be remembered. */
const text = fc.array(fc.oneof(name, filler), { minLength: 5, maxLength: 30 }).map((parts) => `${parts.join("")} ${"-".repeat(64)}`);
const label = fc.constantFrom("PERSON" as const, "ORG" as const, "EMAIL" as const);

describe("the places of known values", () => {
  it("are remembered as a search finds them, after each value that becomes known", () => {
    fc.assert(
      fc.property(fc.array(text, { minLength: 1, maxLength: 4 }), fc.array(fc.tuple(name, label), { maxLength: 8 }), (texts, values) => {
        const places = createKnownPlaces(100_000);
        const known = createKnownValues();
        for (const [value, each] of values) {
          known.add(value, each);
          for (const one of texts) expect(places.of(one, known)).toEqual(placesIn(one, known));
        }
      }),
      { numRuns: 300 },
    );
  });

  it("of one session's values are never those of another's", () => {
    const places = createKnownPlaces(100_000);
    const [dana, optik] = [createKnownValues(), createKnownValues()];
    dana.add("Dana Okafor", "PERSON");
    optik.add("Bergström Optik", "ORG");
    const letter = `Dana Okafor writes to Bergström Optik. ${"-".repeat(64)}`;
    const valuesOf = (known: typeof dana): string[] => places.of(letter, known).map(({ value }) => value);
    expect([valuesOf(dana), valuesOf(optik), valuesOf(dana)]).toEqual([["Dana Okafor"], ["Bergström Optik"], ["Dana Okafor"]]);
  });

  it("are forgotten for the texts unused for longest where there is no more room", () => {
    const places = createKnownPlaces(250);
    const known = createKnownValues();
    known.add("Dana Okafor", "PERSON");
    const letter = (n: number): string => `Dana Okafor writes letter ${n} ${"-".repeat(80)}`;
    const first = places.of(letter(1), known);
    expect(places.of(letter(1), known)).toBe(first);
    for (const n of [2, 3]) places.of(letter(n), known);
    expect(places.of(letter(1), known)).not.toBe(first);
    expect(places.of(letter(1), known)).toEqual(first);
  });
});

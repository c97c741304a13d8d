import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createDetector } from "../../../../../guard/detect/detector.ts";
import type { DataClass } from "../../../../../mesh/contract/data-class.ts";

const detector = createDetector({ cacheEntries: 0 });

/** Check digits, computed here in another way than the guard does: the number is completed, not checked. */
const luhnDigit = (body: string): string => {
  const doubled = [...body].toReversed().map((figure, i) => (i % 2 === 0 ? [...String(Number(figure) * 2)] : [figure]));
  return String((10 - (doubled.flat().reduce((sum, figure) => sum + Number(figure), 0) % 10)) % 10);
};
const ibanOf = (country: string, account: string): string => {
  const figures = [...`${account}${country}00`].map((character) => String(Number.parseInt(character, 36))).join("");
  return `${country}${String(98n - (BigInt(figures) % 97n)).padStart(2, "0")}${account}`;
};
const grouped = (text: string, sizes: readonly number[], sign: string): string => {
  let from = 0;
  const groups = sizes.map((size) => {
    from += size;
    return text.slice(from - size, from);
  });
  return [...groups, text.slice(from)].filter((group) => group !== "").join(sign);
};

const figures = (count: number): fc.Arbitrary<string> => fc.stringMatching(new RegExp(`^[0-9]{${count}}$`));
const sign = fc.constantFrom("", " ", "-", ".", "\u00a0", "\n", "\r\n  ", "\n> ", "\u2011");

interface Kind {
  readonly label: DataClass;
  readonly make: fc.Arbitrary<string>;
  /** Figures of each group but the last. */
  readonly groups: readonly number[];
  /** The same number with a check that does not fit. */
  readonly broken?: (valid: string) => string;
}

const nextFigure = (character: string): string => String((Number(character) + 1) % 10);
const lastBroken = (valid: string): string => valid.slice(0, -1) + nextFigure(valid.slice(-1));

const KINDS: Readonly<Record<string, Kind>> = {
  "Visa card": {
    label: "CARD",
    make: figures(14).map((body) => `4${body}${luhnDigit(`4${body}`)}`),
    groups: [4, 4, 4],
    broken: lastBroken,
  },
  "Amex card": { label: "CARD", make: figures(12).map((body) => `37${body}${luhnDigit(`37${body}`)}`), groups: [4, 6], broken: lastBroken },
  "German IBAN": { label: "IBAN", make: figures(18).map((body) => ibanOf("DE", body)), groups: [4, 4, 4, 4, 4] },
  "Dutch IBAN": { label: "IBAN", make: figures(10).map((body) => ibanOf("NL", `ABNA${body}`)), groups: [4, 4, 4, 4] },
  "French number": {
    label: "NATIONAL_ID",
    make: fc
      .tuple(fc.constantFrom("1", "2"), figures(2), fc.integer({ min: 1, max: 12 }), figures(8))
      .map(([sex, year, month, rest]) => `${sex}${year}${String(month).padStart(2, "0")}${rest}`)
      .map((body) => `${body}${String(97n - (BigInt(body) % 97n)).padStart(2, "0")}`),
    groups: [1, 2, 2, 2, 3, 3],
  },
  "Spanish DNI": {
    label: "NATIONAL_ID",
    make: figures(8).map((body) => body + "TRWAGMYFPDXBNJZSQVHLCKE".charAt(Number(body) % 23)),
    groups: [8],
  },
  "Swiss AHV number": {
    label: "NATIONAL_ID",
    make: figures(9)
      .map((body) => `756${body}`)
      .map(
        (body) => body + String((10 - ([...body].reduce((sum, figure, i) => sum + Number(figure) * (i % 2 === 0 ? 1 : 3), 0) % 10)) % 10),
      ),
    groups: [3, 4, 4],
  },
  "Brazilian CPF": {
    label: "NATIONAL_ID",
    make: figures(9)
      .filter((body) => !/^(\d)\1*$/.test(body))
      .map((body) =>
        [9, 10].reduce((id, length) => {
          const rest = Array.from(id).reduce((sum, figure, i) => sum + Number(figure) * (length + 1 - i), 0) % 11;
          return id + String(rest < 2 ? 0 : 11 - rest);
        }, body),
      ),
    groups: [3, 3, 3],
  },
};

/** Where a number stands in real texts; `#` is the number. */
const CONTEXTS = [
  "#",
  "It is #.",
  "(#)",
  "„#“,",
  "a;#;b",
  '{"id":"#"}',
  "- id: #\n- next: 1",
  "<id>#</id>",
  "| # | x |",
  "**#**",
  "`#`",
  "?id=#&x=y",
  "No:#!",
  "Karte #\ngültig",
];

const covers = (text: string, value: string): boolean => {
  const start = text.indexOf(value);
  return detector.detect(text).some((finding) => finding.start <= start && finding.end >= start + value.length);
};

describe("a number with right check digits", () => {
  it.each(Object.entries(KINDS))("is always found: %s", { timeout: 120_000 }, (_name, { make, groups }) => {
    fc.assert(
      fc.property(make, sign, fc.constantFrom(...CONTEXTS), fc.boolean(), (number, separator, context, lower) => {
        const written = grouped(lower ? number.toLowerCase() : number, groups, separator);
        const text = context.replace("#", () => written);
        expect(covers(text, written), JSON.stringify(text)).toBe(true);
      }),
      { numRuns: 200 },
    );
  });

  it.each(Object.entries(KINDS).filter(([, kind]) => kind.broken !== undefined))(
    "with a wrong one and no word beside it is none: %s",
    { timeout: 120_000 },
    (_name, { make, groups, label, broken = lastBroken }) => {
      fc.assert(
        fc.property(make, fc.constantFrom("", " "), (number, separator) => {
          const text = `It is ${grouped(broken(number), groups, separator)}.`;
          expect(detector.detect(text).map((finding) => finding.label)).not.toContain(label);
        }),
        { numRuns: 100 },
      );
    },
  );
});

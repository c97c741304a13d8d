import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createDetector } from "../../../../guard/detect/detector.ts";
import { maskText } from "../../../../guard/pseudonym/mask-text.ts";
import { createStreamRestorer, restoreText } from "../../../../guard/pseudonym/restore-text.ts";
import { createTokenSessions } from "../../../../guard/pseudonym/token-sessions.ts";
import { createRealClock, realRandom } from "../../../support/real-clock.ts";

const detector = createDetector();
const sessions = createTokenSessions(
  { clock: createRealClock(), random: realRandom },
  { epochs: [{ epoch: 1, key: new Uint8Array(32).fill(7) }] },
);
const session = sessions.open("property");

const VALUES = [
  "ada@example.org",
  "Ada@Example.ORG",
  "DE89 3704 0044 0532 0130 00",
  "+49 171 2345678",
  "4111 1111 1111 1111",
  "12345678Z",
  "a\\u0040b.example",
];
/** Tokens that this session has issued already: the worst thing that a text can hold. */
const ISSUED = VALUES.flatMap((value) =>
  detector.detect(value).map((finding) => session.tokenFor(finding.label, { surface: value, value: finding.value })),
);

const GAPS = [" ", "  ", "\n", "\r\n", "\n    ", " \n\t", "\\n", "\\r\\n  "];
/** The token as a model may wrap it, once, behind its underscore or in its code. */
const wrapped = (token: string): fc.Arbitrary<string> =>
  fc
    .tuple(fc.constantFrom(...GAPS), fc.integer({ min: 1, max: 10 }))
    .map(([gap, left]) => token.slice(0, token.length - left) + gap + token.slice(token.length - left));
const caseOf = (text: string): fc.Arbitrary<string> =>
  fc.oneof(
    fc.constantFrom(text, text.toLowerCase(), text.replaceAll("_", "\\_"), text.replaceAll("_", "\\\\_")),
    wrapped(text),
    wrapped(text).map((form) => `${form}s`),
    wrapped(text).map((form) => form.slice(0, -1)),
  );
const piece = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(...VALUES) },
  { weight: 3, arbitrary: fc.constantFrom(...ISSUED).chain(caseOf) },
  { weight: 3, arbitrary: fc.tuple(fc.constantFrom(...ISSUED), fc.nat(20)).map(([token, length]) => token.slice(0, length)) },
  {
    weight: 2,
    arbitrary: fc.constantFrom(
      "EMAIL_",
      "CARD_12345678",
      "LITERAL_",
      "BIRTH_",
      "NATIONAL_ID_1A2B3C4D5E",
      "EMAIL",
      "\\",
      "_",
      " ",
      "\n",
      '"',
      "\\n",
      "\\u00",
      "  ",
      "\r",
      "\n   ",
      "BIRTH_DATE_",
      "s",
      "'s",
    ),
  },
  { weight: 2, arbitrary: fc.string({ unit: "binary", maxLength: 8 }) },
  { weight: 1, arbitrary: fc.string({ unit: "grapheme", maxLength: 8 }) },
);
const anyText = fc.array(piece, { maxLength: 12 }).map((pieces) => pieces.join(""));

const mask = (text: string): string => maskText(text, detector.detect(text, session.known), session, new Map());
const lookup = (token: string): string | undefined => session.lookup(token)?.surface;

/** Feeds a text to a stream restorer, cut at the given lengths. */
function restoreInPieces(text: string, lengths: readonly number[]): string {
  const restorer = createStreamRestorer(lookup);
  let rest = text;
  let out = "";
  for (const length of lengths) {
    out += restorer.push(rest.slice(0, length));
    rest = rest.slice(length);
  }
  return out + restorer.push(rest) + restorer.end();
}

describe("masking and restoring", () => {
  it("give back exactly the text, whatever is in it", { timeout: 60_000 }, () => {
    fc.assert(
      fc.property(anyText, (text) => {
        expect(restoreText(mask(text), lookup)).toBe(text);
      }),
      { numRuns: 4_000 },
    );
  });

  it("give back a text with a mathematical letter that does not exist, beside an escape", () => {
    const text = "\ud835\udc55a\\u0040b.example";
    expect(restoreText(mask(text), lookup)).toBe(text);
  });

  it("give back the text where a planted beginning would join with the next token's first letter", () => {
    const values = Array.from({ length: 400 }, (_, i) => `p${i}@example.org`);
    const issued = values.map((value) => session.tokenFor("EMAIL", { surface: value, value })).filter((token) => token.endsWith("S"));
    expect(issued.length).toBeGreaterThan(0);
    for (const token of issued) {
      const text = `${token.slice(0, -1)}${["-----BEGIN ", "PRIVATE KEY-----\nMIIB"].join("")}`;
      expect(mask(text)).toMatch(/^LITERAL_\w{10}SECRET_\w{10}$/);
      expect(restoreText(mask(text), lookup)).toBe(text);
    }
  });

  it("leave no found value in the masked text", { timeout: 60_000 }, () => {
    fc.assert(
      fc.property(anyText, fc.constantFrom(...VALUES), anyText, (before, value, after) => {
        expect(mask(`${before} ${value} ${after}`)).not.toContain(` ${value} `);
      }),
      { numRuns: 2_000 },
    );
  });

  it("say the same however a stream is cut, for tokens, half tokens and strangers' tokens", { timeout: 60_000 }, () => {
    fc.assert(
      fc.property(anyText, fc.array(fc.nat(9), { maxLength: 60 }), (text, lengths) => {
        expect(restoreInPieces(text, lengths)).toBe(restoreText(text, lookup));
      }),
      { numRuns: 4_000 },
    );
  });

  it("hold back nothing but what may become a token", () => {
    const restorer = createStreamRestorer(lookup);
    expect(restorer.push("Hello E")).toBe("Hello ");
    expect(restorer.push("ve, write to EMAIL_12 or ")).toBe("Eve, write to EMAIL_12 or ");
    expect(restorer.push("x".repeat(1_000))).toBe("x".repeat(1_000));
    expect(restorer.push("email\\")).toBe("");
    expect(restorer.end()).toBe("email\\");
  });

  it("restore a token that a model wrapped once, and no other text with a gap in it", { timeout: 60_000 }, () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...ISSUED).chain((token) => fc.tuple(fc.constant(token), wrapped(token))),
        ([token, form]) => {
          expect(restoreText(`Dear ${form}, hello`, lookup)).toBe(`Dear ${lookup(token)}, hello`);
          expect(restoreText(form.toLowerCase(), lookup)).toBe(form.toLowerCase());
        },
      ),
      { numRuns: 1_000 },
    );
  });

  it("restore plural and possessive endings that a model writes behind a token, and leave those of the text outside it", () => {
    const [anna] = [session.tokenFor("PERSON", { surface: "Anna Schmidt", value: "Anna Schmidt" })];
    for (const ending of ["s", "'s", "’s", "'", "es"])
      expect(restoreText(`${anna}${ending} desk`, lookup)).toBe(`Anna Schmidt${ending} desk`);
    for (const name of ["Anna Schmidt's", "Anna Schmidt’s", "Jonas'"]) {
      const finding = { start: 0, end: name.length, label: "PERSON" as const, value: name, score: 1, detector: "test" };
      const masked = maskText(`${name} desk`, [finding], session, new Map());
      expect(masked).toMatch(/^PERSON_\w{10}['’]s? desk$/);
      expect(restoreText(masked, lookup)).toBe(`${name} desk`);
    }
  });

  it("hold back no more of a wrapped token than may still be one", () => {
    const restorer = createStreamRestorer(lookup);
    expect(restorer.push("PERSON_ABCD\n")).toBe("");
    expect(restorer.push("  and?")).toBe("PERSON_ABCD\n  and?");
    expect(restorer.push("email_12 ")).toBe("email_12 ");
    expect(restorer.push("PERSON_AB 12 3")).toBe("PERSON_AB 12 3");
    expect(restorer.end()).toBe("");
  });

  it("restore a token in other case, in quotes, in Markdown and between letters", () => {
    const [token = ""] = ISSUED;
    for (const [before, after] of [
      ["**", "**"],
      ["`", "`'s"],
      ['"', '"'],
      ["(", ")."],
      ["x", "s"],
      ["发", "谢"],
    ]) {
      expect(restoreText(`${before}${token.toLowerCase()}${after}`, lookup)).toBe(`${before}ada@example.org${after}`);
    }
  });
});

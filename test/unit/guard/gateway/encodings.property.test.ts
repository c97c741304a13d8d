import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createDetector } from "../../../../guard/detect/detector.ts";
import { maskRequest } from "../../../../guard/gateway/mask-request.ts";
import { createTokenSessions } from "../../../../guard/pseudonym/token-sessions.ts";
import type { Json } from "../../../../mesh/contract/json.ts";
import { createRealClock, realRandom } from "../../../support/real-clock.ts";

const VALUES = [
  "ada@example.org",
  "DE89 3704 0044 0532 0130 00",
  "GB29NWBK60161331926819",
  "+46 70-439 23 94",
  "+1 (212) 555-0147",
  "4916 0587 6002 4490",
  "620916-3317",
  "1 79 01 75 156 710 29",
  "86 095 742 719",
  "44051401359",
  "AB 12 34 56 C",
  "536-90-4399",
  "12345678Z",
];
const detector = createDetector();
const sessions = createTokenSessions(
  { clock: createRealClock(), random: realRandom },
  { epochs: [{ epoch: 1, key: new Uint8Array(32).fill(7) }] },
);

const escaped = (character: string): string => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;

/** JSON text in which some characters of every string are written as escapes, as JSON allows. */
const withEscapes = (json: string, pattern: readonly boolean[]): string =>
  Array.from(json.matchAll(/\\.|[^\\]/gs), ([unit], i) =>
    unit.length === 1 && /[\w@.+ -]/.test(unit) && pattern[i % pattern.length] === true ? escaped(unit) : unit,
  ).join("");

/** A value in a document: as a string, in a sentence, as a key, in a list. */
const documentOf = (value: string): fc.Arbitrary<Json> =>
  fc.constantFrom<Json>(
    value,
    `Please see ${value}, today.`,
    { contact: value },
    { [value]: true },
    ["x", value, 7],
    { rows: [{ a: { b: value } }] },
    `id,value\nE-1,${value}\n`,
  );

/** The document as text, stringified one to four times, with escapes at each level outside of keywords. */
const textOf = (value: string): fc.Arbitrary<string> =>
  fc
    .tuple(documentOf(value), fc.array(fc.array(fc.boolean(), { minLength: 1, maxLength: 7 }), { minLength: 1, maxLength: 4 }))
    .map(([document, levels]) =>
      levels.reduce<string>(
        (text, pattern, level) => (level === 0 ? text : withStrings(JSON.stringify(text), pattern)),
        withStrings(JSON.stringify(document), levels[0] ?? [false]),
      ),
    );

/** Escapes inside string literals only, so that the text stays JSON. */
const withStrings = (json: string, pattern: readonly boolean[]): string =>
  json.replace(/"(?:[^"\\]|\\.)*"/gs, (literal) => `"${withEscapes(literal.slice(1, -1), pattern)}"`);

/** Everything that a program can get out of a text by reading it as JSON again and again. */
function allReadings(value: Json): string[] {
  if (typeof value === "string") {
    try {
      const inner = JSON.parse(value) as Json;
      return [value, ...(typeof inner === "number" ? [] : allReadings(inner))];
    } catch {
      return [value];
    }
  }
  if (Array.isArray(value)) return value.flatMap(allReadings);
  return typeof value === "object" && value !== null
    ? Object.entries(value).flatMap(([key, child]) => [key, ...allReadings(child)])
    : [String(value)];
}

describe("a request that goes to the model", () => {
  it("holds no value in any encoding that JSON allows, and its arguments stay JSON", { timeout: 60_000 }, () => {
    const given = fc.constantFrom(...VALUES).chain((value) => fc.tuple(fc.constant(value), textOf(value)));
    fc.assert(
      fc.property(given, ([value, text]) => {
        const body = {
          model: "m",
          messages: [
            { role: "user", content: text },
            {
              role: "assistant",
              content: null,
              tool_calls: [{ id: "call_1", type: "function", function: { name: "f", arguments: text } }],
            },
            { role: "tool", tool_call_id: "call_1", content: [{ type: "text", text }] },
          ],
        };
        const session = sessions.open("s");
        const masked = maskRequest(body, detector, session, { mode: "mask-and-forward", blocked: [] });
        const sent = JSON.parse(JSON.stringify(masked.body)) as typeof body;
        expect(allReadings(sent as unknown as Json).filter((reading) => reading.includes(value))).toEqual([]);
        const args = sent.messages[1]?.tool_calls?.[0]?.function.arguments ?? "";
        expect(() => JSON.parse(args) as unknown).not.toThrow();
        expect(masked.redactions.size).toBeGreaterThan(0);
      }),
      { numRuns: 3_000 },
    );
  });
});

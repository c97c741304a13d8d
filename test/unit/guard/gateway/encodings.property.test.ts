import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createKnownPlaces } from "../../../../guard/detect/known-places.ts";
import type { Protocol } from "../../../../guard/gateway/call-routes.ts";
import { FORMATS } from "../../../../guard/gateway/formats/formats.ts";
import { maskRequest } from "../../../../guard/gateway/mask-request.ts";
import type { GuardRules } from "../../../../guard/guard-rules.ts";
import { createTokenSessions } from "../../../../guard/pseudonym/token-sessions.ts";
import type { Json } from "../../../../mesh/contract/json.ts";
import { createRealClock, realRandom } from "../../../support/real-clock.ts";
import { createRulesDetection } from "../../../support/rules-detection.ts";

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
const detection = createRulesDetection();
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

/** A request of each API with a text everywhere, and where its tool call's arguments are. */
const REQUESTS: Readonly<Record<Protocol, { body(text: string): Json; args(sent: Json): string }>> = {
  "openai-chat": {
    body: (text) => ({
      model: "m",
      messages: [
        { role: "user", content: text },
        { role: "assistant", content: null, tool_calls: [{ id: "call_1", type: "function", function: { name: "f", arguments: text } }] },
        { role: "tool", tool_call_id: "call_1", content: [{ type: "text", text }] },
      ],
    }),
    args: (sent) =>
      (sent as { messages: { tool_calls?: [{ function: { arguments: string } }] }[] }).messages[1]?.tool_calls?.[0].function.arguments ??
      "",
  },
  "openai-responses": {
    body: (text) => ({
      model: "m",
      instructions: text,
      input: [
        { role: "user", content: [{ type: "input_text", text }] },
        { type: "function_call", call_id: "call_1", name: "f", arguments: text },
        { type: "function_call_output", call_id: "call_1", output: text },
      ],
    }),
    args: (sent) => (sent as { input: { arguments?: string }[] }).input[1]?.arguments ?? "",
  },
  "anthropic-messages": {
    body: (text) => ({
      model: "m",
      system: [{ type: "text", text }],
      messages: [
        { role: "user", content: text },
        { role: "assistant", content: [{ type: "tool_use", id: "toolu_1", name: "f", input: { given: text } }] },
        { role: "user", content: [{ type: "tool_result", tool_use_id: "toolu_1", content: [{ type: "text", text }] }] },
      ],
    }),
    args: (sent) => JSON.stringify((sent as { messages: { content: [{ input: object }] }[] }).messages[1]?.content[0].input),
  },
};

const RULES: GuardRules = { mode: "mask-and-forward", classes: {}, unreadable: "block" };

describe("a request that goes to the model", () => {
  it.each(FORMATS.slice(0, 3))(
    "by $protocol holds no value in any encoding that JSON allows, and its arguments stay JSON",
    { timeout: 60_000 },
    async (format) => {
      const given = fc.constantFrom(...VALUES).chain((value) => fc.tuple(fc.constant(value), textOf(value)));
      const { body, args } = REQUESTS[format.protocol];
      await fc.assert(
        fc.asyncProperty(given, async ([value, text]) => {
          const masked = await maskRequest(body(text), format, RULES, {
            detection,
            session: sessions.open("s"),
            places: createKnownPlaces(10_000),
            unseal: () => undefined,
          });
          const sent = JSON.parse(JSON.stringify(masked.body)) as Json;
          expect(allReadings(sent).filter((reading) => reading.includes(value))).toEqual([]);
          expect(() => JSON.parse(args(sent)) as unknown).not.toThrow();
          expect(masked.redactions.size).toBeGreaterThan(0);
        }),
        { numRuns: 1_500 },
      );
    },
  );
});

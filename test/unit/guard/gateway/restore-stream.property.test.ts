import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Replacements } from "../../../../guard/gateway/restore-tree.ts";
import { readEvents } from "../../../../guard/gateway/event-stream.ts";
import { createChatEvents } from "../../../../guard/gateway/formats/openai-chat-answer.ts";
import type { JsonObject } from "../../../../mesh/contract/json.ts";

const TOKENS: Readonly<Record<string, string>> = { EMAIL_7Q4M2KXW9D: "ada@example.org", SECRET_1A2B3C4D5E: 'line\n"two"' };
const known = (token: string): string | undefined => TOKENS[token.toUpperCase()];
const replacements: Replacements = {
  text: known,
  json: (token: string) => (known(token) === undefined ? undefined : JSON.stringify(known(token)).slice(1, -1)),
  forTool: () => replacements,
};

/** What one choice said, lane by lane, and the order in which the lanes began. */
function gather(chunks: readonly JsonObject[]): Record<string, string> {
  const lanes: Record<string, string> = {};
  for (const chunk of chunks) {
    for (const { index, delta } of chunk["choices"] as {
      index: number;
      delta: { content?: string; tool_calls?: { index: number; function: { arguments: string } }[] };
    }[]) {
      if (delta.content !== undefined) lanes[`${index}`] = (lanes[`${index}`] ?? "") + delta.content;
      for (const call of delta.tool_calls ?? [])
        lanes[`${index}:${call.index}`] = (lanes[`${index}:${call.index}`] ?? "") + call.function.arguments;
    }
  }
  return lanes;
}

const cut = (text: string, lengths: readonly number[]): string[] => {
  let rest = text;
  const pieces = lengths.map((length) => {
    const piece = rest.slice(0, length);
    rest = rest.slice(length);
    return piece;
  });
  return [...pieces, rest];
};
const chunk = (index: number, delta: JsonObject, finish: string | null = null): JsonObject => ({
  id: "c",
  choices: [{ index, delta, finish_reason: finish }],
});
const argumentsOf = (call: number, piece: string): JsonObject => ({ tool_calls: [{ index: call, function: { arguments: piece } }] });

const said = fc
  .array(fc.constantFrom("EMAIL_7Q4M2KXW9D", "email\\_7q4m2kxw9d", "SECRET_1A2B3C4D5E", "EMAIL_7Q4", "SECRET", "Hello ", "_", "7"), {
    maxLength: 8,
  })
  .map((parts) => parts.join(""));
const cuts = fc.array(fc.nat(7), { maxLength: 30 });

describe("a streamed answer", () => {
  it("says the same however it is cut, text and arguments side by side, with or without an end", () => {
    fc.assert(
      fc.property(said, said, cuts, cuts, fc.boolean(), (text, value, textCuts, argumentCuts, finished) => {
        const args = JSON.stringify({ value });
        const whole = createChatEvents(replacements);
        const expected = gather([
          ...whole.push(chunk(0, { content: text })),
          ...whole.push(chunk(0, argumentsOf(0, args))),
          ...whole.end(),
        ]);
        const restorer = createChatEvents(replacements);
        const out = [
          ...cut(text, textCuts).map((piece) => chunk(0, { content: piece })),
          ...cut(args, argumentCuts).map((piece) => chunk(0, argumentsOf(0, piece))),
          ...(finished ? [chunk(0, {}, "stop")] : []),
        ].flatMap((each) => restorer.push(each));
        expect(gather([...out, ...restorer.end()])).toEqual(expected);
        expect(() => JSON.parse(expected["0:0"] ?? "") as unknown).not.toThrow();
      }),
      { numRuns: 1_000 },
    );
  });

  it("sends held text before a tool call begins and before the choice ends", () => {
    const restorer = createChatEvents(replacements);
    expect(gather(restorer.push(chunk(0, { content: "see EMAIL_7Q" })))).toEqual({ "0": "see " });
    const [before, after] = restorer.push(chunk(0, argumentsOf(0, '{"a":"EMAIL_7Q4M2')));
    expect(gather([before ?? {}])).toEqual({ "0": "EMAIL_7Q" });
    expect(gather([after ?? {}])).toEqual({ "0:0": '{"a":"' });
    const last = restorer.push(chunk(0, {}, "tool_calls"));
    expect(gather(last)).toEqual({ "0:0": "EMAIL_7Q4M2" });
    expect(last.at(-1)).toMatchObject({ choices: [{ finish_reason: "tool_calls" }] });
    expect(restorer.end()).toEqual([]);
  });

  it("restores tool calls whose arguments come in turns, however they are cut", () => {
    fc.assert(
      fc.property(said, said, cuts, cuts, (first, second, firstCuts, secondCuts) => {
        const args = [first, second].map((value) => JSON.stringify({ value }));
        const expected = createChatEvents(replacements);
        const whole = args.flatMap((text, call) => expected.push(chunk(0, argumentsOf(call, text))));
        const pieces = [cut(args[0] ?? "", firstCuts), cut(args[1] ?? "", secondCuts)];
        const restorer = createChatEvents(replacements);
        const out = Array.from({ length: Math.max(...pieces.map((each) => each.length)) }, (_, at) =>
          pieces.flatMap((each, call) => (each[at] === undefined ? [] : restorer.push(chunk(0, argumentsOf(call, each[at]))))),
        ).flat();
        expect(gather([...out, ...restorer.push(chunk(0, {}, "tool_calls"))])).toEqual(gather([...whole, ...expected.end()]));
      }),
      { numRuns: 500 },
    );
  });

  it("keeps choices apart and passes usage on", () => {
    const restorer = createChatEvents(replacements);
    const usage = { id: "c", choices: [], usage: { total_tokens: 7 } };
    const chunks = [chunk(0, { content: "EMAIL_7Q4M" }), chunk(1, { content: "EMAIL_" }), chunk(0, { content: "2KXW9D" }), usage].flatMap(
      (each) => restorer.push(each),
    );
    expect(gather([...chunks, ...restorer.end()])).toEqual({ "0": "ada@example.org", "1": "EMAIL_" });
    expect(chunks.at(-1)).toEqual(usage);
  });
});

describe("server-sent events", () => {
  it("are read alike however their bytes are cut, with any line end", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.string({ unit: "grapheme", minLength: 1 }).map((text) => JSON.stringify(text)),
          { maxLength: 6 },
        ),
        fc.constantFrom("\n", "\r\n", "\r"),
        fc.constantFrom("\n\n", "\r\n\r\n", "\r\r", "\n\r\n", "\r\n\n", "\r\r\n", "\n\r"),
        fc.array(fc.nat(6), { maxLength: 40 }),
        async (texts, end, twice, lengths) => {
          const bytes = new TextEncoder().encode(texts.map((text) => `: ping${twice}event: x${end}data: ${text}${twice}`).join(""));
          const pieces = async function* (): AsyncGenerator<Uint8Array> {
            let from = 0;
            for (const length of lengths) {
              yield bytes.slice(from, from + length);
              from += length;
            }
            yield bytes.slice(from);
          };
          expect(await Array.fromAsync(readEvents(pieces()))).toEqual(texts);
        },
      ),
      { numRuns: 300 },
    );
  });

  it("without an end are a failure of the model's server", async () => {
    const endless = async function* (): AsyncGenerator<Uint8Array> {
      for (;;) yield new Uint8Array(1_048_576).fill(0x61);
    };
    await expect(Array.fromAsync(readEvents(endless()))).rejects.toMatchObject({ code: "UPSTREAM_FAILED" });
  });
});

import type { ServerResponse } from "node:http";
import { Writable } from "node:stream";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Replacements } from "../../../../guard/gateway/restore-tree.ts";
import { NO_USAGE, type Usage } from "../../../../guard/gateway/call-routes.ts";
import { FORMATS } from "../../../../guard/gateway/formats/formats.ts";
import type { Format } from "../../../../guard/gateway/formats/format.ts";
import { relayAnswer } from "../../../../guard/gateway/relay-answer.ts";
import { UNFINISHED_TOKEN } from "../../../../guard/pseudonym/token-form.ts";
import type { JsonObject } from "../../../../mesh/contract/json.ts";
import { readStream, type ReadStream } from "../../../support/read-stream.ts";
import { SEAL, streamOf } from "../../../support/vendor-answers.ts";

const TOKENS: Readonly<Record<string, string>> = { EMAIL_7Q4M2KXW9D: "ada@example.org", PERSON_1A2B3C4D5E: 'Zoë "Z"\nŁukasz 😀' };
const known = (token: string): string | undefined => TOKENS[token.replaceAll("\\", "").toUpperCase()];
const replacements: Replacements = {
  text: known,
  json: (token: string) => (known(token) === undefined ? undefined : JSON.stringify(known(token)).slice(1, -1)),
  forTool: () => replacements,
};
const restored = (text: string): string => text.replace(/EMAIL_7Q4M2KXW9D|PERSON_1A2B3C4D5E/g, (token) => known(token) ?? "");

/** A response that keeps what is written to it. */
class Collector extends Writable {
  readonly pieces: string[] = [];
  writeHead(): this {
    return this;
  }
  flushHeaders(): void {
    // Nothing to send.
  }
  override _write(piece: Buffer, _encoding: string, done: () => void): void {
    this.pieces.push(piece.toString("utf8"));
    done();
  }
}

/** Pieces of these bytes, cut at the places given, wherever in a character or line those are. */
const cutBytes = (bytes: Uint8Array, places: readonly number[]): Uint8Array[] => {
  const ends = [...new Set(places.map((place) => place % bytes.length))].toSorted((a, b) => a - b);
  return [...ends, bytes.length].map((end, i) => bytes.slice(i === 0 ? 0 : ends[i - 1], end));
};

interface Relayed extends ReadStream {
  readonly usage: Usage;
  readonly kept: { seal: string; original: string; shown: string }[];
}

async function relay(format: Format, pieces: readonly Uint8Array[]): Promise<Relayed> {
  const response = new Collector();
  const kept: Relayed["kept"] = [];
  let usage = NO_USAGE;
  const bytes = async function* (): AsyncGenerator<Uint8Array> {
    yield* pieces;
  };
  await relayAnswer(
    { status: 200, contentType: "text/event-stream", retryAfter: undefined, bytes: bytes(), discard: async () => undefined },
    response as unknown as ServerResponse,
    {
      format,
      replacements,
      signal: new AbortController().signal,
      seals: { keep: (seal, original, shown) => void kept.push({ seal, original, shown }) },
      onUsage: (told) => {
        usage = told;
      },
    },
  );
  return { ...readStream(response.pieces.join("")), usage, kept };
}

const createEventsOf = (format: Format) => format.createEvents({ replacements, seals: { keep: () => undefined } });
const saidBy = (event: Record<string, unknown>): string => readStream(`data: ${JSON.stringify(event)}\n\n`).said.text;

const words = fc
  .array(fc.constantFrom("EMAIL_7Q4M2KXW9D", "PERSON_1A2B3C4D5E", "EMAIL_7Q4", "PERSON", "Grüße ", "_", "7", "😀", "日本"), {
    maxLength: 8,
  })
  .map((parts) => parts.join(""));
const cuts = fc.array(fc.nat(20_000), { maxLength: 60 });
const size = fc.integer({ min: 1, max: 30 });

describe.each(FORMATS.slice(0, 3))("a streamed answer of $protocol", (format) => {
  it("restores the same text, reasoning and arguments however its bytes and its deltas are cut", { timeout: 60_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(words, words, fc.boolean(), size, cuts, async (said, thinks, calls, pieceSize, places) => {
        const argumentsJson = JSON.stringify({ [said]: said, list: [said] });
        const thought = format.protocol === "openai-chat" ? {} : { thinks: `hm ${thinks}` };
        const reply = { ...(calls ? { tool: "f", argumentsJson } : { say: said }), ...thought };
        const bytes = new TextEncoder().encode(streamOf(format.path, reply, pieceSize));
        const { said: got, repeated, usage } = await relay(format, cutBytes(bytes, places));
        expect(got.text).toBe(calls ? "" : restored(said));
        expect(got.thinking).toBe("thinks" in thought ? `hm ${restored(thinks)}` : "");
        if (calls) expect(JSON.parse(got.args)).toEqual({ [restored(said)]: restored(said), list: [restored(said)] });
        for (const [lane, whole] of Object.entries(repeated)) expect(whole).toBe(got[lane as keyof typeof got]);
        expect(usage).toEqual({ input: 3, cachedInput: 2, output: 4 });
      }),
      { numRuns: 400 },
    );
  });

  it("keeps nothing back but what may be an unfinished token", () => {
    const text = "Hello EMAIL_7Q4M2KXW9D, the PERSON said EMAIL_7 and went; bye";
    const events = createEventsOf(format);
    let fed = "";
    let got = "";
    for (const event of readStream(streamOf(format.path, { say: text }, 2)).events) {
      fed += saidBy(event);
      got += events
        .push(event as JsonObject)
        .map(saidBy)
        .join("");
      const open = UNFINISHED_TOKEN.exec(fed)?.[0].length ?? 0;
      expect(got.length).toBeGreaterThanOrEqual(restored(fed.slice(0, fed.length - open)).length);
    }
    expect(got).toBe(restored(text));
  });
});

describe("a streamed response", () => {
  it("repeats its whole output restored, as valid JSON, and numbers its events without a gap", async () => {
    const format = FORMATS[1] as Format;
    const argumentsJson = JSON.stringify({ who: "PERSON_1A2B3C4D5E", cut: "EMAIL_7Q" });
    const reply = { tool: "f", argumentsJson, thinks: "of EMAIL_7Q4M2KXW9D and EMAIL_7Q" };
    const { events, kept } = await relay(format, [new TextEncoder().encode(streamOf(format.path, reply, 5))]);
    expect(events.map((event) => event["sequence_number"])).toEqual(events.map((_, i) => i));
    const { response } = events.at(-1) as { response: { output: [{ summary: [{ text: string }] }, { arguments: string }] } };
    expect(response.output[0].summary[0].text).toBe("of ada@example.org and EMAIL_7Q");
    expect(JSON.parse(response.output[1].arguments)).toEqual({ who: TOKENS["PERSON_1A2B3C4D5E"], cut: "EMAIL_7Q" });
    expect(kept[0]).toEqual({ seal: SEAL, original: "", shown: "" });
  });

  it("restores two calls whose arguments come in turns, and sends what is held before an item is done", async () => {
    const format = FORMATS[1] as Format;
    const events = ["EMAIL_7Q", "EMAIL_7Q4M", "4M2KXW9D, EMAIL_7", "2KXW9D"].map((delta, i) => ({
      type: "response.function_call_arguments.delta",
      item_id: `fc_${i % 2}`,
      output_index: i % 2,
      delta,
    }));
    const done = [0, 1].map((index) => ({ type: "response.output_item.done", output_index: index, item: { type: "function_call" } }));
    const text = [...events, ...done].map((event) => `data: ${JSON.stringify(event)}\n\n`).join("");
    const { events: out } = await relay(format, [new TextEncoder().encode(text)]);
    const said = [0, 1].map((index) =>
      out.map((event) => (event["output_index"] === index && typeof event["delta"] === "string" ? event["delta"] : "")).join(""),
    );
    expect(said).toEqual(["ada@example.org, EMAIL_7", "ada@example.org"]);
    const ofFirst = out.filter((event) => event["output_index"] === 0);
    expect(ofFirst.at(-1)).toMatchObject({ type: "response.output_item.done" });
  });
});

describe("a streamed message", () => {
  it("keeps sealed thinking as the server said it, beside what the client sees", async () => {
    const format = FORMATS[2] as Format;
    const reply = { say: "x", thinks: "of PERSON_1A2B3C4D5E" };
    const { kept, said } = await relay(format, [new TextEncoder().encode(streamOf(format.path, reply, 4))]);
    expect(kept).toEqual([{ seal: SEAL, original: "of PERSON_1A2B3C4D5E", shown: said.thinking }]);
    expect(said.thinking).toBe(`of ${TOKENS["PERSON_1A2B3C4D5E"]}`);
  });
});

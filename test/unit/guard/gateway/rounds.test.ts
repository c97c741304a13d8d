import { describe, expect, it } from "vitest";
import { createKnownPlaces } from "../../../../guard/detect/known-places.ts";
import type { Detection } from "../../../../guard/detect/detection.ts";
import type { Finding } from "../../../../guard/detect/finding.ts";
import { FORMATS } from "../../../../guard/gateway/formats/formats.ts";
import type { Format } from "../../../../guard/gateway/formats/format.ts";
import { type MaskedRequest, maskRequest } from "../../../../guard/gateway/mask-request.ts";
import { createTokenSessions } from "../../../../guard/pseudonym/token-sessions.ts";
import type { Json } from "../../../../mesh/contract/json.ts";
import { createRealClock, realRandom } from "../../../support/real-clock.ts";

const EMAIL = "ada@example.org";

/** Finds the address; in JSON text its span goes over the quotes into the next name, as a model's may. */
function findIn(text: string): Finding[] {
  const at = text.indexOf(EMAIL);
  if (at < 0) return [];
  const end = text.startsWith("{") ? text.indexOf('"', at) + 4 : at + EMAIL.length;
  return [{ start: at, end, label: "EMAIL", score: 1, detector: "test", value: text.slice(at, end) }];
}

/** Masks a chat completion in a session of its own. */
function maskWith(detection: Pick<Detection, "detect">, body: Json): Promise<MaskedRequest> {
  const sessions = createTokenSessions(
    { clock: createRealClock(), random: realRandom },
    { epochs: [{ epoch: 1, key: new Uint8Array(32).fill(7) }] },
  );
  const rules = { mode: "mask-and-forward", classes: {}, unreadable: "block" } as const;
  return maskRequest(body, FORMATS[0] as Format, rules, {
    detection,
    session: sessions.temporary(),
    places: createKnownPlaces(10_000),
    unseal: () => undefined,
  });
}

describe("a text that only masking brings up", () => {
  it("is looked through in a further round, and never goes out unseen", async () => {
    const rounds: (readonly string[])[] = [];
    const detection = {
      detect: async (texts: readonly string[]) => {
        rounds.push(texts);
        return texts.map(findIn);
      },
    };
    const args = `{"to":"${EMAIL}","cc":"x"}`;
    const call = { id: "c", type: "function", function: { name: "f", arguments: args } };
    const body = { model: "m", messages: [{ role: "assistant", content: null, tool_calls: [call] }] };
    const masked = await maskWith(detection, body);
    const sent = masked.body as typeof body;
    expect(JSON.parse(sent.messages[0]?.tool_calls[0]?.function.arguments ?? "")).toEqual({
      to: expect.stringMatching(/^EMAIL_\w{10}$/) as string,
      cc: "x",
    });
    expect(rounds).toHaveLength(2);
    expect(rounds[1]).toContain(EMAIL);
  });
});

describe("a name that can't be replaced", () => {
  /** Finds the person anywhere, and an employee's number only where a text says what it is. */
  const detect: Detection["detect"] = async (texts) =>
    texts.map((text) => {
      const found = Array.from(text.matchAll(/Anna.Schmidt|(?<=employee )E4711-0815/g));
      return found.map(({ index: start, 0: value }): Finding => {
        const label = value.startsWith("Anna") ? "PERSON" : "EMPLOYEE_ID";
        return { start, end: start + value.length, label, score: 1, detector: "test", value };
      });
    });
  const ask = (properties: object, more: object = {}): Json =>
    ({
      model: "m",
      tools: [{ type: "function", function: { name: "f", parameters: { type: "object", properties } } }],
      messages: [{ role: "user", content: "About employee E4711-0815." }],
      ...more,
    }) as Json;

  it.each([
    ["a sentence as the name of a field", ask({ "Pay of Anna Schmidt": { type: "string" } })],
    ["a sentence as a switch", ask({}, { reasoning_effort: "as Anna Schmidt wants it" })],
    ["a sentence where a text has to be", ask({}, { user: { note: "Anna Schmidt" } })],
    ["a value that only a later text explains", ask({ "E4711-0815": { type: "string" } })],
  ])("is refused where it is %s", async (_name, body) => {
    await expect(maskWith({ detect }, body)).rejects.toMatchObject({ code: "GUARD_REFUSED" });
  });

  it("goes on where only its words sound like a person's", async () => {
    const body = ask({ Anna_Schmidt: { type: "string" } });
    expect(JSON.stringify((await maskWith({ detect }, body)).body)).toContain("Anna_Schmidt");
  });

  it("is masked where it is an id", async () => {
    const body = ask({}, { messages: [{ role: "tool", tool_call_id: "call of Anna Schmidt", content: "done" }] });
    expect(JSON.stringify((await maskWith({ detect }, body)).body)).not.toContain("Anna Schmidt");
  });
});

import { describe, expect, it } from "vitest";
import type { Finding } from "../../../../guard/detect/finding.ts";
import { FORMATS } from "../../../../guard/gateway/formats/formats.ts";
import type { Format } from "../../../../guard/gateway/formats/format.ts";
import { maskRequest } from "../../../../guard/gateway/mask-request.ts";
import { createTokenSessions } from "../../../../guard/pseudonym/token-sessions.ts";
import { createRealClock, realRandom } from "../../../support/real-clock.ts";

const EMAIL = "ada@example.org";

/** Finds the address; in JSON text its span goes over the quotes into the next name, as a model's may. */
function findIn(text: string): Finding[] {
  const at = text.indexOf(EMAIL);
  if (at < 0) return [];
  const end = text.startsWith("{") ? text.indexOf('"', at) + 4 : at + EMAIL.length;
  return [{ start: at, end, label: "EMAIL", score: 1, detector: "test", value: text.slice(at, end) }];
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
    const sessions = createTokenSessions(
      { clock: createRealClock(), random: realRandom },
      { epochs: [{ epoch: 1, key: new Uint8Array(32).fill(7) }] },
    );
    const args = `{"to":"${EMAIL}","cc":"x"}`;
    const call = { id: "c", type: "function", function: { name: "f", arguments: args } };
    const body = { model: "m", messages: [{ role: "assistant", content: null, tool_calls: [call] }] };
    const rules = { mode: "mask-and-forward", classes: {}, unreadable: "block" } as const;
    const masked = await maskRequest(body, FORMATS[0] as Format, rules, {
      detection,
      session: sessions.temporary(),
      unseal: () => undefined,
    });
    const sent = masked.body as typeof body;
    expect(JSON.parse(sent.messages[0]?.tool_calls[0]?.function.arguments ?? "")).toEqual({
      to: expect.stringMatching(/^EMAIL_\w{10}$/) as string,
      cc: "x",
    });
    expect(rounds).toHaveLength(2);
    expect(rounds[1]).toContain(EMAIL);
  });
});

/** The tools of `privacy-guard` over the guard's real verbs and rules; only the socket between them is left out. */
import { describe, expect, it } from "vitest";
import type { DaemonLink } from "../../../../extensions/daemon-link.ts";
import type { ToolCall } from "../../../../extensions/define-tool.ts";
import { guardTools } from "../../../../extensions/privacy-guard/guard-tools.ts";
import { createDetector } from "../../../../guard/detect/detector.ts";
import { createGuard } from "../../../../guard/guard.ts";
import { createTokenSessions } from "../../../../guard/pseudonym/token-sessions.ts";
import { DAEMON_METHODS, type DaemonMethod } from "../../../../mesh/contract/daemon-api.ts";
import { type GuardProfile, guardProfile } from "../../../../mesh/contract/guard-policy.ts";
import { seededRandom } from "../../../support/seeded-keys.ts";
import { createVirtualClock } from "../../../support/virtual-clock.ts";

const EMAIL = "dana@example.com";
const CALL: ToolCall = { sessionId: "s1", signal: new AbortController().signal, defaultIdempotencyKey: "k" };

/** The tools by name, before a daemon's guard with this profile. */
function tools(profile: Partial<GuardProfile> = {}) {
  const detector = createDetector();
  const random = seededRandom("guard-tools");
  const guard = createGuard({
    detection: { detect: async (texts) => texts.map((text) => detector.detect(text)) },
    sessions: createTokenSessions({ clock: createVirtualClock(), random }, { epochs: [{ epoch: 1, key: random.bytes(32) }] }),
    profile: () => guardProfile.parse({ mode: "mask-and-forward", ...profile }),
  });
  const answer = async (method: DaemonMethod, given: unknown): Promise<unknown> => {
    if (method === "guard.detect") return guard.detect(DAEMON_METHODS[method].params.parse(given).text);
    if (method === "guard.process") return guard.process(DAEMON_METHODS[method].params.parse(given));
    const { masked, mapRef, sessionId } = DAEMON_METHODS["guard.restore"].params.parse(given);
    return guard.restore(masked, mapRef, sessionId);
  };
  const daemon = { call: answer, close: () => undefined } as unknown as DaemonLink;
  const all = new Map(guardTools(daemon).map((tool) => [tool.definition.name, tool]));
  return async (name: string, input: unknown, call = CALL): Promise<{ structured: Record<string, unknown>; text: string }> => {
    const tool = all.get(name);
    if (tool === undefined) throw new Error(`There is no tool ${name}.`);
    const { structured, text } = await tool.run(tool.definition.input.parse(input), call);
    return { structured: tool.definition.output.parse(structured), text };
  };
}

describe("detect", () => {
  it("answers with kinds and places, and never with the values", async () => {
    const found = await tools()("detect", { text: `Mail ${EMAIL}` });
    expect(found.structured).toMatchObject({ entities: [{ start: 5, end: 21, label: "EMAIL" }] });
    expect(JSON.stringify(found)).not.toContain(EMAIL);
  });
});

describe("process", () => {
  it("masks, and restore in the same chat gives back exactly the text", async () => {
    const run = tools();
    const { structured } = await run("process", { text: `Mail ${EMAIL}` });
    expect(structured["masked"]).toMatch(/^Mail EMAIL_[0-9A-Z]{10}$/);
    const { masked, mapRef } = structured;
    expect((await run("restore", { masked, mapRef })).structured).toEqual({ text: `Mail ${EMAIL}` });
    await expect(run("restore", { masked, mapRef }, { ...CALL, sessionId: "s2" })).rejects.toMatchObject({ code: "NOT_FOUND" });
  });

  it("can be made stricter by the caller, and says which class stood in the way but not its value", async () => {
    const refused = tools()("process", { text: `Mail ${EMAIL}`, policy: { block: ["EMAIL"] } });
    await expect(refused).rejects.toMatchObject({ code: "GUARD_REFUSED", message: expect.stringMatching(/EMAIL/) });
    await expect(refused).rejects.not.toMatchObject({ message: expect.stringContaining(EMAIL) });
  });

  it("can't be made laxer than the profile", async () => {
    const strict = tools({ classes: { EMAIL: "block" } });
    await expect(strict("process", { text: EMAIL, policy: { mask: ["EMAIL"] } })).rejects.toMatchObject({ code: "GUARD_REFUSED" });
    const relaxed = tools({ classes: { EMAIL: "off" } });
    expect((await relaxed("process", { text: EMAIL })).structured["masked"]).toBe(EMAIL);
    expect((await relaxed("process", { text: EMAIL, policy: { mask: ["EMAIL"] } })).structured["masked"]).not.toContain(EMAIL);
    for (const policy of [{ mode: "off" }, { mask: ["NOTHING"] }, { classes: {} }])
      await expect(relaxed("process", { text: EMAIL, policy })).rejects.toThrow();
  });

  it("needs a session, since nothing could be restored without one", async () => {
    const { sessionId: _none, ...call } = CALL;
    await expect(tools()("process", { text: EMAIL }, call)).rejects.toMatchObject({ code: "SESSION_UNKNOWN" });
  });
});

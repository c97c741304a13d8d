import { describe, expect, it } from "vitest";
import type { Detection } from "../../../guard/detect/detection.ts";
import { createGuard, type Guard } from "../../../guard/guard.ts";
import type { GatewayProfile } from "../../../guard/guard-rules.ts";
import { createTokenSessions } from "../../../guard/pseudonym/token-sessions.ts";
import { createRealClock } from "../../support/real-clock.ts";
import { createRulesDetection } from "../../support/rules-detection.ts";
import { createSeededRandom } from "../../support/seeded-random.ts";

const SECRET = ["AKIA", "ABCDEFGHIJKLMNOP"].join("");

function guardOf(profile: Partial<GatewayProfile> = {}, detection: Pick<Detection, "detect"> = createRulesDetection()): Guard {
  const epochs = [{ epoch: 1, key: new Uint8Array(32).fill(7) }];
  const sessions = createTokenSessions({ clock: createRealClock(), random: createSeededRandom(1) }, { epochs });
  const role: GatewayProfile = { mode: "mask-and-forward", classes: {}, unreadable: "block", unregistered: "refuse", ...profile };
  return createGuard({ detection, sessions, profile: () => role });
}

const text = "Pay DE89 3704 0044 0532 0130 00 to ada@example.org or Ada@example.org";
const part = (of: string, sessionId = "s") => ({ text: of, sessionId, before: "", after: "" });

describe("the guard's verbs", () => {
  it("detect spans, process masks and counts, restore gives the text back", async () => {
    const guard = guardOf();
    expect((await guard.detect(text)).entities.map(({ label, start, end }) => [label, start, end])).toEqual([
      ["IBAN", 4, 31],
      ["EMAIL", 35, 50],
      ["EMAIL", 54, 69],
    ]);
    const { masked, mapRef, redactions } = await guard.process(part(text));
    expect(masked).toMatch(/^Pay IBAN_\w{10} to EMAIL_\w{10} or EMAIL_\w{10}$/);
    expect(redactions).toEqual([
      { class: "EMAIL", count: 2 },
      { class: "IBAN", count: 1 },
    ]);
    expect(guard.restore(masked, mapRef, "s").text).toBe(text);
  });

  it("restore only in the session that masked", async () => {
    const guard = guardOf();
    const { masked, mapRef } = await guard.process(part("ada@example.org", "mine"));
    await guard.process(part("x", "theirs"));
    expect(() => guard.restore(masked, mapRef, "theirs")).toThrow(expect.objectContaining({ code: "GUARD_REFUSED" }));
    expect(() => guard.restore(masked, mapRef, "unknown")).toThrow(expect.objectContaining({ code: "NOT_FOUND" }));
  });

  it("process goes by the role's classes, and a caller makes it stricter but never laxer", async () => {
    const guard = guardOf({ classes: { EMAIL: "detect-only", IBAN: "block" } });
    const mail = "to ada@example.org";
    expect((await guard.process(part(mail))).masked).toBe(mail);
    expect((await guard.process({ ...part(mail), policy: { classes: { EMAIL: "mask" } } })).masked).toMatch(/^to EMAIL_/);
    await expect(guard.process({ ...part(text), policy: { classes: { IBAN: "mask" } } })).rejects.toMatchObject({
      code: "GUARD_REFUSED",
      details: { class: "IBAN" },
    });
    const secret = part(`key ${SECRET}`);
    expect((await guard.process(secret)).masked).toMatch(/^key SECRET_/);
    await expect(guard.process({ ...secret, policy: { mode: "strict" } })).rejects.toMatchObject({ details: { class: "SECRET" } });
  });

  it("process masks also where the role's calls are not masked", async () => {
    expect((await guardOf({ mode: "off" }).process(part("to ada@example.org"))).masked).toMatch(/^to EMAIL_/);
  });

  it("process looks at what stands around a text and answers the text alone", async () => {
    const guard = guardOf();
    const whole = { before: "id,birth_date\n1,", text: "1985-03-12\n2,", after: "1990-01-02\n" };
    const { masked, mapRef } = await guard.process({ ...whole, sessionId: "s" });
    expect(masked).toMatch(/^BIRTH_DATE_\w{10}\n2,$/);
    expect(guard.restore(masked, mapRef, "s").text).toBe(whole.text);
    const cut = await guard.process({ before: "write to ada@exa", text: "mple.org now", after: "", sessionId: "s" });
    expect(cut.masked).toMatch(/^EMAIL_\w{10} now$/);
  });

  it("refuse a text that could not be looked through", async () => {
    const guard = guardOf({}, { detect: async () => [] });
    await expect(guard.process(part("x"))).rejects.toMatchObject({ code: "GUARD_REFUSED" });
    await expect(guard.detect("x")).rejects.toMatchObject({ code: "GUARD_REFUSED" });
  });
});

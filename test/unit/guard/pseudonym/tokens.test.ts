import { describe, expect, it } from "vitest";
import { createTokenSessions, type TokenSessions, type TokenSessionsConfig } from "../../../../guard/pseudonym/token-sessions.ts";
import { createSeededRandom } from "../../../support/seeded-random.ts";
import { createRealClock } from "../../../support/real-clock.ts";
import type { Clock } from "../../../../mesh/contract/ports.ts";

const KEY = new Uint8Array(32).fill(7);
const EMAIL = { surface: "ada@example.org", value: "ada@example.org" };
const IBAN = { surface: "DE89 3704 0044 0532 0130 00", value: "DE89 3704 0044 0532 0130 00" };

const sessionsOf = (seed: number, config: Partial<TokenSessionsConfig> = {}, clock: Clock = createRealClock()): TokenSessions =>
  createTokenSessions({ clock, random: createSeededRandom(seed) }, { epochs: [{ epoch: 1, key: KEY }], ...config });

describe("tokens", () => {
  it("are a class and ten Crockford characters, figures and letters mixed", () => {
    const session = sessionsOf(1).open("s");
    for (let i = 0; i < 500; i += 1) {
      const token = session.tokenFor("EMAIL", { surface: `p${i}@example.org`, value: `p${i}@example.org` });
      expect(token).toMatch(/^EMAIL_(?=(?:.*\d){2})(?=(?:.*[A-Z]){2})[0-9A-HJKMNP-TV-Z]{10}$/);
    }
  });

  it("pin the wire form of a stable class", () => {
    expect(sessionsOf(1).open("s").tokenFor("EMAIL", EMAIL)).toBe("EMAIL_Q1T2QTETNN");
  });

  it("are the same on every machine with the key for e-mail, and for nothing else", () => {
    const [one, two] = [sessionsOf(1).open("s"), sessionsOf(2).open("s")];
    expect(one.tokenFor("EMAIL", EMAIL)).toBe(two.tokenFor("EMAIL", EMAIL));
    expect(one.tokenFor("IBAN", IBAN)).not.toBe(two.tokenFor("IBAN", IBAN));
    const other = createTokenSessions(
      { clock: createRealClock(), random: createSeededRandom(1) },
      { epochs: [{ epoch: 1, key: new Uint8Array(32).fill(8) }] },
    );
    expect(other.open("s").tokenFor("EMAIL", EMAIL)).not.toBe(one.tokenFor("EMAIL", EMAIL));
  });

  it("stay the same within a session, whatever the class is called later", () => {
    const session = sessionsOf(1).open("s");
    const token = session.tokenFor("PHONE", IBAN);
    expect(session.tokenFor("PHONE", IBAN)).toBe(token);
    expect(session.tokenFor("NATIONAL_ID", IBAN)).toBe(token);
  });

  it("differ for each written form of a value, and share their beginning", () => {
    const session = sessionsOf(1).open("s");
    const [lower, upper] = [
      session.tokenFor("EMAIL", EMAIL),
      session.tokenFor("EMAIL", { surface: "Ada@Example.org", value: "Ada@Example.org" }),
    ];
    expect(lower).not.toBe(upper);
    expect(lower.slice(0, -2)).toBe(upper.slice(0, -2));
    expect(session.lookup(upper)?.surface).toBe("Ada@Example.org");
  });

  it("stay apart when two written forms would share one", () => {
    const session = sessionsOf(1).open("s");
    const forms = Array.from({ length: 1 << 12 }, (_, bits) =>
      Array.from("adalovelacex", (letter, i) => ((bits >> i) & 1 ? letter.toUpperCase() : letter)).join(""),
    );
    const values = forms.slice(0, 900).map((form) => `${form}@example.org`);
    const tokens = values.map((value) => session.tokenFor("EMAIL", { surface: value, value }));
    expect(new Set(tokens).size).toBe(values.length);
    expect(tokens.map((token) => session.lookup(token)?.surface)).toEqual(values);
  });

  it("mean nothing in another session", () => {
    const sessions = sessionsOf(1);
    const token = sessions.open("a").tokenFor("EMAIL", EMAIL);
    expect(sessions.open("b").lookup(token)).toBeUndefined();
    expect(sessions.open("a").lookup(token.toLowerCase().replace("_", "\\_"))?.surface).toBe(EMAIL.surface);
  });
});

describe("sessions", () => {
  it("expire after their last use", () => {
    let now = 0;
    const sessions = sessionsOf(1, { lifetimeMs: 1_000 }, { ...createRealClock(), now: () => now });
    const token = sessions.open("a").tokenFor("IBAN", IBAN);
    now = 999;
    expect(sessions.open("a").lookup(token)).toBeDefined();
    now = 1_998;
    expect(sessions.find("a")).toBeDefined();
    now = 2_998;
    expect(sessions.find("a")).toBeUndefined();
    expect(sessions.open("a").lookup(token)).toBeUndefined();
  });

  it("give way, the one unused for longest first, when there are too many", () => {
    const sessions = sessionsOf(1, { maxSessions: 2 });
    for (const id of ["a", "b", "a", "c"]) sessions.open(id);
    expect([sessions.find("a"), sessions.find("b"), sessions.find("c")].map((session) => session !== undefined)).toEqual([
      true,
      false,
      true,
    ]);
  });

  const colleagues = { colleague: { sessions: 2, values: 100 }, colleagues: { sessions: 3, values: 100 } };
  const idsIn = (sessions: TokenSessions, ids: readonly string[]): string[] => ids.filter((id) => sessions.find(id) !== undefined);

  it("that one colleague's tasks cause drive out only each other, never a chat's or another colleague's", () => {
    const sessions = sessionsOf(1, { maxSessions: 2, colleagues });
    for (const id of ["chat 1", "chat 2"]) sessions.open(id);
    sessions.open("task of marco", { owner: "marco" });
    const flood = Array.from({ length: 20 }, (_, i) => `task ${i} of eve`);
    for (const id of flood) sessions.open(id, { owner: "eve" });
    expect(idsIn(sessions, ["chat 1", "chat 2", "task of marco", ...flood])).toEqual([
      "chat 1",
      "chat 2",
      "task of marco",
      "task 18 of eve",
      "task 19 of eve",
    ]);
  });

  it("that many colleagues cause are bounded together, and those with the most lose first", () => {
    const sessions = sessionsOf(1, { colleagues });
    for (const [id, owner] of [
      ["a1", "a"],
      ["b1", "b"],
      ["b2", "b"],
      ["c1", "c"],
    ] as const)
      sessions.open(id, { owner });
    expect(idsIn(sessions, ["a1", "b1", "b2", "c1"])).toEqual(["a1", "b2", "c1"]);
  });

  it("refuse more values than they may hold", () => {
    const session = sessionsOf(1, { maxValues: 1 }).open("s");
    session.tokenFor("EMAIL", EMAIL);
    expect(() => session.tokenFor("IBAN", IBAN)).toThrow(expect.objectContaining({ code: "GUARD_REFUSED" }));
  });

  it("need a key of 32 bytes", () => {
    expect(() => sessionsOf(1, { epochs: [{ epoch: 1, key: new Uint8Array(16) }] })).toThrow(
      expect.objectContaining({ code: "INVALID_INPUT" }),
    );
  });
});

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { normalise } from "../../../../guard/pseudonym/normalise.ts";
import { createTokenSessions, type TokenSession } from "../../../../guard/pseudonym/token-sessions.ts";
import type { TokenClass } from "../../../../guard/pseudonym/token-form.ts";
import { createRealClock } from "../../../support/real-clock.ts";
import { createSeededRandom } from "../../../support/seeded-random.ts";

const KEY = new Uint8Array(32).fill(7);

const sessionOf = (seed = 1, people?: readonly string[]): TokenSession =>
  createTokenSessions(
    { clock: createRealClock(), random: createSeededRandom(seed) },
    { epochs: [{ epoch: 1, key: KEY }], ...(people === undefined ? {} : { people }) },
  ).open("s");

/** Class and the eight characters that all forms of a value share. */
const family = (session: TokenSession, value: string, tokenClass: TokenClass = "PERSON"): string =>
  session.tokenFor(tokenClass, { surface: value, value }).slice(0, -2);

describe("a person's token family", () => {
  it("holds the full name, its capitals, the list's form, title, initial, given name and surname", () => {
    const session = sessionOf();
    const anna = family(session, "Anna Schmidt");
    for (const form of [
      "ANNA SCHMIDT",
      "Schmidt, Anna",
      "Dr. Anna Schmidt",
      "Anna",
      "Schmidt",
      "schmidt",
      "A. Schmidt",
      "Anna  Schmidt",
      "Frau Schmidt",
    ])
      expect([form, family(session, form)]).toEqual([form, anna]);
  });

  it("gives each written form a token of its own that restores exactly", () => {
    const session = sessionOf();
    const forms = ["Anna Schmidt", "ANNA SCHMIDT", "Schmidt", "Schmidt, Anna"];
    const tokens = forms.map((form) => session.tokenFor("PERSON", { surface: form, value: form }));
    expect(new Set(tokens).size).toBe(forms.length);
    expect(tokens.map((token) => session.lookup(token)?.surface)).toEqual(forms);
  });

  it("is not joined by a surname that two people have", () => {
    const session = sessionOf();
    const [anna, peter] = [family(session, "Anna Schmidt"), family(session, "Peter Schmidt")];
    const either = family(session, "Schmidt");
    expect(new Set([anna, peter, either]).size).toBe(3);
    expect(family(session, "Peter")).toBe(peter);
  });

  it("is joined by a surname that stands before its full name, once the request was told", () => {
    const session = sessionOf();
    session.meet([{ label: "PERSON", value: "Anna Schmidt" }]);
    expect(family(session, "Schmidt")).toBe(family(session, "Anna Schmidt"));
  });

  it("takes particles with the surname", () => {
    const session = sessionOf();
    const ludwig = family(session, "Ludwig van Beethoven");
    expect(family(session, "van Beethoven")).toBe(ludwig);
    expect(family(session, "Beethoven")).toBe(ludwig);
    expect(family(session, "van Gogh")).not.toBe(ludwig);
  });

  it("is found in the organisation's people where nobody in the session has the name, and only where one fits", () => {
    const people = ["Dana Okafor", "Jonas Weber", "Mia Weber"];
    const session = sessionOf(1, people);
    expect(family(session, "Okafor")).toBe(family(sessionOf(2), "Dana Okafor"));
    expect(family(session, "Weber")).not.toBe(family(sessionOf(2), "Jonas Weber"));
  });

  it("keeps diacritics and other people apart", () => {
    const session = sessionOf();
    expect(family(session, "Jörg Müller")).not.toBe(family(session, "Jorg Muller"));
    expect(family(session, "Anna Schmidt")).not.toBe(family(session, "Anna Schmid"));
  });

  it("does not join the local part of an e-mail address", () => {
    const session = sessionOf();
    expect(family(session, "anna.schmidt@example.org", "EMAIL").slice("EMAIL".length)).not.toBe(
      family(session, "Anna Schmidt").slice("PERSON".length),
    );
  });
});

describe("stable classes", () => {
  it("pin the wire form of a person, an organisation and a place", () => {
    const session = sessionOf();
    const pinned = (["PERSON", "ORG", "LOCATION"] as const).map((name) =>
      session.tokenFor(name, { surface: `Anna ${name}`, value: `Anna ${name}` }),
    );
    expect(pinned).toMatchInlineSnapshot(`
      [
        "PERSON_1GZ0K1Q61J",
        "ORG_Z9450D32P4",
        "LOCATION_NS9S14FH2A",
      ]
    `);
  });

  it("are the same on every machine with the key, and small-space ones on none", () => {
    const value = { surface: "12 High Street", value: "12 High Street" };
    const [one, two] = [sessionOf(1), sessionOf(2)];
    for (const name of ["PERSON", "ORG", "LOCATION", "EMAIL"] as const)
      expect(one.tokenFor(name, { ...value, surface: name })).toBe(two.tokenFor(name, { ...value, surface: name }));
    for (const name of ["PHONE", "ADDRESS", "NATIONAL_ID", "BIRTH_DATE", "IBAN", "CARD", "SECRET", "LITERAL"] as const)
      expect(one.tokenFor(name, { ...value, surface: name })).not.toBe(two.tokenFor(name, { ...value, surface: name }));
  });

  it("compare organisations and places without case, separators and possessives, but with their legal form", () => {
    expect(normalise("ORG", "Acme’s")).toBe(normalise("ORG", "ACME"));
    expect(normalise("ORG", "Johnson & Johnson")).toBe(normalise("ORG", "johnson  johnson"));
    expect(normalise("ORG", "Acme GmbH")).not.toBe(normalise("ORG", "Acme"));
    expect(normalise("LOCATION", "Saint-Malo")).toBe(normalise("LOCATION", "SAINT MALO"));
  });

  it("never compare to nothing", { timeout: 60_000 }, () => {
    fc.assert(
      fc.property(
        fc.constantFrom<TokenClass[]>("PERSON", "ORG", "LOCATION", "PHONE", "EMAIL"),
        fc.string({ unit: "binary", minLength: 1 }),
        (name, value) => {
          expect(normalise(name, value)).not.toBe("");
        },
      ),
    );
  });
});

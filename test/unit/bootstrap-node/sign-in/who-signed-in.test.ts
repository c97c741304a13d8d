import { describe, expect, it } from "vitest";
import { subjectOf } from "../../../../bootstrap-node/sign-in/who-signed-in.ts";
import { signInProvider } from "../../../../mesh/contract/sign-in.ts";

const provider = (subject: object) =>
  signInProvider.parse({ issuer: "https://login.harbour.example", clientId: "gaggle", subject: { claim: "email", ...subject } });
const who = (email: string, subject: object = {}): string => subjectOf({ email, email_verified: true }, provider(subject));

describe("the person that an account names", () => {
  it("is found whatever case its plain letters have", () => {
    expect(who("Kim.Berg@Harbour.example", { domain: "harbour.example" })).toBe("kim.berg");
  });

  it("is nobody where another letter only turns into a plain one: that account is another person's", () => {
    // U+212A, KELVIN SIGN, whose lower case is the letter k.
    for (const address of ["\u212Aim.berg@kontor.example", "kim.berg@\u212Aontor.example"])
      expect(() => who(address, { domain: "kontor.example" })).toThrow(expect.objectContaining({ code: "SIGN_IN_FAILED" }));
  });
});

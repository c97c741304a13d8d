import { createHmac } from "node:crypto";
import fc from "fast-check";
import { compactVerify, importJWK } from "jose";
import { describe, expect, it } from "vitest";
import { claimedKeyOf, signJws, unverifiedPayloadOf, verifyJws } from "../../../../mesh/identity/jws.ts";
import { seededSigner } from "../../../support/seeded-keys.ts";

const TYP = "gaggle-head+jws";
const signer = seededSigner("signer");
const key = signer.publicJwk;
const refused = expect.objectContaining({ code: "CREDENTIAL_INVALID" });
const part = (value: unknown): string => Buffer.from(typeof value === "string" ? value : JSON.stringify(value)).toString("base64url");

/** A JWS with any header and payload text, signed correctly by the trusted key. */
function forge(header: unknown, payload: unknown = { a: 1 }): string {
  const signed = `${part(header)}.${part(payload)}`;
  return `${signed}.${Buffer.from(signer.sign(Buffer.from(signed))).toString("base64url")}`;
}

describe("JWS", () => {
  it("gives back any payload that was signed", () => {
    fc.assert(
      fc.property(fc.jsonValue({ noUnicodeString: false }), (payload) => {
        const expected = JSON.parse(JSON.stringify(payload));
        expect(verifyJws({ jws: signJws({ typ: TYP, payload, signer }), typ: TYP, key })).toEqual(expected);
      }),
    );
  });

  it("is a JWS that jose verifies too", async () => {
    const { payload } = await compactVerify(signJws({ typ: TYP, payload: { a: 1 }, signer }), await importJWK(key, "EdDSA"));
    expect(new TextDecoder().decode(payload)).toBe('{"a":1}');
  });

  it("is refused with any character replaced, dropped or added", () => {
    const jws = signJws({ typ: TYP, payload: { seq: 7, text: "héllo" }, signer });
    const character = fc.constantFrom(...Array.from("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=+/ \n\u00e9"));
    fc.assert(
      fc.property(fc.nat(jws.length - 1), character, fc.constantFrom("replace", "drop", "add"), (at, char, how) => {
        const mutated = jws.slice(0, at) + (how === "drop" ? "" : char) + jws.slice(how === "add" ? at : at + 1);
        fc.pre(mutated !== jws);
        expect(() => verifyJws({ jws: mutated, typ: TYP, key })).toThrow(refused);
      }),
      { numRuns: 2_000 },
    );
  });

  it("is refused where it is nested too deeply, though it is signed", () => {
    const bomb = `${"[".repeat(10_000)}${"]".repeat(10_000)}`;
    const deep = expect.objectContaining({ code: "CREDENTIAL_INVALID", message: expect.stringContaining("nested too deeply") });
    const header = { alg: "EdDSA", typ: TYP, kid: signer.thumbprint };
    expect(() => verifyJws({ jws: forge(header, bomb), typ: TYP, key })).toThrow(deep);
    expect(() => unverifiedPayloadOf(forge(header, bomb))).toThrow(deep);
    expect(() => verifyJws({ jws: forge(bomb), typ: TYP, key })).toThrow(deep);
  });

  it("is refused with any single bit of any part flipped", () => {
    const parts = signJws({ typ: TYP, payload: { seq: 7 }, signer }).split(".");
    for (const [index, text] of parts.entries()) {
      const bytes = Buffer.from(text, "base64url");
      for (let bit = 0; bit < bytes.length * 8; bit++) {
        const flipped = Buffer.from(bytes);
        flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        const jws = parts.with(index, flipped.toString("base64url")).join(".");
        expect(() => verifyJws({ jws, typ: TYP, key })).toThrow(refused);
      }
    }
  });

  it("is refused with the algorithm none, with or without a signature", () => {
    const header = { alg: "none", kid: signer.thumbprint, typ: TYP };
    expect(() => verifyJws({ jws: `${part(header)}.${part({ a: 1 })}.`, typ: TYP, key })).toThrow(refused);
    expect(() => verifyJws({ jws: forge(header), typ: TYP, key })).toThrow(refused);
  });

  it("is refused with HS256 keyed by the public key", () => {
    const signed = `${part({ alg: "HS256", kid: signer.thumbprint, typ: TYP })}.${part({ a: 1 })}`;
    const mac = createHmac("sha256", Buffer.from(key.x, "base64url")).update(signed).digest("base64url");
    expect(() => verifyJws({ jws: `${signed}.${mac}`, typ: TYP, key })).toThrow(refused);
  });

  it.each([
    ["another letter case of the algorithm", { alg: "EDDSA", kid: signer.thumbprint, typ: TYP }],
    ["another type", { alg: "EdDSA", kid: signer.thumbprint, typ: "gaggle-bundle+jws" }],
    ["a crit header", { alg: "EdDSA", kid: signer.thumbprint, typ: TYP, crit: ["exp"], exp: 1 }],
    ["a key of its own", { alg: "EdDSA", kid: signer.thumbprint, typ: TYP, jwk: seededSigner("other").publicJwk }],
    ["no key id", { alg: "EdDSA", typ: TYP }],
    ["no type", { alg: "EdDSA", kid: signer.thumbprint }],
    ["another key's id", { alg: "EdDSA", kid: seededSigner("other").thumbprint, typ: TYP }],
    ["a header that is a list", []],
  ])("is refused with %s, though the signature fits", (_, header) => {
    expect(() => verifyJws({ jws: forge(header), typ: TYP, key })).toThrow(refused);
  });

  it("is accepted with exactly the header it should have (so that the refusals above mean something)", () => {
    expect(verifyJws({ jws: forge({ alg: "EdDSA", kid: signer.thumbprint, typ: TYP }), typ: TYP, key })).toEqual({ a: 1 });
  });

  it("is refused where the payload is no JSON, or no UTF-8", () => {
    const header = { alg: "EdDSA", kid: signer.thumbprint, typ: TYP };
    expect(() => verifyJws({ jws: forge(header, "not json"), typ: TYP, key })).toThrow(refused);
    const signed = `${part(header)}.${Buffer.from([0x22, 0xff, 0x22]).toString("base64url")}`;
    const jws = `${signed}.${Buffer.from(signer.sign(Buffer.from(signed))).toString("base64url")}`;
    expect(() => verifyJws({ jws, typ: TYP, key })).toThrow(refused);
  });

  it("never quotes the input in its error", () => {
    const jws = forge({ alg: "EdDSA", kid: signer.thumbprint, typ: TYP }, "top secret text");
    try {
      verifyJws({ jws, typ: TYP, key });
      expect.unreachable();
    } catch (error) {
      expect(JSON.stringify([String(error), (error as Error).cause ?? null])).not.toContain("secret");
    }
  });

  it("is refused where it is too large, and where no key is trusted", () => {
    const jws = signJws({ typ: TYP, payload: { a: "x".repeat(500) }, signer });
    expect(() => verifyJws({ jws, typ: TYP, key, maxBytes: 500 })).toThrow(refused);
    expect(() => verifyJws({ jws, typ: TYP, keys: [] })).toThrow(refused);
    expect(() => verifyJws({ jws, typ: TYP })).toThrow(refused);
  });

  it("is verified by the one of several keys that signed it", () => {
    const keys = [seededSigner("one").publicJwk, key, seededSigner("two").publicJwk];
    expect(verifyJws({ jws: signJws({ typ: TYP, payload: 1, signer }), typ: TYP, keys })).toBe(1);
  });

  it("tells the claimed key and payload without trusting them", () => {
    const jws = signJws({ typ: TYP, payload: { a: 1 }, signer });
    const [head, body] = jws.split(".");
    const forged = `${head}.${body}.${Buffer.alloc(64).toString("base64url")}`;
    expect(claimedKeyOf(forged)).toBe(signer.thumbprint);
    expect(unverifiedPayloadOf(forged)).toEqual({ a: 1 });
    expect(() => verifyJws({ jws: forged, typ: TYP, key })).toThrow(refused);
  });
});

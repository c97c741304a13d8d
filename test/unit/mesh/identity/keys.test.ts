import { createPublicKey, verify } from "node:crypto";
import { calculateJwkThumbprint } from "jose";
import { describe, expect, it } from "vitest";
import { agentId } from "../../../../mesh/contract/ids.ts";
import {
  agentIdOf,
  createSigner,
  generateAgentKeys,
  generateSigningKey,
  jwkOfAgentId,
  publicJwkOf,
  thumbprintOf,
} from "../../../../mesh/identity/keys.ts";
import { orgIdOf } from "../../../../mesh/identity/org-id.ts";
import { orgId } from "../../../../mesh/contract/ids.ts";
import { seededRandom, seededSigner } from "../../../support/seeded-keys.ts";

describe("keys", () => {
  it("makes the same keys from the same randomness and other keys from other randomness", () => {
    expect(generateAgentKeys(seededRandom("a"))).toEqual(generateAgentKeys(seededRandom("a")));
    expect(generateAgentKeys(seededRandom("a")).sign.d).not.toBe(generateAgentKeys(seededRandom("b")).sign.d);
  });

  it("derives the public key of RFC 8032, test 1", () => {
    const seed = Uint8Array.from(Buffer.from("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60", "hex"));
    const key = generateSigningKey({ bytes: () => seed });
    expect(Buffer.from(key.x, "base64url").toString("hex")).toBe("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
  });

  it("signs so that node:crypto verifies it", () => {
    const signer = seededSigner("a");
    const data = Buffer.from("hello");
    expect(verify(null, data, createPublicKey({ key: { ...signer.publicJwk }, format: "jwk" }), signer.sign(data))).toBe(true);
  });

  it("gives the RFC 7638 thumbprint that jose gives", async () => {
    const { publicJwk, thumbprint } = seededSigner("a");
    expect(thumbprint).toBe(await calculateJwkThumbprint(publicJwk));
    expect(thumbprintOf(publicJwk)).toBe(thumbprint);
  });

  it("goes from a key to its agent id and back", () => {
    const { publicJwk } = seededSigner("a");
    expect(agentId.safeParse(agentIdOf(publicJwk)).success).toBe(true);
    expect(jwkOfAgentId(agentIdOf(publicJwk))).toEqual(publicJwk);
  });

  it("refuses an agent id that holds no Ed25519 key", () => {
    expect(() => jwkOfAgentId("12D3KooW")).toThrow(expect.objectContaining({ code: "CREDENTIAL_INVALID" }));
    expect(() => jwkOfAgentId("QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N")).toThrow(
      expect.objectContaining({ code: "CREDENTIAL_INVALID" }),
    );
  });

  it("refuses to sign with a private key whose public part is another's", () => {
    const key = generateSigningKey(seededRandom("a"));
    const other = generateSigningKey(seededRandom("b"));
    expect(() => createSigner({ ...key, x: other.x })).toThrow(expect.objectContaining({ code: "CREDENTIAL_INVALID" }));
  });

  it("keeps nothing secret in the public part", () => {
    const { sign, seal } = generateAgentKeys(seededRandom("a"));
    expect(Object.keys(publicJwkOf(sign)).sort()).toEqual(["crv", "kty", "x"]);
    expect(publicJwkOf(seal)).toEqual({ kty: "OKP", crv: "X25519", x: seal.x });
  });

  it("derives an organisation id of the contract's form, another for another root", () => {
    const ids = ["a", "b"].map((seed) => orgIdOf(seededSigner(seed).thumbprint));
    for (const id of ids) expect(orgId.safeParse(id).success).toBe(true);
    expect(ids[0]).not.toBe(ids[1]);
  });
});

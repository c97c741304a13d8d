import { describe, expect, it } from "vitest";
import { CLOCK_LEEWAY_MS, CREDENTIAL_LIFETIME_MS } from "../../../../mesh/contract/limits.ts";
import { signJws } from "../../../../mesh/identity/jws.ts";
import { agentIdOf, createSigner, generateAgentKeys, publicJwkOf, thumbprintOf } from "../../../../mesh/identity/keys.ts";
import { issueMembership, type MembershipTrust, verifyMembership } from "../../../../mesh/identity/membership.ts";
import { orgIdOf } from "../../../../mesh/identity/org-id.ts";
import { seededRandom, seededSigner } from "../../../support/seeded-keys.ts";

const NOW = Date.parse("2026-11-02T08:00:00Z");
const issuer = seededSigner("issuer");
const org = orgIdOf(seededSigner("root").thumbprint);
const keys = generateAgentKeys(seededRandom("agent"));
const agentId = agentIdOf(keys.sign);
const other = agentIdOf(generateAgentKeys(seededRandom("other")).sign);
const member = { subject: "fiona.berg", role: "finance", department: "finance", agentId, seal: publicJwkOf(keys.seal) };
const manifest: MembershipTrust = { org, issuers: [issuer.publicJwk], revocations: { seq: 0, agents: [], subjects: [], keys: [] } };
const random = seededRandom("jti");
const jwt = issueMembership({ org, member, signer: issuer, nowMs: NOW, random });
const code = (name: string) => expect.objectContaining({ code: name });
const revoking = (change: Partial<MembershipTrust["revocations"]>): MembershipTrust => ({
  ...manifest,
  revocations: { ...manifest.revocations, ...change },
});

/** A credential with any claims, signed by the trusted issuer. */
const withClaims = (change: Record<string, unknown>): string => {
  const claims = verifyMembership({ jwt, manifest, nowMs: NOW });
  return signJws({ typ: "gaggle-membership+jwt", payload: { ...claims, ...change }, signer: issuer });
};

describe("membership credentials", () => {
  it("say who the agent is, and are bound to its key", () => {
    const claims = verifyMembership({ jwt, manifest, nowMs: NOW, agentId });
    expect(claims).toMatchObject({ iss: org, sub: "fiona.berg", role: "finance", agent: agentId, cnf: { jkt: thumbprintOf(keys.sign) } });
    expect((claims.exp - claims.iat) * 1000).toBe(CREDENTIAL_LIFETIME_MS);
  });

  it("can't be issued for longer than 36 hours", () => {
    const long = issueMembership({ org, member, signer: issuer, nowMs: NOW, random, lifetimeMs: CREDENTIAL_LIFETIME_MS * 2 });
    const { iat, exp } = verifyMembership({ jwt: long, manifest, nowMs: NOW });
    expect((exp - iat) * 1000).toBe(CREDENTIAL_LIFETIME_MS);
  });

  it("are refused for another agent than the one they are bound to", () => {
    expect(() => verifyMembership({ jwt, manifest, nowMs: NOW, agentId: other })).toThrow(code("CREDENTIAL_INVALID"));
    expect(() => verifyMembership({ jwt: withClaims({ agent: other }), manifest, nowMs: NOW })).toThrow(code("CREDENTIAL_INVALID"));
  });

  it("are refused from an issuer that the bundle does not name", () => {
    const forged = issueMembership({ org, member, signer: seededSigner("stranger"), nowMs: NOW, random });
    expect(() => verifyMembership({ jwt: forged, manifest, nowMs: NOW })).toThrow(code("CREDENTIAL_INVALID"));
  });

  it("are refused from another organisation", () => {
    const foreign = withClaims({ iss: orgIdOf(seededSigner("elsewhere").thumbprint) });
    expect(() => verifyMembership({ jwt: foreign, manifest, nowMs: NOW })).toThrow(code("NOT_A_MEMBER"));
  });

  it("expire, with a leeway of 120 seconds", () => {
    const end = NOW + CREDENTIAL_LIFETIME_MS + CLOCK_LEEWAY_MS;
    expect(verifyMembership({ jwt, manifest, nowMs: end }).sub).toBe("fiona.berg");
    expect(() => verifyMembership({ jwt, manifest, nowMs: end + 1 })).toThrow(code("CREDENTIAL_EXPIRED"));
  });

  it("from the future are refused as clock skew, with a leeway of 120 seconds", () => {
    expect(verifyMembership({ jwt, manifest, nowMs: NOW - CLOCK_LEEWAY_MS }).sub).toBe("fiona.berg");
    expect(() => verifyMembership({ jwt, manifest, nowMs: NOW - CLOCK_LEEWAY_MS - 1 })).toThrow(code("CLOCK_SKEW"));
  });

  it("with a lifetime longer than allowed are refused, also from a trusted issuer", () => {
    const exp = Math.floor((NOW + CREDENTIAL_LIFETIME_MS) / 1000) + 1;
    expect(() => verifyMembership({ jwt: withClaims({ exp }), manifest, nowMs: NOW })).toThrow(code("CREDENTIAL_INVALID"));
  });

  it.each([
    ["agent", { agents: [agentId] }],
    ["person", { subjects: ["fiona.berg"] }],
    ["agent's key", { keys: [thumbprintOf(keys.sign)] }],
    ["issuer key", { keys: [issuer.thumbprint] }],
  ])("are refused once the %s is revoked", (_, change) => {
    expect(() => verifyMembership({ jwt, manifest: revoking(change), nowMs: NOW })).toThrow(code("REVOKED"));
  });

  it("are refused where they are another kind of signed object, or lack claims", () => {
    const claims = verifyMembership({ jwt, manifest, nowMs: NOW });
    const wrongTyp = signJws({ typ: "gaggle-head+jws", payload: claims, signer: issuer });
    expect(() => verifyMembership({ jwt: wrongTyp, manifest, nowMs: NOW })).toThrow(code("CREDENTIAL_INVALID"));
    expect(() => verifyMembership({ jwt: withClaims({ cnf: {} }), manifest, nowMs: NOW })).toThrow(code("CREDENTIAL_INVALID"));
    expect(createSigner(keys.sign).thumbprint).toBe(claims.cnf.jkt);
  });
});

import { describe, expect, it } from "vitest";
import { CLOCK_LEEWAY_MS, PROOF_LIFETIME_MS } from "../../../../mesh/contract/limits.ts";
import { signJws } from "../../../../mesh/identity/jws.ts";
import { agentIdOf } from "../../../../mesh/identity/keys.ts";
import { orgIdOf } from "../../../../mesh/identity/org-id.ts";
import { createProof, type ProvenCall, verifyProof } from "../../../../mesh/identity/proof.ts";
import { seededRandom, seededSigner } from "../../../support/seeded-keys.ts";

const NOW = Date.parse("2026-11-02T08:00:00Z");
const signer = seededSigner("agent");
const call: ProvenCall = { org: orgIdOf(seededSigner("root").thumbprint), method: "POST", path: "/api/v1/token", body: { a: 1 } };
const jwt = createProof({ call, signer, nowMs: NOW, random: seededRandom("jti") });
const code = (name: string) => expect.objectContaining({ code: name });

describe("proof of the agent key", () => {
  it("names the agent whose key signed it", () => {
    expect(verifyProof({ jwt, call, nowMs: NOW }).agent).toBe(agentIdOf(signer.publicJwk));
  });

  it.each([
    ["organisation", { org: orgIdOf(seededSigner("elsewhere").thumbprint) }],
    ["method", { method: "GET" as const }],
    ["path", { path: "/api/v1/join" }],
    ["body", { body: { a: 2 } }],
  ])("is refused for another %s", (_, change) => {
    expect(() => verifyProof({ jwt, call: { ...call, ...change }, nowMs: NOW })).toThrow(code("CREDENTIAL_INVALID"));
  });

  it("is refused in another agent's name", () => {
    const claims = verifyProof({ jwt, call, nowMs: NOW });
    const forged = signJws({ typ: "gaggle-proof+jwt", payload: claims, signer: seededSigner("thief") });
    expect(() => verifyProof({ jwt: forged, call, nowMs: NOW })).toThrow(code("CREDENTIAL_INVALID"));
  });

  it("lives a minute, and the clocks may differ by the leeway", () => {
    const end = NOW + PROOF_LIFETIME_MS + CLOCK_LEEWAY_MS;
    expect(verifyProof({ jwt, call, nowMs: end }).htu).toBe("/api/v1/token");
    expect(() => verifyProof({ jwt, call, nowMs: end + 1 })).toThrow(code("CLOCK_SKEW"));
    expect(() => verifyProof({ jwt, call, nowMs: NOW - CLOCK_LEEWAY_MS - 1 })).toThrow(code("CLOCK_SKEW"));
  });

  it("that was made to live longer is refused", () => {
    const claims = verifyProof({ jwt, call, nowMs: NOW });
    const long = signJws({ typ: "gaggle-proof+jwt", payload: { ...claims, exp: claims.iat + 3_600 }, signer });
    expect(() => verifyProof({ jwt: long, call, nowMs: NOW })).toThrow(code("CREDENTIAL_INVALID"));
  });
});

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createInvitation, parseInvitation, verifyInvitation } from "../../../../mesh/identity/invitation.ts";
import { signJws } from "../../../../mesh/identity/jws.ts";
import { orgIdOf } from "../../../../mesh/identity/org-id.ts";
import { seededRandom, seededSigner } from "../../../support/seeded-keys.ts";

const NOW = Date.parse("2026-11-02T08:00:00Z");
const DAY_MS = 86_400_000;
const root = seededSigner("root");
const admin = seededSigner("admin");
const org = orgIdOf(root.thumbprint);
const manifest = { org, admins: [admin.publicJwk], revocations: { seq: 0, agents: [], subjects: [], keys: [] as string[] } };
const request = {
  baseUrl: "http://127.0.0.1:4870/",
  org,
  role: "finance",
  subject: "fiona.berg",
  rootFingerprint: root.thumbprint,
  pseudonymEpoch: 1,
  pseudonymKey: Buffer.alloc(32, 7).toString("base64url"),
  signer: admin,
  nowMs: NOW,
  random: seededRandom("jti"),
};
const link = createInvitation(request);
const code = (message = "") => expect.objectContaining({ code: "INVITATION_INVALID", message: expect.stringContaining(message) });

describe("invitations", () => {
  it("carry the bootstrap node's address, the root's fingerprint and who is invited, all but the address in the fragment", () => {
    const { baseUrl, claims, secret } = parseInvitation(link);
    expect(baseUrl).toBe("http://127.0.0.1:4870");
    expect(claims).toMatchObject({ org, role: "finance", sub: "fiona.berg" });
    expect(secret.rootFingerprint).toBe(root.thumbprint);
    expect(new URL(link).pathname + new URL(link).search).toBe("/join");
  });

  it("are valid for the admin's organisation until they expire", () => {
    const { jws } = parseInvitation(link).secret;
    expect(verifyInvitation({ jws, manifest, nowMs: NOW + 7 * DAY_MS }).sub).toBe("fiona.berg");
    expect(() => verifyInvitation({ jws, manifest, nowMs: NOW + 7 * DAY_MS + 1_000 })).toThrow(code("expired"));
    expect(() => verifyInvitation({ jws, manifest, nowMs: NOW - 121_000 })).toThrow(code("from the future"));
  });

  it("by anyone but an admin are refused", () => {
    const { jws } = parseInvitation(createInvitation({ ...request, signer: seededSigner("thief") })).secret;
    expect(() => verifyInvitation({ jws, manifest, nowMs: NOW })).toThrow(code("not signed by an admin"));
  });

  it("by a revoked admin key are refused", () => {
    const { jws } = parseInvitation(link).secret;
    const revoked = { ...manifest, revocations: { ...manifest.revocations, keys: [admin.thumbprint] } };
    expect(() => verifyInvitation({ jws, manifest: revoked, nowMs: NOW })).toThrow(code("revoked"));
  });

  it("for another organisation, or of another kind, are refused", () => {
    const elsewhere = parseInvitation(createInvitation({ ...request, org: orgIdOf(seededSigner("elsewhere").thumbprint) })).secret.jws;
    expect(() => verifyInvitation({ jws: elsewhere, manifest, nowMs: NOW })).toThrow(code("another organisation"));
    const otherKind = signJws({ typ: "gaggle-head+jws", payload: parseInvitation(link).claims, signer: admin });
    expect(() => verifyInvitation({ jws: otherKind, manifest, nowMs: NOW })).toThrow(code());
  });

  it("over plain http to another machine are neither made nor read", () => {
    expect(() => createInvitation({ ...request, baseUrl: "http://gaggle.example:4870" })).toThrow(code("https"));
    expect(() => parseInvitation(link.replace("127.0.0.1:4870", "10.0.0.5:4870"))).toThrow(code("https"));
    expect(parseInvitation(createInvitation({ ...request, baseUrl: "https://gaggle.example" })).baseUrl).toBe("https://gaggle.example");
  });

  it("that are damaged anywhere are refused with one clear code, never a crash", () => {
    fc.assert(
      fc.property(fc.nat(link.length - 1), fc.string({ maxLength: 3 }), (at, text) => {
        const damaged = link.slice(0, at) + text + link.slice(at + 1);
        try {
          const { secret, claims } = parseInvitation(damaged);
          // Damage that leaves a readable link must not leave a forged one: the signed part is as it was, or refused.
          if (secret.jws !== parseInvitation(link).secret.jws)
            expect(() => verifyInvitation({ jws: secret.jws, manifest, nowMs: NOW })).toThrow(code());
          else expect(claims).toEqual(parseInvitation(link).claims);
        } catch (error) {
          expect(error).toEqual(code());
        }
      }),
    );
    expect(() => parseInvitation("https://gaggle.example/join")).toThrow(code());
    expect(() => parseInvitation("x".repeat(9_000))).toThrow(code());
  });
});

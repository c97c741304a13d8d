import { describe, expect, it } from "vitest";
import type { BundleTrust } from "../../../../profiles/bundle/sign-bundle.ts";
import { BUNDLE_LIFETIME_MS, CLOCK_LEEWAY_MS } from "../../../../mesh/contract/limits.ts";
import { SIGN_IN_FILE, signInProvider } from "../../../../mesh/contract/sign-in.ts";
import { agentIdOf } from "../../../../mesh/identity/keys.ts";
import { signInNonce, verifySignInStatement } from "../../../../mesh/identity/sign-in.ts";
import { verifyBundle } from "../../../../profiles/bundle/verify.ts";
import { seededSigner } from "../../../support/seeded-keys.ts";
import { createTestOrganisation, testSources } from "../../../support/test-organisation.ts";

const NOW = Date.parse("2026-11-02T08:00:00Z");
const organisation = createTestOrganisation();
const signIn = signInProvider.parse({ issuer: "https://id.harbour.example", clientId: "gaggle" });
const sources = { ...testSources(), signIn };
const sign = (version: number, nowMs = NOW, trust: Partial<BundleTrust> = {}) =>
  organisation.sign("marketing", { version, nowMs, sources, trust });
const expected = { org: organisation.org, rootFingerprint: organisation.root.thumbprint, nowMs: NOW };
const bundle = sign(3);
const statement = bundle.files[SIGN_IN_FILE] ?? "";
const code = (name: string) => expect.objectContaining({ code: name });

describe("what the root key says about signing in", () => {
  it("is the same in every role's bundle, and shows strangers the provider and nothing else", () => {
    const said = verifySignInStatement({ jws: statement, ...expected });
    expect(said.provider).toEqual(signIn);
    expect(Object.keys(said).sort()).toEqual(["expiresAt", "issuedAt", "org", "provider", "root", "v", "version"]);
    expect(organisation.sign("finance", { version: 3, nowMs: NOW, sources }).files[SIGN_IN_FILE]).toBe(statement);
    expect(verifyBundle({ bundle, ...expected, role: "marketing", minVersion: 1 }).signIn).toEqual({ provider: signIn, statement });
  });

  it("is believed from the pinned root key alone, for its organisation, in its time", () => {
    const verify = (change: object) => () => verifySignInStatement({ jws: statement, ...expected, ...change });
    expect(verify({ rootFingerprint: organisation.admin.thumbprint })).toThrow(code("BUNDLE_SIGNATURE"));
    expect(verify({ org: `org_${"a".repeat(26)}` })).toThrow(code("BUNDLE_MISMATCH"));
    expect(verify({ nowMs: NOW + BUNDLE_LIFETIME_MS })).toThrow(code("BUNDLE_EXPIRED"));
    expect(verify({ nowMs: NOW - CLOCK_LEEWAY_MS - 1 })).toThrow(code("CLOCK_SKEW"));
    const [head, body = "", mac] = statement.split(".");
    const evil = Buffer.from(body, "base64url").toString().replace("id.harbour.example", "id.evil.example1");
    expect(verify({ jws: [head, Buffer.from(evil).toString("base64url"), mac].join(".") })).toThrow(code("BUNDLE_SIGNATURE"));
    expect(verify({ jws: bundle.manifest })).toThrow(code("BUNDLE_SIGNATURE"));
    expect(verify({ jws: "x" })).toThrow(code("BUNDLE_SIGNATURE"));
  });

  it("can't be put into another bundle, nor be left out of its own", () => {
    const verify = (files: Record<string, string>) => () =>
      verifyBundle({ bundle: { manifest: bundle.manifest, files }, ...expected, role: "marketing", minVersion: 1 });
    const older = sign(2).files[SIGN_IN_FILE] ?? "";
    expect(verify({ ...bundle.files, [SIGN_IN_FILE]: older })).toThrow(code("BUNDLE_SIGNATURE"));
    const { [SIGN_IN_FILE]: _, ...without } = bundle.files;
    expect(verify(without)).toThrow(code("BUNDLE_SIGNATURE"));
  });

  it("is not signed for a group that lets a role in which is not there", () => {
    const groups = { claim: "groups", roles: { staff: ["sailor"] } };
    const wrong = { ...sources, signIn: { ...signIn, groups } };
    expect(() => organisation.sign("marketing", { version: 3, nowMs: NOW, sources: wrong })).toThrow("names the role sailor");
  });

  it("names no provider by plain HTTP, no symmetric algorithm and no redirect to another machine", () => {
    const parse = (change: object) => signInProvider.safeParse({ issuer: "https://id.example", clientId: "g", ...change }).success;
    expect(parse({})).toBe(true);
    for (const change of [
      { issuer: "http://id.example" },
      { issuer: "https://user:secret@id.example" },
      { issuer: "file:///etc" },
      { issuer: "https://169.254.169.254" },
      { algorithms: ["HS256"] },
      { algorithms: ["none"] },
      { algorithms: [] },
      { redirectUri: "http://10.0.0.1/callback" },
      { redirectUri: "https://127.0.0.1/callback" },
      { days: 31 },
      { scopes: ["openid", "open id"] },
      { scopes: ["profile"] },
      { unknown: true },
    ])
      expect(parse(change), JSON.stringify(change)).toBe(false);
  });
});

describe("the nonce", () => {
  it("is another for each challenge and each agent key", () => {
    const [a, b] = ["a", "b"].map((name) => agentIdOf(seededSigner(name).publicJwk));
    const nonces = [signInNonce("1", a ?? ""), signInNonce("2", a ?? ""), signInNonce("1", b ?? "")];
    expect(new Set(nonces).size).toBe(3);
    expect(nonces[0]).toMatch(/^[0-9a-f]{64}$/);
  });
});

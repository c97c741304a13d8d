import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { SignedBundle } from "../../../../mesh/contract/bundle.ts";
import { guardLists } from "../../../../mesh/contract/guard-policy.ts";
import { sha256Hex } from "../../../../mesh/contract/json.ts";
import { BUNDLE_LIFETIME_MS, CLOCK_LEEWAY_MS } from "../../../../mesh/contract/limits.ts";
import { modelPolicy } from "../../../../mesh/contract/model-policy.ts";
import { signJws, unverifiedPayloadOf } from "../../../../mesh/identity/jws.ts";
import { verifyBundle } from "../../../../profiles/bundle/verify.ts";
import { createTestOrganisation, testSources } from "../../../support/test-organisation.ts";
import { seededSigner } from "../../../support/seeded-keys.ts";

const NOW = Date.parse("2026-11-02T08:00:00Z");
const organisation = createTestOrganisation();
const bundle = organisation.sign("marketing", { version: 3, nowMs: NOW });
const expectation = { rootFingerprint: organisation.root.thumbprint, org: organisation.org, role: "marketing", nowMs: NOW, minVersion: 1 };
const verify = (candidate: unknown, change: Partial<typeof expectation> = {}) =>
  verifyBundle({ bundle: candidate, ...expectation, ...change });
const code = (name: string) => expect.objectContaining({ code: name });

/** A bundle whose manifest was changed and signed again by the real root key. */
const resigned = (change: Record<string, unknown>, files: SignedBundle["files"] = bundle.files): SignedBundle => ({
  manifest: signJws({
    typ: "gaggle-bundle+jws",
    payload: { ...(unverifiedPayloadOf(bundle.manifest) as object), ...change },
    signer: organisation.root,
  }),
  files,
});

describe("a profile bundle", () => {
  it("is accepted as signed, with its parts parsed and its recipes byte for byte", () => {
    const verified = verify(bundle);
    expect(verified.manifest).toMatchObject({ role: "marketing", version: 3, orgName: "Harbour Lamps" });
    expect(verified.profile.skills[0]?.id).toBe("accruals");
    expect(verified.orgChart).toHaveLength(3);
    expect(verified.policy.policies.map(({ id }) => id)).toEqual(["ask-accruals", "call-the-api", "export-audit"]);
    expect(verified.text("recipes/marketing/accruals.yaml")).toBe(testSources().recipes["recipes/marketing/accruals.yaml"]);
    expect(verified.text("goosehints.md")).toBe("You work for marketing.\n");
    expect(() => verified.text("recipes/finance/close.yaml")).toThrow(code("NOT_FOUND"));
    expect(() => verified.text("toString")).toThrow(code("NOT_FOUND"));
  });

  it("is refused where its manifest is nested without end, though the root key signed it", () => {
    const files = Array.from({ length: 5_000 }).reduce<unknown>((inner) => ({ inner }), 1);
    expect(() => verify(resigned({ files }))).toThrow(
      expect.objectContaining({
        code: "BUNDLE_SIGNATURE",
        cause: expect.objectContaining({ message: expect.stringContaining("nested too deeply") }),
      }),
    );
  });

  it("knows the people of the org chart by login and name, beside the organisation's own denied values", () => {
    const deny = [{ class: "ORG" as const, values: ["Project Aurora"] }];
    const sources = { ...testSources(), guardLists: guardLists.parse({ v: 1, allow: ["Harbour Lamps"], deny }) };
    const { guardLists: lists } = verify(organisation.sign("marketing", { version: 3, nowMs: NOW, sources }));
    const people = ["edward.lindqvist", "Edward Lindqvist", "fiona.berg", "Fiona Berg", "marco.diaz", "Marco Diaz"];
    expect(lists.deny).toEqual([...deny, { class: "PERSON", values: people }]);
    expect(lists.allow).toEqual(["Harbour Lamps"]);
  });

  it("from before there were lists and a model policy has empty ones", () => {
    const without = Object.fromEntries(Object.entries(bundle.files).filter(([path]) => !/^(guard|models)\.json$/.test(path)));
    const files = Object.fromEntries(Object.entries(without).map(([path, text]) => [path, sha256Hex(text)]));
    const verified = verify(resigned({ files }, without));
    expect(verified.modelPolicy).toEqual(modelPolicy.parse({ v: 1 }));
    expect(verified.guardLists).toMatchObject({ allow: [], columns: [], patterns: [] });
  });

  it.each(["guard.json", "models.json"])("with a %s that is none is refused", (path) => {
    const text = '{"v":2}';
    const files = { ...bundle.files, [path]: text };
    const manifest = { ...(unverifiedPayloadOf(bundle.manifest) as { files: object }).files, [path]: sha256Hex(text) };
    expect(() => verify(resigned({ files: manifest }, files))).toThrow(code("BUNDLE_SIGNATURE"));
  });

  it.each([
    ["nothing at all", undefined],
    ["no manifest", { files: bundle.files }],
    ["an empty manifest", { ...bundle, manifest: "" }],
    ["a manifest without a signature", { ...bundle, manifest: `${bundle.manifest.split(".").slice(0, 2).join(".")}.` }],
    ["something beside manifest and files", { ...bundle, extra: 1 }],
  ])("that is unsigned is refused: %s", (_, candidate) => {
    expect(() => verify(candidate)).toThrow(code("BUNDLE_SIGNATURE"));
  });

  it.each([
    ["a field of a later version", { moreThanIsKnown: true }],
    ["a field of a later version deep in it", { revocations: { seq: 0, agents: [], subjects: [], keys: [], later: [] } }],
    ["another version of its form", { v: 2 }],
  ])("with %s is told apart from a forged one where the root has signed it, and is taken in no part", (_, change) => {
    expect(() => verify(resigned(change))).toThrow(code("BUNDLE_NEWER"));
    const { manifest } = resigned(change);
    expect(() => verify({ ...bundle, manifest: `${manifest.slice(0, -4)}AAAA` })).toThrow(code("BUNDLE_SIGNATURE"));
    expect(() => verify(resigned({ ...change, issuers: [] }))).toThrow(code("BUNDLE_SIGNATURE"));
  });

  it("by another key is refused, whatever root it names", () => {
    const thief = seededSigner("thief");
    expect(() => verify(organisation.sign("marketing", { version: 9, nowMs: NOW, root: thief }))).toThrow(code("BUNDLE_SIGNATURE"));
    const payload = unverifiedPayloadOf(bundle.manifest);
    const manifest = signJws({ typ: "gaggle-bundle+jws", payload, signer: { ...thief, thumbprint: organisation.root.thumbprint } });
    expect(() => verify({ ...bundle, manifest })).toThrow(code("BUNDLE_SIGNATURE"));
  });

  it("signed by the root for another purpose is refused", () => {
    const manifest = signJws({ typ: "gaggle-head+jws", payload: unverifiedPayloadOf(bundle.manifest), signer: organisation.root });
    expect(() => verify({ ...bundle, manifest })).toThrow(code("BUNDLE_SIGNATURE"));
  });

  it("is refused with any character of any file or of the manifest changed", () => {
    const paths = Object.keys(bundle.files);
    fc.assert(
      fc.property(fc.constantFrom("manifest", ...paths), fc.nat(), fc.string({ minLength: 1, maxLength: 1 }), (where, position, char) => {
        const text = where === "manifest" ? bundle.manifest : (bundle.files[where] ?? "");
        const at = position % text.length;
        const changed = text.slice(0, at) + char + text.slice(at + 1);
        fc.pre(changed !== text);
        const candidate =
          where === "manifest" ? { ...bundle, manifest: changed } : { ...bundle, files: { ...bundle.files, [where]: changed } };
        expect(() => verify(candidate)).toThrow(code("BUNDLE_SIGNATURE"));
      }),
      { numRuns: 300 },
    );
  });

  it("is refused with a file missing, added, or moved", () => {
    const { "goosehints.md": hints = "", ...rest } = bundle.files;
    expect(() => verify({ ...bundle, files: rest })).toThrow(code("BUNDLE_SIGNATURE"));
    expect(() => verify({ ...bundle, files: { ...bundle.files, "more.md": "x" } })).toThrow(code("BUNDLE_SIGNATURE"));
    expect(() => verify({ ...bundle, files: { ...rest, "other.md": hints } })).toThrow(code("BUNDLE_SIGNATURE"));
  });

  it.each(["../evil", "/etc/passwd", "a/../../b", "a//b", "a\\b", ".hidden", "a/.git/config", "C:/x", ""])(
    "with the path %j is refused, also when the root signed it",
    (path) => {
      const files = { ...bundle.files, [path]: "x" };
      const hashes = Object.fromEntries(Object.entries(files).map(([name, text]) => [name, sha256Hex(text)]));
      expect(() => verify(resigned({ files: hashes }, files))).toThrow(code("BUNDLE_SIGNATURE"));
    },
  );

  it("of another organisation or role is refused", () => {
    const other = createTestOrganisation("other");
    expect(() => verify(other.sign("marketing", { version: 3, nowMs: NOW }))).toThrow(code("BUNDLE_SIGNATURE"));
    expect(() => verify(resigned({ org: other.org }))).toThrow(code("BUNDLE_MISMATCH"));
    expect(() => verify(organisation.sign("finance", { version: 3, nowMs: NOW }))).toThrow(code("BUNDLE_MISMATCH"));
  });

  it("that is older than the accepted one is refused", () => {
    expect(verify(bundle, { minVersion: 3 }).manifest.version).toBe(3);
    expect(() => verify(bundle, { minVersion: 4 })).toThrow(code("BUNDLE_ROLLBACK"));
  });

  it("expires after 30 days, and one from the future is refused", () => {
    expect(verify(bundle, { nowMs: NOW + BUNDLE_LIFETIME_MS - 1 }).manifest.version).toBe(3);
    expect(() => verify(bundle, { nowMs: NOW + BUNDLE_LIFETIME_MS })).toThrow(code("BUNDLE_EXPIRED"));
    expect(() => verify(bundle, { nowMs: NOW - CLOCK_LEEWAY_MS - 1 })).toThrow(code("CLOCK_SKEW"));
  });

  it.each([
    ["its policy hash is another file's", { policyHash: sha256Hex("x") }],
    ["its role is not the profile's", { role: "finance" }],
  ])("that contradicts itself is refused, also when the root signed it: %s", (_, change) => {
    const role = "role" in change ? { role: "finance" } : {};
    expect(() => verify(resigned(change), role)).toThrow(code("BUNDLE_SIGNATURE"));
  });

  it("that is too large is refused", () => {
    const files = { ...bundle.files, ...Object.fromEntries(Array.from({ length: 10 }, (_, i) => [`big${i}.md`, "x".repeat(500_000)])) };
    const hashes = Object.fromEntries(Object.entries(files).map(([name, text]) => [name, sha256Hex(text)]));
    expect(() => verify(resigned({ files: hashes }, files))).toThrow(code("BUNDLE_SIGNATURE"));
  });
});

import { describe, expect, it } from "vitest";
import type { BundleManifest } from "../../../../mesh/contract/bundle.ts";
import { MAX_OPEN_REVOCATIONS, type RevocationStatement } from "../../../../mesh/contract/revocation.ts";
import type { Signer } from "../../../../mesh/contract/ports.ts";
import { signJws } from "../../../../mesh/identity/jws.ts";
import { orgIdOf } from "../../../../mesh/identity/org-id.ts";
import {
  addRevocation,
  openRevocations,
  revocationDigest,
  signRevocation,
  verifyRevocation,
  withRevocations,
  withSettled,
} from "../../../../mesh/identity/revocation.ts";
import { seededSigner } from "../../../support/seeded-keys.ts";

const [admin, second, issuer, root] = ["admin", "second admin", "issuer", "root"].map(seededSigner) as [Signer, Signer, Signer, Signer];
const org = orgIdOf(root.thumbprint);
const code = (name: string) => expect.objectContaining({ code: name });

type Trust = Pick<BundleManifest, "org" | "admins" | "revocations">;
const trust = (revocations: Partial<BundleManifest["revocations"]> = {}): Trust => ({
  org,
  admins: [admin.publicJwk, second.publicJwk],
  revocations: { seq: 3, agents: [], subjects: ["past.member"], keys: [], ...revocations },
});
const statement = (seq: number, named: Partial<RevocationStatement> = {}): RevocationStatement => ({
  v: 1,
  org,
  seq,
  issuedAt: "2026-11-02T08:00:00.000Z",
  agents: [],
  subjects: ["marco.diaz"],
  keys: [],
  ...named,
});
const signed = (seq: number, named: Partial<RevocationStatement> = {}, signer = admin): string =>
  signRevocation({ statement: statement(seq, named), signer });

const isSettledBy = (signer: Signer, list: BundleManifest["revocations"]): boolean =>
  openRevocations([signed(7, {}, signer)], trust(list)).length === 0;

describe("a revocation statement", () => {
  it("by an admin key that the bundle names counts on top of the bundle's own revocations", () => {
    const revoked = withRevocations(trust(), [signed(1)]);
    expect(revoked).toEqual({ seq: 3, agents: [], subjects: ["past.member", "marco.diaz"], keys: [] });
  });

  it.each([
    ["the issuer key, which the bootstrap node holds", () => signed(1, {}, issuer), "CREDENTIAL_INVALID"],
    ["a key that nobody knows", () => signed(1, {}, seededSigner("mallory")), "CREDENTIAL_INVALID"],
    ["an admin of another organisation", () => signed(1, { org: orgIdOf(seededSigner("other").thumbprint) }), "NOT_A_MEMBER"],
    [
      "an admin key, as another kind of statement",
      () => signJws({ typ: "gaggle-approval+jws", payload: statement(1), signer: admin }),
      "CREDENTIAL_INVALID",
    ],
    [
      "an admin key, with a field that no statement has",
      () => signJws({ typ: "gaggle-revocation+jws", payload: { ...statement(1), root: "x" }, signer: admin }),
      "CREDENTIAL_INVALID",
    ],
    ["an admin key, and altered since", () => signed(1).replace(/.{4}$/, "AAAA"), "CREDENTIAL_INVALID"],
  ])("by %s is refused and revokes nobody", (_, make, expected) => {
    expect(() => verifyRevocation({ jws: make(), manifest: trust() })).toThrow(code(expected));
    expect(() => addRevocation([], make(), trust())).toThrow(code(expected));
    expect(withRevocations(trust(), [make()]).subjects).toEqual(["past.member"]);
  });

  it("by an admin key that the root has revoked counts no more, nor does what it signed before", () => {
    const stolen = signed(1, { subjects: ["fiona.berg", "edward.lindqvist"] });
    expect(withRevocations(trust(), [stolen]).subjects).toContain("fiona.berg");
    const undone = trust({ keys: [admin.thumbprint] });
    expect(() => verifyRevocation({ jws: stolen, manifest: undone })).toThrow(code("REVOKED"));
    expect(withRevocations(undone, [stolen]).subjects).toEqual(["past.member"]);
  });

  it("of one admin key can't silence another's: only the root says who may revoke", () => {
    const statements = [signed(1, { subjects: [], keys: [second.thumbprint] }), signed(1, { subjects: ["fiona.berg"] }, second)];
    const { subjects, keys } = withRevocations(trust(), statements);
    expect([subjects, keys]).toEqual([["past.member", "fiona.berg"], [second.thumbprint]]);
  });

  it("counts no more once a bundle has settled it, also where the root has undone it, and can't be brought back", () => {
    const [old, newer] = [signed(2), signed(3, { subjects: ["hanna.okoye"] })];
    const settled = trust(withSettled(trust(), openRevocations([old], trust())));
    expect(addRevocation([], old, settled)).toBeUndefined();
    expect(withRevocations(settled, [old, newer]).subjects).toEqual(["past.member", "hanna.okoye"]);
    expect(openRevocations([old, newer], settled).map(({ jws }) => jws)).toEqual([newer]);
  });

  it("counts beside another of the same number, also when a bundle has settled that one: two machines can't see each other", () => {
    const [one, other] = [signed(7), signed(7, { subjects: ["hanna.okoye"] })];
    const both = addRevocation(addRevocation([], one, trust())?.statements ?? [], other, trust())?.statements ?? [];
    expect(withRevocations(trust(), both).subjects).toEqual(expect.arrayContaining(["marco.diaz", "hanna.okoye"]));
    const settled = trust(withSettled(trust(), openRevocations([one], trust())));
    expect(withRevocations(settled, both).subjects).toEqual(["past.member", "hanna.okoye"]);
    expect(addRevocation([], other, settled)?.added.statement.subjects).toEqual(["hanna.okoye"]);
  });

  it("is settled for nobody but its own admin key, and of a key that is named no more nothing is remembered", () => {
    const list = withSettled(trust(), openRevocations([signed(7)], trust()));
    expect(isSettledBy(second, list)).toBe(false);
    expect(withSettled({ ...trust(list), admins: [second.publicJwk] }, []).settledIds).toBeUndefined();
  });

  it("counts no more where a list of an earlier version has settled its number", () => {
    const settled = trust({ settled: { [admin.thumbprint]: 2 } });
    const [old, newer] = [signed(2), signed(3, { subjects: ["hanna.okoye"] })];
    expect(addRevocation([], old, settled)).toBeUndefined();
    expect(withRevocations(settled, [old, newer]).subjects).toEqual(["past.member", "hanna.okoye"]);
    expect(openRevocations([old, newer], settled).map(({ jws }) => jws)).toEqual([newer]);
  });

  it("is taken once, and what is settled or void is dropped when the next is taken", () => {
    const first = addRevocation([], signed(1), trust());
    expect(addRevocation(first?.statements ?? [], signed(1), trust())).toBeUndefined();
    const settled = trust({ settled: { [admin.thumbprint]: 1 } });
    expect(addRevocation(first?.statements ?? [], signed(2), settled)?.statements).toEqual([signed(2)]);
  });

  it("is one of at most a hundred of an admin key that wait for a bundle; another admin's are taken still", () => {
    let statements: string[] = [];
    for (let seq = 1; seq <= MAX_OPEN_REVOCATIONS; seq += 1) statements = addRevocation(statements, signed(seq), trust())?.statements ?? [];
    expect(() => addRevocation(statements, signed(MAX_OPEN_REVOCATIONS + 1), trust())).toThrow(code("TOO_LARGE"));
    expect(addRevocation(statements, signed(1, {}, second), trust())?.statements).toHaveLength(MAX_OPEN_REVOCATIONS + 1);
  });

  it("that names more than fits is not signed", () => {
    const agents = Array.from({ length: 200 }, () => `12D3KooW${"A".repeat(44)}`);
    expect(() => signed(1, { agents })).toThrow(code("TOO_LARGE"));
  });

  it("has its set named the same in every order, and no set of none", () => {
    const [one, two] = [signed(1), signed(2)];
    expect(revocationDigest([one, two])).toBe(revocationDigest([two, one]));
    expect(revocationDigest([one])).not.toBe(revocationDigest([two]));
    expect(revocationDigest([])).toBeUndefined();
  });
});

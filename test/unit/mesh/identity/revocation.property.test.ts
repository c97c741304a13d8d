import fc from "fast-check";
import { expect, it } from "vitest";
import type { Signer } from "../../../../mesh/contract/ports.ts";
import { orgIdOf } from "../../../../mesh/identity/org-id.ts";
import { addRevocation, revocationDigest, signRevocation, withRevocations } from "../../../../mesh/identity/revocation.ts";
import { seededSigner } from "../../../support/seeded-keys.ts";

const admins = ["first admin", "second admin"].map(seededSigner) as [Signer, Signer];
const org = orgIdOf(seededSigner("root").thumbprint);
const manifest = { org, admins: admins.map(({ publicJwk }) => publicJwk), revocations: { seq: 0, agents: [], subjects: [], keys: [] } };
const people = ["edward.lindqvist", "fiona.berg", "hanna.okoye", "marco.diaz"];

const statements = fc.uniqueArray(
  fc.record({ by: fc.nat(1), seq: fc.integer({ min: 1, max: 6 }), subjects: fc.subarray(people, { minLength: 1 }) }),
  { maxLength: 8, selector: ({ by, seq }) => `${by}/${seq}` },
);
const signAll = (list: readonly { by: number; seq: number; subjects: string[] }[]): string[] =>
  list.map(({ by, seq, subjects }) =>
    signRevocation({
      statement: { v: 1, org, seq, issuedAt: "2026-11-02T08:00:00.000Z", agents: [], subjects, keys: [] },
      signer: admins[by] as Signer,
    }),
  );
const take = (list: readonly string[]): string[] =>
  list.reduce<string[]>((known, jws) => addRevocation(known, jws, manifest)?.statements ?? known, []);

it("agents that heard the same revocations in any order, any number of times, trust the same people", () => {
  fc.assert(
    fc.property(statements, fc.infiniteStream(fc.nat(7)), (made, picks) => {
      const all = signAll(made);
      const shuffled = [...[...picks.take(12)].flatMap((at) => all.slice(at, at + 1)), ...all.toReversed()];
      expect(revocationDigest(take(shuffled))).toBe(revocationDigest(take(all)));
      expect(withRevocations(manifest, take(shuffled)).subjects.toSorted()).toEqual(
        withRevocations(manifest, take(all)).subjects.toSorted(),
      );
    }),
  );
});

it("no statement, however late or old, gives anybody trust back", () => {
  fc.assert(
    fc.property(statements, (made) => {
      let before: readonly string[] = [];
      let known: string[] = [];
      for (const jws of signAll(made)) {
        known = addRevocation(known, jws, manifest)?.statements ?? known;
        const { subjects } = withRevocations(manifest, known);
        expect(subjects).toEqual(expect.arrayContaining([...before]));
        before = subjects;
      }
      expect(before.toSorted()).toEqual([...new Set(made.flatMap(({ subjects }) => subjects))].toSorted());
    }),
  );
});

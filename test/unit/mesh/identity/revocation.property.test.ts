import fc from "fast-check";
import { expect, it } from "vitest";
import type { Signer } from "../../../../mesh/contract/ports.ts";
import { REVOCATION_PAGE } from "../../../../mesh/contract/revocation.ts";
import { orgIdOf } from "../../../../mesh/identity/org-id.ts";
import {
  addRevocation,
  openRevocations,
  revocationDigest,
  revocationId,
  revocationPage,
  signRevocation,
  withRevocations,
  withSettled,
} from "../../../../mesh/identity/revocation.ts";
import { seededSigner } from "../../../support/seeded-keys.ts";

const admins = ["first admin", "second admin"].map(seededSigner) as [Signer, Signer];
const org = orgIdOf(seededSigner("root").thumbprint);
const manifest = { org, admins: admins.map(({ publicJwk }) => publicJwk), revocations: { seq: 0, agents: [], subjects: [], keys: [] } };
const people = ["edward.lindqvist", "fiona.berg", "hanna.okoye", "marco.diaz"];

// Numbers are used twice on purpose: machines with one admin key need not see each other.
const statements = fc.array(
  fc.record({ by: fc.nat(1), seq: fc.integer({ min: 1, max: 3 }), subjects: fc.subarray(people, { minLength: 1 }) }),
  { maxLength: 8 },
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

it("whatever of the statements a bundle settles, all of them are in force together with it, and what it settled can be taken back", () => {
  fc.assert(
    fc.property(statements, fc.infiniteStream(fc.boolean()), (made, picks) => {
      const all = take(signAll(made));
      const folded = all.filter(() => picks.next().value);
      const list = { ...withRevocations(manifest, folded), seq: 1 };
      const next = { ...manifest, revocations: withSettled({ ...manifest, revocations: list }, openRevocations(folded, manifest)) };
      expect(withRevocations(next, all).subjects.toSorted()).toEqual(withRevocations(manifest, all).subjects.toSorted());
      const takenBack = { ...next, revocations: { ...next.revocations, subjects: [] } };
      const left = all.filter((jws) => !folded.includes(jws));
      expect(withRevocations(takenBack, all).subjects.toSorted()).toEqual(withRevocations(manifest, left).subjects.toSorted());
    }),
  );
});

it("any number of statements, asked for page by page, comes whole, also those that were there all the time while others come and go", () => {
  const made = fc.uniqueArray(fc.integer({ min: 0, max: 1_000_000 }), { minLength: 0, maxLength: 3 * REVOCATION_PAGE });
  fc.assert(
    fc.property(made, fc.nat(40), fc.nat(40), (numbers, leaving, coming) => {
      const all = numbers.map((number) => `header.${number}.signature`);
      const stay = all.slice(leaving);
      const late = Array.from({ length: coming }, (_, index) => `header.late${index}.signature`);
      const got: string[] = [];
      for (let page = revocationPage(all); ; page = revocationPage([...late, ...stay], revocationId(got.at(-1) ?? ""))) {
        got.push(...page);
        expect(page.length).toBeLessThanOrEqual(REVOCATION_PAGE);
        if (page.length < REVOCATION_PAGE) break;
      }
      expect(new Set(got).size).toBe(got.length);
      expect(got).toEqual(expect.arrayContaining(all.length < REVOCATION_PAGE ? all : stay));
    }),
    { numRuns: 30 },
  );
});

import fc from "fast-check";
import { expect, test } from "vitest";
import {
  consistencyProof,
  EMPTY_ROOT,
  inclusionProof,
  isConsistent,
  isIncluded,
  leafHash,
  nodeHash,
  nodesToAdd,
  type ReadNode,
  rootOf,
} from "../../../../mesh/audit/merkle.ts";

const MAX = 70;

/** A tree as a log keeps it, and its leaves. */
function grow(size: number, salt = ""): { read: ReadNode; leaves: string[] } {
  const kept = new Map<string, string>();
  const read: ReadNode = (level, index) => kept.get(`${level}/${index}`) ?? expect.unreachable();
  const leaves = Array.from({ length: size }, (_, i) => leafHash(`${salt}${i}`));
  for (const [i, leaf] of leaves.entries())
    for (const node of nodesToAdd(read, i, leaf)) kept.set(`${node.level}/${node.index}`, node.hash);
  return { read, leaves };
}

/** The definition of RFC 9162, 2.1.1, in its own words. */
function definition(leaves: readonly string[]): string {
  if (leaves.length === 0) return EMPTY_ROOT;
  if (leaves.length === 1) return leaves[0] ?? "";
  let split = 1;
  while (split * 2 < leaves.length) split *= 2;
  return nodeHash(definition(leaves.slice(0, split)), definition(leaves.slice(split)));
}

const { read, leaves } = grow(MAX);
const head = (size: number) => ({ size, root: rootOf(read, size) });

test("roots are those of the definition, and the empty and one-leaf roots those of the RFC", () => {
  for (let size = 0; size <= MAX; size++) expect(rootOf(read, size)).toBe(definition(leaves.slice(0, size)));
  expect(EMPTY_ROOT).toBe("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  expect(leafHash("")).toBe("6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d");
});

test("every leaf of every size is proven, and no other leaf or place by the same proof", () => {
  for (let size = 1; size <= MAX; size++) {
    for (let index = 0; index < size; index++) {
      const proof = inclusionProof(read, index, size);
      const input = { leaf: leaves[index] ?? "", index, size, proof, root: rootOf(read, size) };
      expect(isIncluded(input), `${index} of ${size}`).toBe(true);
      expect(isIncluded({ ...input, leaf: leafHash("other") })).toBe(false);
      expect(isIncluded({ ...input, index: (index + 1) % size, leaf: input.leaf })).toBe(size === 1);
    }
  }
});

test("every size is shown to be the beginning of every larger one", () => {
  for (let first = 0; first <= MAX; first++)
    for (let second = first; second <= MAX; second++) {
      const proof = consistencyProof(read, first, second);
      expect(isConsistent({ first: head(first), second: head(second), proof }), `${first} of ${second}`).toBe(true);
    }
});

test("no proof joins two histories: one with another leaf, or an altered proof", () => {
  const other = grow(MAX, "other").read;
  const sizes = fc.tuple(fc.integer({ min: 1, max: MAX }), fc.integer({ min: 1, max: MAX }));
  fc.assert(
    fc.property(sizes, fc.nat(), fc.nat(255), ([a, b], at, byte) => {
      const [first, second] = [Math.min(a, b), Math.max(a, b)];
      const proof = consistencyProof(read, first, second);
      expect(isConsistent({ first: { size: first, root: rootOf(other, first) }, second: head(second), proof })).toBe(false);
      expect(isConsistent({ first: head(first), second: head(second), proof: consistencyProof(other, first, second) })).toBe(
        first === second,
      );
      if (proof.length === 0) return;
      const bent = proof.with(at % proof.length, leafHash(`bent ${byte}`));
      expect(isConsistent({ first: head(first), second: head(second), proof: bent })).toBe(false);
      expect(isConsistent({ first: head(first), second: head(second), proof: [...proof, bent[0] ?? ""] })).toBe(false);
      expect(isConsistent({ first: head(first), second: head(second), proof: proof.slice(1) })).toBe(false);
    }),
    { seed: 5, numRuns: 500 },
  );
});

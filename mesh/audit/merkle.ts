/** Merkle tree of RFC 9162 (Certificate Transparency 2.0), section 2.1, with SHA-256: roots and proofs over hashes that somebody else keeps. Pure. */
import { sha256Hex } from "../contract/json.ts";

/** Hash of a complete subtree: of `2 ** level` leaves from leaf `index * 2 ** level` on, as hex. */
export type ReadNode = (level: number, index: number) => string;

const bytes = (hex: string): Buffer => Buffer.from(hex, "hex");

/** Hash of a leaf. */
export const leafHash = (data: string): string => sha256Hex(Buffer.concat([Buffer.of(0), Buffer.from(data)]));

/** Hash of two subtrees. */
export const nodeHash = (left: string, right: string): string => sha256Hex(Buffer.concat([Buffer.of(1), bytes(left), bytes(right)]));

/** Hash of a tree without leaves. */
export const EMPTY_ROOT = sha256Hex("");

/** The largest power of two below `size` (at least 2): where a tree is cut in two. */
function splitOf(size: number): number {
  let split = 1;
  while (split * 2 < size) split *= 2;
  return split;
}

/** Root over leaves `from` to `to` (exclusive); `from` is a multiple of the largest power of two in the range. */
function rangeRoot(read: ReadNode, from: number, to: number): string {
  const size = to - from;
  const level = Math.log2(size);
  if (Number.isInteger(level)) return read(level, from / size);
  const split = splitOf(size);
  return nodeHash(rangeRoot(read, from, from + split), rangeRoot(read, from + split, to));
}

/** Root of the tree of the first `size` leaves. */
export const rootOf = (read: ReadNode, size: number): string => (size === 0 ? EMPTY_ROOT : rangeRoot(read, 0, size));

/** The complete subtrees that leaf number `index` finishes, itself first; all leaves before it must be there. */
export function nodesToAdd(read: ReadNode, index: number, leaf: string): { level: number; index: number; hash: string }[] {
  const nodes = [{ level: 0, index, hash: leaf }];
  for (let at = nodes[0]; at !== undefined && at.index % 2 === 1; at = nodes.at(-1)) {
    nodes.push({ level: at.level + 1, index: (at.index - 1) / 2, hash: nodeHash(read(at.level, at.index - 1), at.hash) });
  }
  return nodes;
}

/** Proof that leaf `index` is in the tree of the first `size` leaves (section 2.1.3.1). */
export function inclusionProof(read: ReadNode, index: number, size: number): string[] {
  const path = (at: number, from: number, to: number): string[] => {
    if (to - from === 1) return [];
    const split = from + splitOf(to - from);
    return at < split ? [...path(at, from, split), rangeRoot(read, split, to)] : [...path(at, split, to), rangeRoot(read, from, split)];
  };
  return path(index, 0, size);
}

/** Proof that the tree of the first `first` leaves is the beginning of that of the first `second` ones (section 2.1.4.1). */
export function consistencyProof(read: ReadNode, first: number, second: number): string[] {
  const part = (size: number, from: number, to: number, isWhole: boolean): string[] => {
    if (size === to - from) return isWhole ? [] : [rangeRoot(read, from, to)];
    const split = splitOf(to - from);
    if (size <= split) return [...part(size, from, from + split, isWhole), rangeRoot(read, from + split, to)];
    return [...part(size - split, from + split, to, false), rangeRoot(read, from, from + split)];
  };
  return first === 0 || first === second ? [] : part(first, 0, second, true);
}

/** Checks an inclusion proof (section 2.1.3.2). */
export function isIncluded(input: { leaf: string; index: number; size: number; proof: readonly string[]; root: string }): boolean {
  let { index: at, leaf: hash } = input;
  let last = input.size - 1;
  if (at < 0 || at > last) return false;
  for (const sibling of input.proof) {
    if (last === 0) return false;
    const isRight = at % 2 === 1;
    hash = isRight || at === last ? nodeHash(sibling, hash) : nodeHash(hash, sibling);
    if (!isRight && at === last) {
      while (at % 2 === 0 && at !== 0) [at, last] = [at / 2, Math.floor(last / 2)];
    }
    [at, last] = [Math.floor(at / 2), Math.floor(last / 2)];
  }
  return last === 0 && hash === input.root;
}

/** Checks a consistency proof (section 2.1.4.2). */
export function isConsistent(input: {
  first: { size: number; root: string };
  second: { size: number; root: string };
  proof: readonly string[];
}): boolean {
  const { first, second, proof } = input;
  if (first.size > second.size) return false;
  if (first.size === second.size) return proof.length === 0 && first.root === second.root;
  if (first.size === 0) return proof.length === 0 && first.root === EMPTY_ROOT;
  const [start, ...rest] = Number.isInteger(Math.log2(first.size)) ? [first.root, ...proof] : proof;
  if (start === undefined) return false;
  let [at, last] = [first.size - 1, second.size - 1];
  while (at % 2 === 1) [at, last] = [Math.floor(at / 2), Math.floor(last / 2)];
  let [older, newer] = [start, start];
  for (const hash of rest) {
    if (last === 0) return false;
    if (at % 2 === 1 || at === last) {
      older = nodeHash(hash, older);
      newer = nodeHash(hash, newer);
      while (at % 2 === 0 && at !== 0) [at, last] = [at / 2, Math.floor(last / 2)];
    } else newer = nodeHash(newer, hash);
    [at, last] = [Math.floor(at / 2), Math.floor(last / 2)];
  }
  return last === 0 && older === first.root && newer === second.root;
}

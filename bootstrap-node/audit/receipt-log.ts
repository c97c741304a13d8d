/** The node's log of receipts: a Merkle tree over the ends of the chains that it took, each added in the transition that stores them. Source: decision 0113. */
import { consistencyProof, inclusionProof, nodesToAdd, type ReadNode, rootOf } from "../../mesh/audit/merkle.ts";
import { entryLeaf, type LogEntry, signLogHead } from "../../mesh/audit/receipt.ts";
import { GaggleError } from "../../mesh/contract/errors.ts";
import type { Clock, OrderedStore, Signer, Transaction } from "../../mesh/contract/ports.ts";

const SIZE_KEY = "log/size";
const nodeKey = (level: number, index: number): string => `log/node/${level}/${index}`;

/** The tree at one size. */
export interface LogState {
  readonly size: number;
  readonly root: string;
}

/** The node's log of receipts. */
export interface ReceiptLog {
  /** Adds an entry; returns the tree that then is. */
  append(tx: Transaction, entry: LogEntry): LogState;
  /** The tree as it is on the disk. */
  state(): LogState;
  /** Signs a tree. Only for one that is on the disk: what was signed must survive a crash. */
  sign(state: LogState): string;
  /** Proof that entry `index` is in the tree of a size. */
  inclusion(index: number, size: number): string[];
  /** Proof that the tree of `first` entries is the beginning of that of `second`. @throws GaggleError NOT_FOUND where the log is shorter */
  consistency(first: number, second: number): string[];
}

/** Keeps the log in the node's store. */
export function createReceiptLog(
  deps: { store: Pick<OrderedStore, "get">; issuer: Signer; clock: Pick<Clock, "now"> },
  config: { org: string },
): ReceiptLog {
  const reader =
    (source: Pick<OrderedStore, "get">): ReadNode =>
    (level, index) => {
      const hash = source.get(nodeKey(level, index));
      if (hash === undefined)
        throw new GaggleError("STORE_FAILED", "The node's log of receipts lacks a part. Restore the node from a backup.");
      return hash;
    };
  const sizeIn = (source: Pick<OrderedStore, "get">): number => Number(source.get(SIZE_KEY) ?? 0);
  const read = reader(deps.store);

  return {
    append(tx, entry) {
      const index = sizeIn(tx);
      for (const node of nodesToAdd(reader(tx), index, entryLeaf(entry))) tx.put(nodeKey(node.level, node.index), node.hash);
      tx.put(SIZE_KEY, String(index + 1));
      return { size: index + 1, root: rootOf(reader(tx), index + 1) };
    },
    state() {
      const size = sizeIn(deps.store);
      return { size, root: rootOf(read, size) };
    },
    sign: (state) => signLogHead({ v: 1, org: config.org, ...state, ts: new Date(deps.clock.now()).toISOString() }, deps.issuer),
    inclusion: (index, size) => inclusionProof(read, index, size),
    consistency(first, second) {
      const size = sizeIn(deps.store);
      if (first > second || second > size)
        throw new GaggleError("NOT_FOUND", `The node's log has ${size} receipts, and proves from a smaller size to a larger one.`);
      return consistencyProof(read, first, second);
    },
  };
}

/** Where a chain lies in a store: its events by number, its checkpoints, and the anchor that it begins at once it was pruned. */

/** A chain's keys. */
export interface ChainPlace {
  /** Prefix of its events' keys. */
  readonly events: string;
  /** Prefix of its signed checkpoints' keys: heads of which each may become the anchor. */
  readonly checkpoints: string;
  /** Key of the anchor: the signed head whose event and everything before it were pruned. */
  readonly anchor: string;
}

/** The chain that a daemon or a node writes itself. */
export const OWN_CHAIN: ChainPlace = { events: "audit/event/", checkpoints: "audit/checkpoint/", anchor: "audit/anchor" };

/** A chain that an agent has sent. */
export const collectedChain = (agentId: string): ChainPlace => ({
  events: `collected/event/${agentId}/`,
  checkpoints: `collected/checkpoint/${agentId}/`,
  anchor: `collected/anchor/${agentId}`,
});

/** Key of a number under a prefix: in the order of numbers. */
export const seqKey = (prefix: string, seq: number): string => `${prefix}${seq.toString().padStart(16, "0")}`;

/** Sorts after every key of a prefix. */
export const endOf = (prefix: string): string => `${prefix}~`;

/** The number in a key. */
export const seqOfKey = (key: string): number => Number(key.slice(-16));

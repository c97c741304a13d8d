/** What a sender keeps about a message's deposit: under which id, for which devices, and whether the node has it. */
import type { Transaction } from "../contract/ports.ts";
import type { Device } from "./seal-key.ts";

/** Mark of a message that is, or is about to be, deposited. */
export interface MailMark {
  readonly v: 1;
  /** The message's number in the outbox. */
  readonly seq: number;
  readonly depositId: string;
  /** The devices and keys that it is sealed to; see {@link deviceSet}. */
  readonly devices: string;
  /** When the node had it, ms since the epoch; not there before that. */
  readonly depositedAt?: number;
}

const markKey = (envelopeId: string): string => `mail/out/${envelopeId}`;
/** Range of all marks. */
export const MARK_RANGE = { gte: "mail/out/", lt: "mail/out/~" } as const;
/** The message that a key of {@link MARK_RANGE} is about. */
export const envelopeOf = (key: string): string => key.slice("mail/out/".length);

/** The mark of a message, or undefined. */
export function readMark(source: Pick<Transaction, "get">, envelopeId: string): MailMark | undefined {
  const text = source.get(markKey(envelopeId));
  return text === undefined ? undefined : (JSON.parse(text) as MailMark);
}

/** Writes it. */
export const writeMark = (tx: Transaction, envelopeId: string, mark: MailMark): void => tx.put(markKey(envelopeId), JSON.stringify(mark));
/** Forgets a message's mark: it is delivered, or dead. */
export const dropMark = (tx: Transaction, envelopeId: string): void => tx.del(markKey(envelopeId));

/** Names a set of devices and their keys, whatever their order. */
export const deviceSet = (devices: readonly Device[]): string =>
  devices
    .map(({ principal, seal }) => `${principal.agentId}/${seal.x}`)
    .sort()
    .join(",");

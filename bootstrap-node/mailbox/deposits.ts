/** Deposits as they lie in the node's store, and what room they take. Every change is made inside a transition, so that the counts are exact. */
import type { Transaction } from "../../mesh/contract/ports.ts";
import type { SealedMail } from "../../mesh/contract/mailbox.ts";

/** A deposit. `left`: the recipients that have not deleted their copy yet. */
export interface Deposit {
  readonly v: 1;
  readonly seq: number;
  readonly id: string;
  readonly from: string;
  readonly left: readonly string[];
  /** Ms since the epoch. */
  readonly expiresAt: number;
  readonly bytes: number;
  readonly stamp: string;
  readonly sealed: SealedMail;
}

/** How much lies there of a sender, for a recipient, or in all. */
export interface Room {
  readonly count: number;
  readonly bytes: number;
}

const EMPTY: Room = { count: 0, bytes: 0 };
const pad = (number: number): string => String(number).padStart(16, "0");

const depositKey = (from: string, id: string): string => `mail/deposit/${from}/${id}`;
const inboxKey = (to: string, seq: number): string => `mail/to/${to}/${pad(seq)}`;
const expiryKey = ({ expiresAt, from, id }: Pick<Deposit, "expiresAt" | "from" | "id">): string =>
  `mail/until/${pad(expiresAt)}/${from}/${id}`;
const SEQ_KEY = "mail/seq";

/** Name of the room that a sender's mail takes up at one recipient. */
export const shareOf = (from: string, to: string): string => `share/${to}/${from}`;

/** Whose room is counted: `from/<agent>`, `to/<agent>`, {@link shareOf} or `all`. */
const roomKey = (whose: string): string => `mail/room/${whose}`;

/** Range of a recipient's mail from after a number on. */
export const inboxAfter = (to: string, seq: number) => ({ gte: inboxKey(to, seq + 1), lt: `mail/to/${to}/~` });
/** Range of what has expired. */
export const expiredBefore = (nowMs: number) => ({ gte: "mail/until/", lt: `mail/until/${pad(nowMs)}` });
/** Sender and id of a key of {@link expiredBefore}. */
export function ofExpiryKey(key: string): { from: string; id: string } {
  const [, , , from = "", id = ""] = key.split("/");
  return { from, id };
}

/** The deposit, or undefined. */
export function readDeposit(source: Pick<Transaction, "get">, from: string, id: string): Deposit | undefined {
  const text = source.get(depositKey(from, id));
  return text === undefined ? undefined : (JSON.parse(text) as Deposit);
}

/** The deposit that a value of {@link inboxAfter} names. */
export function readListed(source: Pick<Transaction, "get">, value: string): Deposit | undefined {
  const { from, id } = JSON.parse(value) as { from: string; id: string };
  return readDeposit(source, from, id);
}

/** What is taken up. */
export function readRoom(source: Pick<Transaction, "get">, whose: string): Room {
  const text = source.get(roomKey(whose));
  return text === undefined ? EMPTY : (JSON.parse(text) as Room);
}

function take(tx: Transaction, whose: string, count: number, bytes: number): void {
  const room = readRoom(tx, whose);
  // Deposits of before 2026-11 are in no share; what they give back there is no room.
  const next: Room = { count: room.count + count, bytes: Math.max(0, room.bytes + bytes) };
  if (next.count <= 0) tx.del(roomKey(whose));
  else tx.put(roomKey(whose), JSON.stringify(next));
}

/** The number of the next deposit: the order in which recipients get them. */
export function nextSeq(tx: Transaction): number {
  const seq = Number(tx.get(SEQ_KEY) ?? 0) + 1;
  tx.put(SEQ_KEY, String(seq));
  return seq;
}

/** Stores a new deposit for all its recipients. */
export function addDeposit(tx: Transaction, deposit: Deposit): void {
  const { from, id, seq, left, bytes } = deposit;
  tx.put(depositKey(from, id), JSON.stringify(deposit));
  tx.put(expiryKey(deposit), "");
  for (const to of left) {
    tx.put(inboxKey(to, seq), JSON.stringify({ from, id }));
    take(tx, `to/${to}`, 1, bytes);
    take(tx, shareOf(from, to), 1, bytes);
  }
  take(tx, `from/${from}`, 1, bytes);
  take(tx, "all", 1, bytes);
}

/** Deletes some recipients' copies; with the last copy the deposit is gone. */
export function removeCopies(tx: Transaction, deposit: Deposit, recipients: readonly string[]): void {
  const { from, id, seq, bytes } = deposit;
  for (const to of deposit.left.filter((one) => recipients.includes(one))) {
    tx.del(inboxKey(to, seq));
    take(tx, `to/${to}`, -1, -bytes);
    take(tx, shareOf(from, to), -1, -bytes);
  }
  const left = deposit.left.filter((one) => !recipients.includes(one));
  if (left.length > 0) {
    tx.put(depositKey(from, id), JSON.stringify({ ...deposit, left } satisfies Deposit));
    return;
  }
  tx.del(depositKey(from, id));
  tx.del(expiryKey(deposit));
  take(tx, `from/${from}`, -1, -bytes);
  take(tx, "all", -1, -bytes);
}

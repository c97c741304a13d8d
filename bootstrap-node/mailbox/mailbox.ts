/**
 * The mailbox: keeps sealed mail for members that are off. It learns sender, recipient, size and time, and nothing else. Source: spec M5;
 * docs/decisions/0087-mailbox.md
 */
import type { BootstrapRequest, BootstrapResponse } from "../../mesh/contract/bootstrap-api.ts";
import { GaggleError } from "../../mesh/contract/errors.ts";
import type { Principal } from "../../mesh/contract/identity.ts";
import { canonicalHash } from "../../mesh/contract/json.ts";
import { ENVELOPE_LIFETIME_MS, MAX_MAIL_BYTES } from "../../mesh/contract/limits.ts";
import { mailSizeOf, type SealedMail } from "../../mesh/contract/mailbox.ts";
import type { Clock, CommitQueue, OrderedStore, Signer, Transaction } from "../../mesh/contract/ports.ts";
import { signStamp } from "../../mesh/mailbox/deposit-stamp.ts";
import { verifySealKey } from "../../mesh/mailbox/seal-key.ts";
import type { Member, Members } from "../members.ts";
import {
  addDeposit,
  type Deposit,
  expiredBefore,
  inboxAfter,
  nextSeq,
  ofExpiryKey,
  readDeposit,
  readListed,
  readRoom,
  removeCopies,
  type Room,
  shareOf,
} from "./deposits.ts";

const MIB = 1_048_576;
/** Mail in one answer: at most this many, and no more once so many bytes are reached. */
const PAGE_ITEMS = 50;
const PAGE_BYTES = 1 * MIB;
/** Expired deposits deleted in one transition. */
const PRUNE_BATCH = 500;

/** Most that lies there at once. Beyond it deposits are refused, and nothing is dropped. */
export interface MailQuotas {
  readonly sender: Room;
  readonly recipient: Room;
  readonly all: Room;
}

/** Quotas unless the operator says otherwise. */
export const DEFAULT_MAIL_QUOTAS: MailQuotas = {
  sender: { count: 1_000, bytes: 64 * MIB },
  recipient: { count: 2_000, bytes: 128 * MIB },
  all: { count: 100_000, bytes: 4_096 * MIB },
};

/** What of a recipient's room the others' mail there leaves to one sender: half, so that the next one finds some too. */
const halfOf = (quota: number, all: number, own: number): number => Math.floor((quota - (all - own)) / 2);

/** Sealed mail of the organisation. `by` is the proven caller, a member in good standing. */
export interface Mailbox {
  /**
   * Keeps a deposit, durably, and signs when that was. The same id again gets the first answer.
   * @throws GaggleError MAILBOX_FULL, NOT_A_MEMBER and REVOKED (a recipient), INVALID_INPUT, DISK_FULL
   */
  deposit(by: Principal, request: BootstrapRequest<"deposit">): Promise<BootstrapResponse<"deposit">>;
  /**
   * Keeps several deposits, all or none. @param also runs in the same transition, with what was kept
   * @throws GaggleError as {@link Mailbox.deposit}
   */
  depositAll(
    by: Principal,
    requests: readonly BootstrapRequest<"deposit">[],
    also: (tx: Transaction, kept: readonly Deposit[]) => void,
  ): Promise<readonly Deposit[]>;
  /** The caller's mail. @throws GaggleError CREDENTIAL_INVALID for a statement of a key that is not the caller's */
  fetch(by: Member, request: BootstrapRequest<"fetchMail">): Promise<BootstrapResponse<"fetchMail">>;
  discard(by: Principal, request: BootstrapRequest<"discardMail">): Promise<void>;
  withdraw(by: Principal, request: BootstrapRequest<"withdrawMail">): Promise<void>;
  /** A person's agents in good standing that have told their key. */
  devices(request: BootstrapRequest<"mailDevices">): Promise<BootstrapResponse<"mailDevices">>;
  /** Deletes what has expired. */
  prune(): Promise<void>;
}

/** What the mailbox needs. */
export interface MailboxDeps {
  readonly store: OrderedStore;
  readonly queue: CommitQueue;
  readonly clock: Clock;
  readonly issuer: Signer;
  readonly members: Pick<Members, "get" | "list">;
  /** Told, once it is on the disk, of mail for an agent and of deposits without a copy left. */
  readonly onChange?: (change: MailChange) => void;
}

/** What happened to mail; both are agents' ids. */
export type MailChange =
  | { readonly kind: "mail"; readonly to: string }
  | { readonly kind: "settled"; readonly from: string; readonly id: string };

const sealKeyKey = (agentId: string): string => `mail/key/${agentId}`;

/** Refuses what would tell more than a size class, or hides something in the header. */
function checkForm(sealed: SealedMail, recipients: number): void {
  const bytes = Buffer.from(sealed.ciphertext, "base64url").length;
  const problem =
    bytes > MAX_MAIL_BYTES || bytes !== mailSizeOf(bytes)
      ? "its size is none of the classes that mail is padded to"
      : sealed.recipients.length === recipients
        ? undefined
        : "it is sealed to another number of keys than it has recipients";
  if (problem !== undefined) throw new GaggleError("INVALID_INPUT", `The deposit can't be taken: ${problem}.`);
}

/** All recipients are devices of one person, each named once. @throws GaggleError INVALID_INPUT, NOT_A_MEMBER, REVOKED */
function checkRecipients(members: Pick<Members, "get">, by: Principal, to: readonly string[]): void {
  const subjects = new Set(to.map((agentId) => members.get(agentId).subject));
  if (subjects.size !== 1 || new Set(to).size !== to.length || to.includes(by.agentId))
    throw new GaggleError("INVALID_INPUT", "A deposit is for the devices of one other person, each named once.");
}

/** Opens the mailbox over the node's store. */
export function createMailbox(deps: MailboxDeps, config: { org: string; quotas?: MailQuotas }): Mailbox {
  const { store, queue } = deps;
  const quotas = config.quotas ?? DEFAULT_MAIL_QUOTAS;
  const tell = deps.onChange ?? (() => undefined);

  const checkRoom = (tx: Transaction, whose: string, quota: Room, bytes: number): void => {
    const { count, bytes: taken } = readRoom(tx, whose);
    if (count < quota.count && taken + bytes <= quota.bytes) return;
    const [kind = ""] = whose.split("/");
    const problem = { from: "Too much of this sender's mail", to: "Too much mail for this recipient", all: "Too much mail" }[kind];
    throw new GaggleError("MAILBOX_FULL", `${problem} waits on the bootstrap node; the message stays with its sender and is tried again.`, {
      details: { quota: kind, count, bytes: taken },
    });
  };

  /** Nobody takes all of a recipient's room. A first one goes as long as there is any. */
  const checkShare = (tx: Transaction, from: string, to: string, bytes: number): void => {
    const [all, own] = [readRoom(tx, `to/${to}`), readRoom(tx, shareOf(from, to))];
    const [count, most] = [halfOf(quotas.recipient.count, all.count, own.count), halfOf(quotas.recipient.bytes, all.bytes, own.bytes)];
    if (own.count === 0 || (own.count < count && own.bytes + bytes <= most)) return;
    throw new GaggleError(
      "MAILBOX_FULL",
      "This sender's share of the recipient's mailbox is taken up; the message stays with its sender and is tried again.",
      { details: { quota: "share", count: own.count, bytes: own.bytes } },
    );
  };

  const add = (tx: Transaction, by: Principal, { id, to, sealed }: BootstrapRequest<"deposit">): Deposit => {
    const known = readDeposit(tx, by.agentId, id);
    if (known !== undefined) return known;
    const bytes = Buffer.byteLength(JSON.stringify(sealed));
    checkRoom(tx, `from/${by.agentId}`, quotas.sender, bytes);
    for (const agentId of to) {
      checkRoom(tx, `to/${agentId}`, quotas.recipient, bytes);
      checkShare(tx, by.agentId, agentId, bytes);
    }
    checkRoom(tx, "all", quotas.all, bytes);
    const from = by.agentId;
    const at = tx.now;
    const stamp = signStamp({ v: 1, org: config.org, id, from, to: [...to], at, sha256: canonicalHash(sealed) }, deps.issuer);
    const deposit: Deposit = { v: 1, seq: nextSeq(tx), id, from, left: to, expiresAt: at + ENVELOPE_LIFETIME_MS, bytes, stamp, sealed };
    addDeposit(tx, deposit);
    for (const agentId of to) tx.afterCommit(() => tell({ kind: "mail", to: agentId }));
    return deposit;
  };

  const remove = (tx: Transaction, deposit: Deposit, recipients: readonly string[]): void => {
    const { from, id, left } = deposit;
    removeCopies(tx, deposit, recipients);
    if (left.every((one) => recipients.includes(one))) tx.afterCommit(() => tell({ kind: "settled", from, id }));
  };

  const check = (by: Principal, { sealed, to }: BootstrapRequest<"deposit">): void => {
    checkForm(sealed, to.length);
    checkRecipients(deps.members, by, to);
  };

  const keepSealKey = async (by: Member, jws: string): Promise<void> => {
    if (store.get(sealKeyKey(by.agentId)) === jws) return;
    if (verifySealKey(jws, { org: config.org, agent: by.agentId }).x !== by.seal.x)
      throw new GaggleError("CREDENTIAL_INVALID", "The key for sealed mail is not the one that this agent joined with; join again.");
    await queue.run((tx) => tx.put(sealKeyKey(by.agentId), jws), { finishing: true });
  };

  const list = async (agentId: string, after: number): Promise<BootstrapResponse<"fetchMail">> => {
    const rows = await store.range({ ...inboxAfter(agentId, after), limit: PAGE_ITEMS + 1 });
    const items: BootstrapResponse<"fetchMail">["items"] = [];
    let bytes = 0;
    for (const [, value] of rows.slice(0, PAGE_ITEMS)) {
      if (bytes >= PAGE_BYTES) return { items, more: true };
      const deposit = readListed(store, value);
      if (deposit === undefined) continue;
      items.push({ seq: deposit.seq, stamp: deposit.stamp, sealed: deposit.sealed });
      bytes += deposit.bytes;
    }
    return { items, more: rows.length > PAGE_ITEMS };
  };

  return {
    async deposit(by, request) {
      check(by, request);
      return { stamp: (await queue.run((tx) => add(tx, by, request))).stamp };
    },
    async depositAll(by, requests, also) {
      for (const request of requests) check(by, request);
      return queue.run((tx) => {
        const kept = requests.map((request) => add(tx, by, request));
        also(tx, kept);
        return kept;
      });
    },
    async fetch(by, { sealKey, after }) {
      await keepSealKey(by, sealKey);
      return list(by.agentId, after);
    },
    discard: (by, { items }) =>
      queue.run(
        (tx) => {
          for (const { from, id } of items) {
            const deposit = readDeposit(tx, from, id);
            if (deposit !== undefined) remove(tx, deposit, [by.agentId]);
          }
        },
        { finishing: true },
      ),
    withdraw: (by, { ids }) =>
      queue.run(
        (tx) => {
          for (const id of ids) {
            const deposit = readDeposit(tx, by.agentId, id);
            if (deposit !== undefined) remove(tx, deposit, deposit.left);
          }
        },
        { finishing: true },
      ),
    async devices({ subject }) {
      const theirs = (await deps.members.list()).filter((member) => member.subject === subject);
      return {
        devices: theirs.flatMap(({ agentId, credential }) => {
          const sealKey = store.get(sealKeyKey(agentId));
          return sealKey === undefined ? [] : [{ credential, sealKey }];
        }),
      };
    },
    async prune() {
      for (;;) {
        const rows = await store.range({ ...expiredBefore(deps.clock.now()), limit: PRUNE_BATCH });
        if (rows.length === 0) return;
        await queue.run(
          (tx) => {
            for (const [key] of rows) {
              const { from, id } = ofExpiryKey(key);
              const deposit = readDeposit(tx, from, id);
              if (deposit === undefined) tx.del(key);
              else remove(tx, deposit, deposit.left);
            }
          },
          { finishing: true },
        );
      }
    },
  };
}

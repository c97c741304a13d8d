/**
 * Watches the bootstrap node's log of receipts: keeps the newest signed head that goes on from all those seen before, and raises an alarm with both
 * heads where one does not. Heads come with receipts and from colleagues, so that the node can't show one history here and another there.
 * Sans-IO. Source: decision 0113.
 */
import {
  type AuditBridge,
  auditBridge,
  type AuditDraft,
  type AuditLogHead,
  type AuditReceipt,
  type LogAlarm,
  logAlarm,
  type LogDoubt,
} from "../contract/audit.ts";
import { errorCode, GaggleError } from "../contract/errors.ts";
import type { Ed25519Jwk } from "../contract/identity.ts";
import { parseAs, parseJson } from "../contract/json.ts";
import type { CommitQueue, OrderedStore, Transaction } from "../contract/ports.ts";
import { unverifiedPayloadOf } from "../identity/jws.ts";
import { alarmId } from "./acknowledge.ts";
import type { ChainEnd } from "./chain.ts";
import { dayOf } from "./checkpoint.ts";
import { isConsistent } from "./merkle.ts";
import { holdsEntry, verifyLogHead } from "./receipt.ts";

const HEAD_KEY = "audit/log";
const RECEIPT_KEY = "audit/receipt";
const ALARMS = "audit/alarm/";
/** Stands for the bootstrap node as the one who told a head. */
const NODE = "node";
/** Most alarms that are kept; one of a kind, day and source is enough to act on. */
const MAX_ALARMS = 100;

/** What watching needs. */
export interface LogWatchDeps {
  readonly store: OrderedStore;
  readonly queue: CommitQueue;
  /** Whose signatures count: the issuers of the newest bundle. */
  issuers(): readonly Ed25519Jwk[];
  /** Asks the node for the proof that its log of `first` receipts is the beginning of that of `second`. @throws GaggleError of the node or the way there */
  prove(first: number, second: number): Promise<readonly string[]>;
  /** Makes the audit event of an alarm. */
  event(draft: Pick<AuditDraft, "action" | "target" | "result" | "details"> & { readonly person?: string }): AuditDraft;
}

/** A signed head, read. */
interface Head extends AuditLogHead {
  readonly jws: string;
}

/** Watches the node's log. */
export interface LogWatch {
  /** The newest head that is believed; undefined before the first. */
  head(): string | undefined;
  /** Its size; undefined before the first. */
  size(): number | undefined;
  /** The node's receipt for an end of this agent's chain, undefined where it gave none. @param askedFrom the size that the node was asked to go on from */
  takeReceipt(receipt: AuditReceipt | undefined, end: ChainEnd, askedFrom: number | undefined): Promise<void>;
  /** The node's receipt for the furthest end of this agent's chain that it has taken, for when it loses that; undefined before the first. */
  furthest(): Omit<AuditBridge, "anchor"> | undefined;
  /** A colleague's head. One that no issuer signed is nothing. */
  hear(jws: string, from: string): Promise<void>;
  /** What was found, newest first. */
  alarms(): Promise<LogAlarm[]>;
  /** The agent's own person has looked at an alarm. It stays, and is open no more. @throws GaggleError NOT_FOUND where none of that id is open */
  acknowledge(word: { readonly id: string; readonly reason: string; readonly by: string }): Promise<void>;
}

/** Makes it. @param config whose chain the receipts are for */
export function createLogWatch(deps: LogWatchDeps, config: { org: string; agentId: string }): LogWatch {
  const { store, queue } = deps;
  let last: Promise<void> = Promise.resolve();

  /** One head after the other, so that each is compared with what the one before left. */
  const inTurn = (work: () => Promise<void>): Promise<void> => {
    last = last.catch(() => undefined).then(work);
    return last;
  };

  const known = (): Head | undefined => {
    const jws = store.get(HEAD_KEY);
    // Checked when it was kept; its issuer may be gone by now.
    return jws === undefined ? undefined : { ...(unverifiedPayloadOf(jws) as AuditLogHead), jws };
  };

  const furthest = (): Omit<AuditBridge, "anchor"> | undefined => {
    const text = store.get(RECEIPT_KEY);
    return text === undefined ? undefined : parseAs(auditBridge.omit({ anchor: true }), parseJson(text, "A receipt"), "A receipt");
  };

  const believed = (jws: string): Head => ({ ...verifyLogHead(jws, deps.issuers(), config.org), jws });

  const keep = (head: Head): Promise<void> => queue.run((tx) => tx.put(HEAD_KEY, head.jws), { finishing: true });

  const raise = async (doubt: LogDoubt, from: string, mine: Head, other: Head): Promise<void> => {
    const kept = await store.range({ gte: ALARMS, lt: `${ALARMS}~`, limit: MAX_ALARMS });
    const note = (tx: Transaction): void => {
      // Goes on from what the node now says, so that one contradiction is one alarm. A colleague's head may be of another history: it is not gone on from.
      if (from === NODE) tx.put(HEAD_KEY, other.jws);
      const key = `${ALARMS}${dayOf(tx.now)}/${doubt}/${from}`;
      // Also where it was acknowledged: colleagues repeat a contradiction each minute. The next day it is told anew.
      if (tx.get(key) !== undefined) return;
      if (kept.length >= MAX_ALARMS) {
        // The audit trail has those that somebody has looked at.
        const closed = kept.find(([, text]) => readAlarm(text).acknowledged !== undefined);
        if (closed === undefined) return;
        tx.del(closed[0]);
      }
      const alarm: LogAlarm = { at: new Date(tx.now).toISOString(), doubt, from, known: mine.jws, other: other.jws };
      tx.put(key, JSON.stringify(alarm));
      const details = { doubt, from, known: mine.jws, other: other.jws };
      tx.audit(deps.event({ action: "audit.split", target: `log:${other.size}`, result: "denied", details }));
    };
    await queue.run(note, { finishing: true });
  };

  /** @param proof the node's, that the smaller log is the beginning of the larger one */
  const judge = async (mine: Head, other: Head, from: string, proof: readonly string[]): Promise<void> => {
    const [first, second] = mine.size <= other.size ? [mine, other] : [other, mine];
    if (first.size === second.size && first.root !== second.root) return raise("two-histories", from, mine, other);
    if (first.size !== second.size && !isConsistent({ first, second, proof })) return raise("not-proven", from, mine, other);
    if (other.size > mine.size) await keep(other);
  };

  const compare = async (mine: Head, other: Head, from: string): Promise<void> => {
    const [first, second] = [Math.min(mine.size, other.size), Math.max(mine.size, other.size)];
    const proof = first === second ? [] : await deps.prove(first, second).catch(orNone);
    return proof === undefined ? raise("shorter", from, mine, other) : judge(mine, other, from, proof);
  };

  const takeReceipt = async ({ log, index, inclusion, consistency }: AuditReceipt, end: ChainEnd, askedFrom?: number): Promise<void> => {
    const head = believed(log);
    const mine = known();
    const kept = furthest();
    if (!holdsEntry(head, { agentId: config.agentId, seq: end.seq, hash: end.hash }, { index, proof: inclusion }))
      return raise("no-receipt", NODE, mine ?? head, head);
    if (kept === undefined || kept.seq <= end.seq) {
      const receipt: Omit<AuditBridge, "anchor"> = { log, index, proof: inclusion, seq: end.seq, hash: end.hash };
      await queue.run((tx) => tx.put(RECEIPT_KEY, JSON.stringify(receipt)), { finishing: true });
    }
    if (mine === undefined) return keep(head);
    // Meanwhile a colleague's head may have been taken, which the node was not asked to go on from.
    if (askedFrom !== mine.size) return compare(mine, head, NODE);
    if (head.size < mine.size) return raise("shorter", NODE, mine, head);
    await judge(mine, head, NODE, consistency ?? []);
  };

  return {
    head: () => known()?.jws,
    size: () => known()?.size,
    furthest,
    takeReceipt: (receipt, end, askedFrom) =>
      inTurn(async () => {
        const mine = known();
        if (receipt !== undefined) await takeReceipt(receipt, end, askedFrom);
        // A node that never gave one is of an older version.
        else if (mine !== undefined) await raise("no-receipt", NODE, mine, mine);
      }),
    hear: (jws, from) =>
      inTurn(async () => {
        const mine = known();
        if (jws === mine?.jws) return;
        const other = believed(jws);
        await (mine === undefined ? keep(other) : compare(mine, other, from));
      }),
    async acknowledge({ id, reason, by }) {
      const rows = await store.range({ gte: ALARMS, lt: `${ALARMS}~` });
      const key = rows.find(([, text]) => logAlarmId(readAlarm(text)) === id)?.[0];
      await queue.run((tx) => {
        const text = key === undefined ? undefined : tx.get(key);
        const alarm = text === undefined ? undefined : readAlarm(text);
        if (key === undefined || alarm === undefined || alarm.acknowledged !== undefined || logAlarmId(alarm) !== id)
          throw new GaggleError("NOT_FOUND", "No alarm of that id is open; gaggle audit alarms lists them.");
        tx.put(key, JSON.stringify({ ...alarm, acknowledged: { by, at: new Date(tx.now).toISOString(), reason } }));
        const details = { doubt: alarm.doubt, from: alarm.from, raisedAt: alarm.at, reason };
        tx.audit(deps.event({ action: "audit.acknowledge", target: `alarm:${id}`, result: "ok", details, person: by }));
      });
    },
    async alarms() {
      const rows = await store.range({ gte: ALARMS, lt: `${ALARMS}~` });
      return rows.map(([, text]) => readAlarm(text)).toSorted((a, b) => Date.parse(b.at) - Date.parse(a.at));
    },
  };
}

const readAlarm = (text: string): LogAlarm => parseAs(logAlarm, parseJson(text, "An alarm"), "An alarm");

/** How an alarm about the node's log is named. */
export const logAlarmId = ({ at, doubt, from }: Pick<LogAlarm, "at" | "doubt" | "from">): string => alarmId("log", at, doubt, from);

/** A node that says it has no such log has lost one that it signed; whatever else went wrong, it is asked again later. */
function orNone(error: unknown): undefined {
  if (errorCode(error) === "NOT_FOUND") return undefined;
  throw error;
}

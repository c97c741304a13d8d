/** Alarms about agents' chains, for an admin: at most one of a kind and agent, so that nobody fills the disk with them. */
import { z } from "zod";
import { type AlarmAcknowledgement, type AuditAlarm, auditAlarm } from "../../mesh/contract/audit.ts";
import { GaggleError } from "../../mesh/contract/errors.ts";
import { parseAs, parseJson } from "../../mesh/contract/json.ts";
import type { OrderedStore, Transaction } from "../../mesh/contract/ports.ts";
import { ownEvent, type OwnIdentity } from "../own-event.ts";

/** At most one audit event about an agent and kind in this time. */
const EVENT_INTERVAL_MS = 60_000;
const PREFIX = "collected/alarms/";
const KINDS = ["fork", "gap", "altered"] as const;

const keyOf = (kind: AuditAlarm["kind"], agentId: string): string => `${PREFIX}${agentId}/${kind}`;
/** An alarm as it is stored: with when the audit was last told of it, in milliseconds since the epoch. */
const storedAlarm = z.strictObject({ ...auditAlarm.shape, toldAt: z.int() });
const read = (text: string): z.infer<typeof storedAlarm> => parseAs(storedAlarm, parseJson(text, "An alarm"), "An alarm");

/** Who acknowledges, and what they signed. */
export interface Acknowledging {
  /** Agent id of the caller, or thumbprint of the admin key. */
  readonly by: string;
  readonly jws: string;
  readonly said: AlarmAcknowledgement;
}

/** Alarms about agents' chains. */
export interface AuditAlarms {
  /** Notes one; the same again counts up. */
  raise(tx: Transaction, about: Pick<AuditAlarm, "kind" | "agentId" | "seq" | "expectedSeq">): void;
  /** The agent's chain went on as it should. */
  settle(tx: Transaction, agentId: string): void;
  /** All alarms, the open and newest first. */
  list(): Promise<AuditAlarm[]>;
  /**
   * Closes an alarm as it was last raised. It stays in the list, and the same again opens it anew.
   * @throws GaggleError STATE_CONFLICT where it was raised again since it was looked at, or is open no more
   */
  acknowledge(tx: Transaction, about: Pick<AuditAlarm, "kind" | "agentId">, word: Acknowledging): AuditAlarm;
}

/** Keeps them in the node's store. */
export function createAuditAlarms(deps: { store: OrderedStore; own: OwnIdentity }): AuditAlarms {
  return {
    raise(tx, { kind, agentId, seq, expectedSeq }) {
      const stored = tx.get(keyOf(kind, agentId));
      const before = stored === undefined ? undefined : read(stored);
      const now = new Date(tx.now).toISOString();
      const count = (before?.count ?? 0) + 1;
      const alarm: AuditAlarm = { kind, agentId, seq, expectedSeq, firstAt: before?.firstAt ?? now, lastAt: now, count, open: true };
      const isTold = before?.open === true && tx.now - before.toldAt < EVENT_INTERVAL_MS;
      tx.put(keyOf(kind, agentId), JSON.stringify({ ...alarm, toldAt: isTold ? before.toldAt : tx.now }));
      if (isTold) return;
      const details = { seq, expectedSeq, count };
      tx.audit(ownEvent(deps.own, { action: `audit.${kind}`, target: `agent:${agentId}`, result: "denied", details }));
    },
    settle(tx, agentId) {
      for (const kind of KINDS) {
        const stored = tx.get(keyOf(kind, agentId));
        if (stored === undefined) continue;
        const alarm = read(stored);
        // A fork stays: what the agent showed once can't be made good by going on.
        if (alarm.open && kind === "gap") tx.put(keyOf(kind, agentId), JSON.stringify({ ...alarm, open: false }));
      }
    },
    acknowledge(tx, { kind, agentId }, { by, jws, said }) {
      const stored = tx.get(keyOf(kind, agentId));
      const before = stored === undefined ? undefined : read(stored);
      if (before?.open !== true || before.lastAt !== said.lastAt)
        throw new GaggleError(
          "STATE_CONFLICT",
          "The alarm is open no more, or was raised again; look at it anew with: gaggle audit alarms",
        );
      const alarm = { ...before, open: false, acknowledged: { by, at: new Date(tx.now).toISOString(), reason: said.reason, jws } };
      tx.put(keyOf(kind, agentId), JSON.stringify(alarm));
      const details = { kind, by, lastAt: said.lastAt, count: before.count, reason: said.reason };
      tx.audit(ownEvent(deps.own, { action: "audit.acknowledge", target: `agent:${agentId}`, result: "ok", details }));
      return auditAlarm.parse(alarm);
    },
    async list() {
      const rows = await deps.store.range({ gte: PREFIX, lt: `${PREFIX}~` });
      return rows
        .map(([, text]) => auditAlarm.parse(read(text)))
        .toSorted((a, b) => Number(b.open) - Number(a.open) || Date.parse(b.lastAt) - Date.parse(a.lastAt));
    },
  };
}

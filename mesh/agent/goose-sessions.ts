/**
 * The Goose sessions that registered with this daemon: a person's chats, and the runs that it started itself. Chats are kept in the store, so
 * that a restart of the daemon does not cut off an open one; runs end with their daemon.
 */
import type { Clock, OrderedStore, Transaction } from "../contract/ports.ts";

/** What is known of a session. */
export interface GooseSession {
  readonly kind: "chat" | "run";
  /** Trace of everything that follows from the session. */
  readonly traceId: string;
  /** The colleague's task that a run works on. */
  readonly taskId?: string;
}

/** Registered sessions, bounded: the one that was seen longest ago is forgotten first. Keys as `sessionKey` makes them. */
export interface GooseSessions {
  /**
   * Registers a session, or says that it is still there. A run keeps its kind and trace when Goose's own hook registers it again.
   * @param tx keeps a chat over a restart of the daemon
   * @returns whether the session was unknown or had expired
   */
  register(key: string, session: GooseSession, tx?: Pick<Transaction, "put" | "del">): boolean;
  /** The session, or undefined where it never registered or was not seen for a day. */
  find(key: string): GooseSession | undefined;
}

/** Sessions remembered. */
const MAX_SESSIONS = 2_000;
/** Goose's hook registers a session anew at every prompt, so this bounds how long one prompt may work. */
const EXPIRES_AFTER_MS = 24 * 3_600_000;
/** A chat that goes on is written anew no more often than this. */
const STORE_EVERY_MS = 3_600_000;
const PREFIX = "goose/session/";

interface Entry extends GooseSession {
  readonly seenAt: number;
  /** When the disk last heard of it; undefined for what is not kept there. */
  readonly storedAt: number | undefined;
}

/** Makes the register. @param kept chats of an earlier daemon, the one seen longest ago first */
export function createGooseSessions(deps: { clock: Pick<Clock, "now"> }, kept: readonly (readonly [string, Entry])[] = []): GooseSessions {
  const sessions = new Map<string, Entry>(kept);
  const fresh = (entry: Entry | undefined): Entry | undefined =>
    entry !== undefined && deps.clock.now() - entry.seenAt < EXPIRES_AFTER_MS ? entry : undefined;

  const forgetOldest = (tx: Pick<Transaction, "del"> | undefined): void => {
    const [oldest] = sessions.keys();
    if (sessions.size <= MAX_SESSIONS || oldest === undefined) return;
    sessions.delete(oldest);
    tx?.del(PREFIX + oldest);
  };

  return {
    register(key, session, tx) {
      const now = deps.clock.now();
      const known = fresh(sessions.get(key));
      const { kind, traceId, taskId } = session.kind === "chat" && known !== undefined ? known : session;
      const store = tx !== undefined && kind === "chat" && now - (known?.storedAt ?? 0) >= STORE_EVERY_MS;
      if (store) tx.put(PREFIX + key, JSON.stringify({ v: 1, traceId, seenAt: now }));
      // Taken out first, so that it is the newest again.
      sessions.delete(key);
      sessions.set(key, {
        kind,
        traceId,
        ...(taskId === undefined ? {} : { taskId }),
        seenAt: now,
        storedAt: store ? now : known?.storedAt,
      });
      forgetOldest(tx);
      return known === undefined;
    },
    find(key) {
      const found = fresh(sessions.get(key));
      if (found === undefined) return undefined;
      const { seenAt: _, storedAt: __, ...session } = found;
      return session;
    },
  };
}

/** Makes the register with the chats that an earlier daemon kept, and throws away those that have expired. */
export async function openGooseSessions(deps: { clock: Pick<Clock, "now">; store: OrderedStore }): Promise<GooseSessions> {
  const rows = await deps.store.range({ gte: PREFIX, lt: "goose/session0" });
  const entries = rows.map(([key, text]): [string, Entry] => {
    const { traceId, seenAt } = JSON.parse(text) as { traceId: string; seenAt: number };
    return [key.slice(PREFIX.length), { kind: "chat", traceId, seenAt, storedAt: seenAt }];
  });
  const now = deps.clock.now();
  const isExpired = ([, { seenAt }]: [string, Entry]): boolean => now - seenAt >= EXPIRES_AFTER_MS;
  const expired = entries.filter(isExpired).map(([key]) => ({ type: "del" as const, key: PREFIX + key }));
  if (expired.length > 0) await deps.store.batch(expired, { sync: false });
  const kept = entries.filter((entry) => !isExpired(entry)).sort(([, a], [, b]) => a.seenAt - b.seenAt);
  return createGooseSessions(deps, kept.slice(-MAX_SESSIONS));
}

/** All sessions of one agent: bounded, with expiry, kept in the vault across restarts where there is one. */
import { GaggleError } from "../../mesh/contract/errors.ts";
import type { Clock, Random } from "../../mesh/contract/ports.ts";
import { createPeople, type People } from "./people.ts";
import { type TableLimits, tooMany } from "./table-room.ts";
import { createTokenSession, type IssuedToken, type TokenSession } from "./token-session.ts";
import { type MapVault, sidOf } from "./vault/map-vault.ts";

export type { TokenSession } from "./token-session.ts";

/** A key of the tenant for pseudonyms, in one of its epochs. `key`: 32 bytes. */
export interface EpochKey {
  readonly epoch: number;
  readonly key: Uint8Array;
}

/** All sessions of one agent. */
export interface TokenSessions {
  /**
   * The session with this id; made when it is new or expired. A new one uses the newest epoch and keeps it for its life.
   * @param options for a new session only. `lifetimeMs`: time after its last use when it is forgotten; `owner`: the colleague's agent that caused it,
   *   whose maps make room for each other and never drive out this agent's own
   * @throws GaggleError GUARD_REFUSED where the kept map of this session was tampered with; other sessions are not touched
   */
  open(id: string, options?: { lifetimeMs?: number; owner?: string }): TokenSession;
  /** The session with this id where there is one. @throws GaggleError as `open` */
  find(id: string): TokenSession | undefined;
  /** A session of its own for one request that named none: in memory, forgotten with its last reference. */
  temporary(): TokenSession;
  /** Forgets a session; resolves when its map is deleted. */
  drop(id: string): Promise<void>;
  /** Forgets all sessions and destroys the key of their maps. */
  dropAll(): Promise<void>;
  /** Deletes what has expired. Sessions that are opened do so themselves; call it now and then for those that nobody opens any more. */
  sweep(): Promise<void>;
}

/** Keys and bounds. */
export interface TokenSessionsConfig {
  /** The tenant's keys, at least one; the highest epoch is used for new sessions. Read at every new session, so a getter may follow a rotation. */
  readonly epochs: readonly EpochKey[];
  /**
   * Full names of the organisation's people, for a surname alone that nobody in the session has. Read at every new session; give the same array
   * while nothing has changed.
   */
  readonly people?: readonly string[];
  /** Sessions kept; the one unused for longest goes first. Default 500. */
  readonly maxSessions?: number;
  /** Values a session may hold. Default 100 000. */
  readonly maxValues?: number;
  /** Values that all sessions together may hold; sessions unused for longest go first. Default 300 000. */
  readonly maxTotalValues?: number;
  /** Bounds of the maps that colleagues' tasks cause, of each and of all together. Default: 50 and 200 maps, 50 000 and 100 000 values. */
  readonly colleagues?: Pick<TableLimits, "colleague" | "colleagues">;
  /** Time after its last use when a session is forgotten. Default 24 hours. */
  readonly lifetimeMs?: number;
}

/** What is known of a session, loaded or not. */
interface Held {
  readonly session?: TokenSession;
  readonly lifetimeMs: number;
  readonly usedAt: number;
  /** When its last use was last written down. */
  readonly keptAt: number;
  readonly values: number;
  readonly owner?: string;
}

const DAY_MS = 86_400_000;
const COLLEAGUES = { colleague: { sessions: 50, values: 50_000 }, colleagues: { sessions: 200, values: 100_000 } };
/** A last use is written down again after this part of the lifetime: so much earlier may a map expire after a restart. */
const TOUCH_PART = 24;

/**
 * Makes the table of sessions.
 * @param deps clock for expiry; randomness for each session's own key; `vault`: left out, everything is in memory alone
 * @param kept what `vault.list` gave
 * @throws GaggleError INVALID_INPUT where there is no key of 32 bytes
 */
export function createTokenSessions(
  deps: { clock: Clock; random: Random; vault?: MapVault },
  config: TokenSessionsConfig,
  kept: Awaited<ReturnType<MapVault["list"]>> = [],
): TokenSessions {
  const { maxSessions = 500, maxValues = 100_000, maxTotalValues = 300_000, lifetimeMs = DAY_MS } = config;
  const { clock, random, vault } = deps;
  const newestKey = (): EpochKey => newestOf(config.epochs);
  // A member that signed in gets its first key from a steward's daemon later.
  if (config.epochs.length > 0) newestKey();
  const peopleNow = createPeopleReader(() => config.people);
  // In order of last use: a session that is used moves to the end.
  const held = new Map<string, Held>();
  for (const { sid, head } of kept.toSorted((a, b) => a.head.usedAt - b.head.usedAt)) {
    const { usedAt, expiresAt, values, owner } = head;
    held.set(sid, { lifetimeMs: expiresAt - usedAt, usedAt, keptAt: usedAt, values, ...(owner === undefined ? {} : { owner }) });
  }

  const isExpired = ({ usedAt, lifetimeMs: span }: Held): boolean => usedAt + span <= clock.now();
  /** Maps that are being deleted: a new session with the same id waits, so that nothing of it goes with them. */
  const leaving = new Map<string, Promise<void>>();
  const forget = (sid: string): Promise<void> => {
    held.delete(sid);
    const gone = (vault?.forget(sid) ?? Promise.resolve()).finally(() => {
      if (leaving.get(sid) === gone) leaving.delete(sid);
    });
    leaving.set(sid, gone);
    return gone;
  };
  /** What can't be deleted now goes at the next sweep or start. */
  const forgetSoon = (sid: string): void => void forget(sid).catch(() => undefined);
  const touch = (sid: string, change: Omit<Held, "usedAt">): void => {
    held.delete(sid);
    held.set(sid, { ...change, usedAt: clock.now() });
  };

  const limits: TableLimits = { own: { sessions: maxSessions, values: maxTotalValues }, ...(config.colleagues ?? COLLEAGUES) };
  const makeRoom = (): void => {
    for (const sid of tooMany(held, limits)) forgetSoon(sid);
  };

  /** Writes what a session has newly issued, and now and then that it is still in use. */
  const saveOf = (sid: string, secrets: { mapRef: string; sessionKey: Uint8Array }, epoch: number) => {
    return async (issued: readonly IssuedToken[]): Promise<void> => {
      await leaving.get(sid)?.catch(() => undefined);
      const now = held.get(sid);
      if (now?.session?.mapRef !== secrets.mapRef)
        throw new GaggleError("GUARD_REFUSED", "The masked values of this session were deleted meanwhile; send the request again.");
      if (issued.length === 0 && clock.now() - now.keptAt < now.lifetimeMs / TOUCH_PART) return;
      const usedAt = clock.now();
      const { lifetimeMs: span, owner } = now;
      await vault?.append(sid, secrets, { epoch, usedAt, expiresAt: usedAt + span, issued, ...(owner === undefined ? {} : { owner }) });
      const after = held.get(sid);
      if (after !== undefined) held.set(sid, { ...after, keptAt: usedAt, values: after.values + issued.length });
      makeRoom();
    };
  };

  const make = (sid: string, map: { mapRef: string; sessionKey: Uint8Array; stored?: readonly IssuedToken[] }, epoch: EpochKey) =>
    createTokenSession({
      ...map,
      epochKey: epoch.key,
      maxValues,
      ...peopleNow(),
      save: saveOf(sid, map, epoch.epoch),
    });

  const load = (sid: string): TokenSession | undefined => {
    const map = vault?.read(sid);
    if (map === undefined) return undefined;
    const { mapRef, sessionKey, issued, head } = map;
    const epoch = config.epochs.find((one) => one.epoch === head.epoch) ?? newestKey();
    return make(sid, { mapRef, sessionKey, stored: issued }, { epoch: head.epoch, key: epoch.key });
  };

  const find = (id: string): TokenSession | undefined => {
    const sid = sidOf(id);
    const known = held.get(sid);
    if (known === undefined) return undefined;
    if (isExpired(known)) {
      forgetSoon(sid);
      return undefined;
    }
    const session = known.session ?? load(sid);
    if (session === undefined) return undefined;
    touch(sid, { ...known, session });
    return session;
  };

  const create = (sid: string, { lifetimeMs: span = lifetimeMs, owner }: { lifetimeMs?: number; owner?: string }): TokenSession => {
    const session = make(sid, { mapRef: newMapRef(random), sessionKey: random.bytes(32) }, newestKey());
    touch(sid, { session, lifetimeMs: span, keptAt: clock.now(), values: 0, ...(owner === undefined ? {} : { owner }) });
    makeRoom();
    return session;
  };

  return {
    find,
    open: (id, options = {}) => find(id) ?? create(sidOf(id), options),
    temporary: () =>
      createTokenSession({
        mapRef: newMapRef(random),
        epochKey: newestKey().key,
        sessionKey: random.bytes(32),
        maxValues,
        ...peopleNow(),
      }),
    drop: (id) => forget(sidOf(id)),
    dropAll: async () => {
      held.clear();
      await vault?.forgetAll();
    },
    sweep: async () => {
      for (const [sid, known] of held) if (isExpired(known)) await forget(sid);
    },
  };
}

const newMapRef = (random: Random): string => Buffer.from(random.bytes(16)).toString("hex");

/** Takes the list of people in anew when it is another one. */
function createPeopleReader(names: () => readonly string[] | undefined): () => { people?: People } {
  let seen: readonly string[] | undefined;
  let people: People | undefined;
  return () => {
    const given = names();
    if (given !== seen) people = given === undefined ? undefined : createPeople(given);
    seen = given;
    return people === undefined ? {} : { people };
  };
}

/** The key of the highest epoch. @throws GaggleError INVALID_INPUT where there is none of 32 bytes */
export function newestOf(epochs: readonly EpochKey[]): EpochKey {
  const newest = epochs.reduce<EpochKey | undefined>((best, one) => (best === undefined || one.epoch > best.epoch ? one : best), undefined);
  if (newest !== undefined && newest.key.length >= 32) return newest;
  if (newest === undefined) {
    throw new GaggleError(
      "GUARD_REFUSED",
      "The organisation's key for pseudonyms has not come yet. A steward's daemon hands it out when it meets this agent; ask an admin whether one runs.",
    );
  }
  throw new GaggleError("INVALID_INPUT", "The key for pseudonyms is too short; it needs 32 bytes. Ask an admin for it.");
}

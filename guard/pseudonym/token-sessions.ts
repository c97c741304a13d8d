/** Which token stands for which text, per session: in memory, bounded, with expiry. Only a session's own tokens restore in it. */
import { GaggleError } from "../../mesh/contract/errors.ts";
import type { Clock, Random } from "../../mesh/contract/ports.ts";
import { createKnownValues, type KnownValues } from "../detect/known-values.ts";
import { makeToken } from "./token-code.ts";
import { canonicalToken, type TokenClass } from "./token-form.ts";

/** What a token stands for. */
export interface TokenEntry {
  /** The text that was replaced, exactly. */
  readonly surface: string;
  /** The same with JSON escapes decoded. */
  readonly value: string;
}

/** The tokens of one session. */
export interface TokenSession {
  /** Names this session's map to a later call; random, says nothing about its content. */
  readonly mapRef: string;
  /** Values masked in this session; they are masked wherever they turn up again. */
  readonly known: KnownValues;
  /**
   * The token for a text: the same text always gets the same token.
   * @throws GaggleError GUARD_REFUSED when the session holds too many values
   */
  tokenFor(tokenClass: TokenClass, entry: TokenEntry): string;
  /** What a token stands for, in any case and with Markdown's backslashes; undefined unless this session issued it. */
  lookup(token: string): TokenEntry | undefined;
}

/** All sessions of one agent. */
export interface TokenSessions {
  /** The session with this id; made when it is new or expired. */
  open(id: string): TokenSession;
  /** The session with this id where there is one. */
  find(id: string): TokenSession | undefined;
  /** Forgets a session. */
  drop(id: string): void;
}

/** Key and bounds. */
export interface TokenSessionsConfig {
  /** The tenant's epoch key, 32 bytes: e-mail addresses get the same token on every machine that has it. */
  readonly epochKey: Uint8Array;
  /** Sessions kept; the one unused for longest goes first. Default 500. */
  readonly maxSessions?: number;
  /** Values a session may hold. Default 100 000. */
  readonly maxValues?: number;
  /** Time after its last use when a session is forgotten. Default 24 hours. */
  readonly lifetimeMs?: number;
}

/** Classes whose values are too many to try out, so that a keyed code hides them; the rest get codes of the session's own key. */
const STABLE: ReadonlySet<TokenClass> = new Set(["EMAIL"]);

const DAY_MS = 86_400_000;

function createSession(mapRef: string, epochKey: Uint8Array, sessionKey: Uint8Array, maxValues: number): TokenSession {
  const tokens = new Map<string, string>();
  const entries = new Map<string, TokenEntry>();
  const known = createKnownValues();

  const issue = (tokenClass: TokenClass, entry: TokenEntry): string => {
    if (tokens.size >= maxValues) {
      throw new GaggleError("GUARD_REFUSED", "This session holds too many masked values; start a new session.", { details: { maxValues } });
    }
    const key = STABLE.has(tokenClass) ? epochKey : sessionKey;
    let token = makeToken(key, tokenClass, entry.value, entry.surface, 0);
    for (let attempt = 1; entries.has(token); attempt += 1) token = makeToken(key, tokenClass, entry.value, entry.surface, attempt);
    tokens.set(entry.surface, token);
    entries.set(token, entry);
    if (tokenClass !== "LITERAL") known.add(entry.value, tokenClass);
    return token;
  };

  return {
    mapRef,
    known,
    tokenFor: (tokenClass, entry) => tokens.get(entry.surface) ?? issue(tokenClass, entry),
    lookup: (token) => entries.get(canonicalToken(token)),
  };
}

/**
 * Makes the table of sessions.
 * @param deps clock for expiry; randomness for each session's own key
 */
export function createTokenSessions(deps: { clock: Clock; random: Random }, config: TokenSessionsConfig): TokenSessions {
  const { maxSessions = 500, maxValues = 100_000, lifetimeMs = DAY_MS } = config;
  if (config.epochKey.length < 32) throw new GaggleError("INVALID_INPUT", "The epoch key is too short; it needs 32 bytes.");
  // In order of last use: a session that is used moves to the end.
  const sessions = new Map<string, { session: TokenSession; usedAt: number }>();

  const create = (): TokenSession =>
    createSession(Buffer.from(deps.random.bytes(16)).toString("hex"), config.epochKey, deps.random.bytes(32), maxValues);
  const expire = (): void => {
    for (const [id, { usedAt }] of sessions) {
      if (usedAt + lifetimeMs > deps.clock.now() && sessions.size <= maxSessions) return;
      sessions.delete(id);
    }
  };
  const touch = (id: string, session: TokenSession): TokenSession => {
    sessions.delete(id);
    sessions.set(id, { session, usedAt: deps.clock.now() });
    return session;
  };
  const find = (id: string): TokenSession | undefined => {
    expire();
    const held = sessions.get(id);
    return held === undefined ? undefined : touch(id, held.session);
  };

  return {
    find,
    open: (id) => {
      const session = find(id) ?? touch(id, create());
      expire();
      return session;
    },
    drop: (id) => void sessions.delete(id),
  };
}

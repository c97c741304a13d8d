/** Which token stands for which text in one session. Only a session's own tokens restore in it. */
import { GaggleError } from "../../mesh/contract/errors.ts";
import { createKnownValues, type KnownValues } from "../detect/known-values.ts";
import { normalise } from "./normalise.ts";
import { createPeople, type People, personMeant } from "./people.ts";
import { makeToken } from "./token-code.ts";
import { canonicalToken, type TokenClass } from "./token-form.ts";

/** What a token stands for. */
export interface TokenEntry {
  /** The text that was replaced, exactly. */
  readonly surface: string;
  /** The same with JSON escapes decoded. */
  readonly value: string;
}

/** A token and what it stands for, as maps are kept and sealed. */
export interface IssuedToken extends TokenEntry {
  readonly token: string;
  readonly tokenClass: TokenClass;
}

/** The tokens of one session. */
export interface TokenSession {
  /** Names this session's map to a later call; random, says nothing about its content. */
  readonly mapRef: string;
  /** Values masked in this session; they are masked wherever they turn up again. */
  readonly known: KnownValues;
  /**
   * Tells what was found in a whole request before tokens are asked for, so that a surname joins the full name that stands behind it.
   * Calling it is optional; more than once is fine.
   */
  meet(found: Iterable<{ readonly label: string; readonly value: string }>): void;
  /**
   * The token for a text: the same text always gets the same token.
   * @throws GaggleError GUARD_REFUSED when the session holds too many values
   */
  tokenFor(tokenClass: TokenClass, entry: TokenEntry): string;
  /** What a token stands for, in any case, with Markdown's backslashes and wrapped; undefined unless this session issued it. */
  lookup(token: string): IssuedToken | undefined;
  /** Everything issued so far, oldest first. */
  issued(): IterableIterator<IssuedToken>;
  /**
   * Resolves when every token issued so far is on the disk. Await it once per request, before anything of it leaves: then an answer can be
   * restored after any crash. Without new tokens it costs nothing.
   * @throws GaggleError STORE_FAILED, or GUARD_REFUSED where the session's map was deleted meanwhile
   */
  settle(): Promise<void>;
}

/** What a session is made from. */
export interface TokenSessionParts {
  readonly mapRef: string;
  /** Key of the tenant's epoch, for classes that are stable in the tenant. */
  readonly epochKey: Uint8Array;
  /** The session's own key, for all other classes. */
  readonly sessionKey: Uint8Array;
  readonly maxValues: number;
  /** The organisation's people, for names that nobody in the session has. */
  readonly people?: People;
  /** Tokens that a kept map holds already. */
  readonly stored?: readonly IssuedToken[];
  /** Keeps tokens durably; called by `settle`, also with none. */
  readonly save?: (issued: readonly IssuedToken[]) => Promise<void>;
}

/** Classes whose values are too many to try out one by one without effort, and that a company wants to recognise again: the design's list. */
const STABLE: ReadonlySet<TokenClass> = new Set(["EMAIL", "PERSON", "ORG", "LOCATION"]);

/** Makes a session's map. */
export function createTokenSession(parts: TokenSessionParts): TokenSession {
  const tokens = new Map<string, string>();
  const entries = new Map<string, IssuedToken>();
  const known = createKnownValues();
  const met = createPeople();
  const circles = parts.people === undefined ? [met] : [met, parts.people];
  let fresh: IssuedToken[] = [];
  let saving: Promise<void> = Promise.resolve();

  const keep = (entry: IssuedToken): string => {
    tokens.set(entry.surface, entry.token);
    entries.set(entry.token, entry);
    if (entry.tokenClass !== "LITERAL") known.add(entry.value, entry.tokenClass);
    if (entry.tokenClass === "PERSON") met.meet(entry.value);
    return entry.token;
  };
  for (const entry of parts.stored ?? []) keep(entry);

  const meantBy = (tokenClass: TokenClass, value: string): string => {
    const normalised = normalise(tokenClass, value);
    return tokenClass === "PERSON" ? personMeant(normalised, circles) : normalised;
  };

  const issue = (tokenClass: TokenClass, { surface, value }: TokenEntry): string => {
    const { maxValues } = parts;
    if (tokens.size >= maxValues) {
      throw new GaggleError("GUARD_REFUSED", "This session holds too many masked values; start a new session.", { details: { maxValues } });
    }
    const key = STABLE.has(tokenClass) ? parts.epochKey : parts.sessionKey;
    const source = { tokenClass, normalised: meantBy(tokenClass, value), surface };
    let token = makeToken(key, { ...source, attempt: 0 });
    for (let attempt = 1; entries.has(token); attempt += 1) token = makeToken(key, { ...source, attempt });
    const entry = { token, tokenClass, surface, value };
    fresh.push(entry);
    return keep(entry);
  };

  const save = async (): Promise<void> => {
    const batch = fresh;
    fresh = [];
    try {
      await parts.save?.(batch);
    } catch (error) {
      fresh = [...batch, ...fresh];
      throw error;
    }
  };

  return {
    mapRef: parts.mapRef,
    known,
    meet: (found) => {
      for (const { label, value } of found) if (label === "PERSON") met.meet(value);
    },
    tokenFor: (tokenClass, entry) => tokens.get(entry.surface) ?? issue(tokenClass, entry),
    lookup: (token) => entries.get(canonicalToken(token)),
    issued: () => entries.values(),
    settle: () => {
      saving = saving.then(save, save);
      return saving;
    },
  };
}

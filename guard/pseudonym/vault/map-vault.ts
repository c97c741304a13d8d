/**
 * The vault: sessions' maps in the daemon's store, encrypted, so that they survive restarts. One data key per map, wrapped by the vault key; a head
 * and an append-only log of batches per map. docs/decisions/0063-token-vault.md
 */
import { z } from "zod";
import { canonicalJson, sha256Hex } from "../../../mesh/contract/json.ts";
import type { CommitQueue, OrderedStore, Random, Transaction } from "../../../mesh/contract/ports.ts";
import { TOKEN_CLASSES } from "../token-form.ts";
import type { IssuedToken } from "../token-session.ts";
import { openRecord, sealRecord, unreadableMap } from "./sealed-record.ts";

/** The key that wraps the maps' keys. A file of mode 0600 now; an OS keychain can stand behind the same two functions. */
export interface VaultKeys {
  /** The key, 32 bytes. */
  current(): Uint8Array;
  /** Makes a new key and destroys the old one: every map kept so far is unreadable from then on. */
  replace(): Promise<void>;
}

/** What is written in the clear about a kept map; bound to its encrypted part. Times in ms since the epoch. */
const mapHead = z.strictObject({
  v: z.literal(1),
  /** Epoch of the tenant's key that issued it. */
  epoch: z.int().min(1),
  usedAt: z.int().min(0),
  expiresAt: z.int().min(0),
  values: z.int().min(0),
  batches: z.int().min(0),
  /** The colleague's agent whose task caused it; left out for this agent's own. */
  owner: z.string().max(100).optional(),
});
/** What is written in the clear about a kept map. */
export type MapHead = z.infer<typeof mapHead>;

const storedHead = z.strictObject({ ...mapHead.shape, wrapped: z.string(), sealed: z.string() });
const secretPart = z.strictObject({ mapRef: z.string(), sessionKey: z.string() });
const batchOf = z.array(z.tuple([z.enum(TOKEN_CLASSES), z.string(), z.string(), z.string()]));

/** What of a map is secret and never changes. */
export interface MapSecrets {
  readonly mapRef: string;
  readonly sessionKey: Uint8Array;
}

/** A kept map. */
export interface KeptMap extends MapSecrets {
  readonly head: MapHead;
  readonly issued: readonly IssuedToken[];
}

/** Keeps maps. `sid` is the SHA-256 of the session's id. */
export interface MapVault {
  /** The heads of all kept maps, of damaged ones too. */
  list(): Promise<{ sid: string; head: MapHead }[]>;
  /** A map. @returns undefined where there is none @throws GaggleError GUARD_REFUSED where it was tampered with */
  read(sid: string): KeptMap | undefined;
  /** Adds tokens; resolves when they are on the disk. A map that is not there is made. */
  append(sid: string, secrets: MapSecrets, change: MapChange): Promise<MapHead>;
  /** Deletes a map; resolves when it is gone. */
  forget(sid: string): Promise<void>;
  /** Deletes all maps and the key that could read what the disk may still hold of them. */
  forgetAll(): Promise<void>;
}

/** What one write adds. */
export interface MapChange extends Pick<MapHead, "epoch" | "usedAt" | "expiresAt" | "owner"> {
  readonly issued: readonly IssuedToken[];
}

/** Where a session's map lies. */
export const sidOf = (sessionId: string): string => sha256Hex(sessionId);

const HEAD = "vault/map/";
const LOG = "vault/log/";
const headKey = (sid: string): string => HEAD + sid;
const logKey = (sid: string, batch: number): string => `${LOG}${sid}/${String(batch).padStart(8, "0")}`;

const keyContext = (sid: string): string => `gaggle-vault-key-v1 ${sid}`;
const headContext = (sid: string, head: MapHead): string => `gaggle-vault-head-v1 ${sid} ${canonicalJson(head)}`;
const batchContext = (sid: string, batch: number): string => `gaggle-vault-batch-v1 ${sid} ${batch}`;

const toBytes = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));

/** Parses what was decrypted or stands in the store. @throws GaggleError GUARD_REFUSED */
function parseKept<T>(schema: z.ZodType<T>, text: string): T {
  try {
    return schema.parse(JSON.parse(text));
  } catch {
    // Without the cause: it may quote values.
    throw unreadableMap();
  }
}

/** Opens the vault. */
export function createMapVault(deps: {
  readonly store: Pick<OrderedStore, "get" | "range">;
  readonly queue: CommitQueue;
  readonly random: Random;
  readonly keys: VaultKeys;
}): MapVault {
  const { store, queue, random, keys } = deps;

  const readHead = (sid: string, text: string) => {
    const { wrapped, sealed, ...head } = parseKept(storedHead, text);
    const dataKey = openRecord(keys.current(), keyContext(sid), wrapped);
    const secret = parseKept(secretPart, openRecord(dataKey, headContext(sid, head), sealed).toString("utf8"));
    return { head, dataKey, wrapped, mapRef: secret.mapRef, sessionKey: Buffer.from(secret.sessionKey, "base64url") };
  };

  const readBatch = (sid: string, dataKey: Uint8Array, batch: number): IssuedToken[] => {
    const text = store.get(logKey(sid, batch));
    if (text === undefined) throw unreadableMap();
    const plain = openRecord(dataKey, batchContext(sid, batch), text).toString("utf8");
    return parseKept(batchOf, plain).map(([tokenClass, token, surface, value]) => ({ tokenClass, token, surface, value }));
  };

  const remove = (tx: Transaction, sid: string, rows: readonly (readonly [string, string])[]): void => {
    for (const [key] of rows) tx.del(key);
    // Rows that came since `rows` was read. The head's own count may be damaged, so it is not asked.
    for (let batch = rows.length + 1; tx.get(logKey(sid, batch)) !== undefined; batch += 1) tx.del(logKey(sid, batch));
    tx.del(headKey(sid));
  };

  /** In the transaction, so that two writers of one map can't both write the same batch. */
  const append = (tx: Transaction, sid: string, { mapRef, sessionKey }: MapSecrets, change: MapChange): MapHead => {
    const text = tx.get(headKey(sid));
    const kept = text === undefined ? undefined : readHead(sid, text);
    const { issued, ...times } = change;
    const dataKey = kept?.dataKey ?? random.bytes(32);
    const written = issued.length > 0 ? 1 : 0;
    const head: MapHead = {
      v: 1,
      ...times,
      values: (kept?.head.values ?? 0) + issued.length,
      batches: (kept?.head.batches ?? 0) + written,
    };
    if (written === 1) {
      const rows = issued.map(({ tokenClass, token, surface, value }) => [tokenClass, token, surface, value]);
      tx.put(logKey(sid, head.batches), sealRecord(dataKey, batchContext(sid, head.batches), toBytes(rows), random));
    }
    const secret = toBytes({ mapRef, sessionKey: Buffer.from(sessionKey).toString("base64url") });
    const wrapped = kept?.wrapped ?? sealRecord(keys.current(), keyContext(sid), dataKey, random);
    tx.put(headKey(sid), JSON.stringify({ ...head, wrapped, sealed: sealRecord(dataKey, headContext(sid, head), secret, random) }));
    return head;
  };

  const list = async (): Promise<{ sid: string; head: MapHead }[]> => {
    const rows = await store.range({ gte: HEAD, lt: `${HEAD}~` });
    return rows.map(([key, text]) => ({ sid: key.slice(HEAD.length), head: headOf(text) }));
  };

  return {
    list,
    read: (sid) => {
      const text = store.get(headKey(sid));
      if (text === undefined) return undefined;
      const { head, dataKey, mapRef, sessionKey } = readHead(sid, text);
      const issued: IssuedToken[] = [];
      for (let batch = 1; batch <= head.batches; batch += 1) issued.push(...readBatch(sid, dataKey, batch));
      return { head, mapRef, sessionKey, issued };
    },
    // What leaves for a model ends work that was taken before, so it may use the disk's reserve.
    append: (sid, secrets, change) => queue.run((tx) => append(tx, sid, secrets, change), { finishing: true }),
    forget: async (sid) => {
      const rows = await store.range({ gte: `${LOG}${sid}/`, lt: `${LOG}${sid}/~` });
      await queue.run((tx) => remove(tx, sid, rows), { finishing: true });
    },
    forgetAll: async () => {
      await keys.replace();
      const rows = [...(await store.range({ gte: HEAD, lt: `${HEAD}~` })), ...(await store.range({ gte: LOG, lt: `${LOG}~` }))];
      await queue.run(
        (tx) => {
          for (const [key] of rows) tx.del(key);
        },
        { finishing: true },
      );
    },
  };
}

/** Stands for a head that can't be read. Such a map says so when it is opened, and is the first to go where there are too many. */
const NO_HEAD: MapHead = { v: 1, epoch: 1, usedAt: 0, expiresAt: Number.MAX_SAFE_INTEGER, values: 0, batches: 0 };

function headOf(text: string): MapHead {
  try {
    const { wrapped: _, sealed: __, ...head } = storedHead.parse(JSON.parse(text));
    return head;
  } catch {
    return NO_HEAD;
  }
}

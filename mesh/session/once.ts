/** Mutating calls happen once per idempotency key. Source: design, Durability. */
import { GaggleError } from "../contract/errors.ts";
import { canonicalHash, sha256Hex } from "../contract/json.ts";
import type { Transaction } from "../contract/ports.ts";

/** What an idempotency key stands for. */
interface Once {
  readonly hash: string;
  readonly id: string;
}

const onceKey = (verb: string, key: string): string => `once/${verb}/${sha256Hex(key)}`;

/**
 * The id that an earlier call with this key made; undefined for a new key.
 * @throws GaggleError CONFLICT where that call had another content
 */
export function earlierId(tx: Transaction, call: { verb: string; key: string; content: unknown }): string | undefined {
  const text = tx.get(onceKey(call.verb, call.key));
  if (text === undefined) return undefined;
  const { hash, id } = JSON.parse(text) as Once;
  if (hash !== canonicalHash(call.content)) {
    throw new GaggleError("CONFLICT", "This idempotency key was used before with other content; use a new key for a new request.");
  }
  return id;
}

/** Records which id a call with this key made. */
export function rememberId(tx: Transaction, call: { verb: string; key: string; content: unknown }, id: string): void {
  const once: Once = { hash: canonicalHash(call.content), id };
  tx.put(onceKey(call.verb, call.key), JSON.stringify(once));
}

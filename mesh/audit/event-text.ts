/** Texts and hashes of an audit event. The rule for strangers: docs/audit-format.md. */
import type { AuditEvent } from "../contract/audit.ts";
import { jsonText, sha256Hex } from "../contract/json.ts";

/** An event before it has its hash. */
export type UnhashedEvent = Omit<AuditEvent, "hash"> & { hash?: string };

/** An object's entries in the order of RFC 8785: by UTF-16 code units. */
const sorted = <T>(object: Readonly<Record<string, T>>): Record<string, T> =>
  Object.fromEntries(Object.entries(object).toSorted(([a], [b]) => (a < b ? -1 : 1)));

/** The fields that are hashed, `hash` and `hashPrev` as given, in the order of RFC 8785: a field that is undefined is not written. */
function textWith(event: UnhashedEvent, hash: string | undefined, hashPrev: string | undefined): string {
  const { action, actor, agentId, cost, details, id, redactions, result, seq, target, tenantId, traceId, ts, v } = event;
  return jsonText({
    action,
    actor: { id: actor.id, role: actor.role, type: actor.type },
    agentId,
    cost: { tokens: cost.tokens, usd: cost.usd },
    details: sorted(details),
    hash,
    hashPrev,
    id,
    redactions: redactions.map((one) => ({ class: one.class, count: one.count })),
    result,
    seq,
    target,
    tenantId,
    traceId,
    ts,
    v,
  });
}

/** The RFC 8785 text of an event, by writing its keys in that order: much quicker than sorting them. */
export const eventText = (event: UnhashedEvent): string => textWith(event, event.hash, event.hashPrev);

/** SHA-256 over what an event says, without its place in the chain; what a filtered export gives of an event that it leaves out. */
export const bodyHash = (event: UnhashedEvent): string => sha256Hex(textWith(event, undefined, undefined));

/** Hash of the event with this body after the event with the hash `hashPrev`. */
export const linkHash = (hashPrev: string, body: string): string => sha256Hex(hashPrev + body);

/** The hash that an event must have. Events of version 1 were hashed in one piece, with `hashPrev`. */
export const eventHash = (event: UnhashedEvent): string =>
  event.v === 1 ? sha256Hex(textWith(event, undefined, event.hashPrev)) : linkHash(event.hashPrev, bodyHash(event));

/** An event's text and the hash that it must have, made in one go. */
export function hashedText(event: AuditEvent): { text: string; hash: string } {
  if (event.v === 1) return { text: eventText(event), hash: eventHash(event) };
  const body = textWith(event, undefined, undefined);
  // No field after `id` can hold this text: quotes inside values are escaped, and of the later fields none has an `id`.
  const at = body.lastIndexOf(',"id":"');
  const text = `${body.slice(0, at)},"hash":"${event.hash}","hashPrev":"${event.hashPrev}"${body.slice(at)}`;
  return { text, hash: linkHash(event.hashPrev, sha256Hex(body)) };
}

/** Signs what goes out: as it is now, masked where it leaves for another department, in the words that its receiver's version knows. */
import type { Principal } from "../../contract/identity.ts";
import { ENVELOPE_LIFETIME_MS } from "../../contract/limits.ts";
import type { EnvelopeClaims, Message } from "../../contract/message.ts";
import { assertUnderstood, forWire, WIRE_MINOR } from "../../contract/wire.ts";
import { sealEnvelope } from "../../delivery/envelope.ts";
import type { OutboxRecord } from "../../delivery/outbox-record.ts";
import type { MessagingDeps } from "./messaging-types.ts";

/** What sealing needs. */
export interface SealDeps extends Pick<MessagingDeps, "artifacts" | "boundary" | "clock" | "credential" | "signer" | "wireOf"> {
  /** The message with the newest that is known now, where only that counts. */
  newest(message: Message): Message;
}

/**
 * Makes it. `copy` marks an envelope for another device than the one its message was sent to.
 * @throws GaggleError CREDENTIAL_EXPIRED, PEER_OUTDATED, and what the boundary throws of a message that may not leave
 */
export function createSeal(deps: SealDeps, { self, org }: { self: Principal; org: string }) {
  return async (record: OutboxRecord, mark: Pick<EnvelopeClaims, "copy"> = {}): Promise<Uint8Array> => {
    const { id, to, priority, policyHash, traceparent } = record;
    // The clock may have been set back since it was recorded: nobody believes a message from the future.
    const ts = Math.min(record.createdAt, deps.clock.now());
    const exp = Math.min(record.exp, ts + ENVELOPE_LIFETIME_MS);
    const message = deps.newest(record.message);
    const content = (await deps.boundary?.depart({ ...record, message })) ?? { message };
    const minor = deps.wireOf?.(to.agentId) ?? WIRE_MINOR;
    assertUnderstood(message.type, message, minor);
    const { message: departed, ...beside } = (await deps.artifacts?.depart(record, content.message)) ?? { message: content.message };
    const claims = {
      v: 1 as const,
      id,
      ts,
      exp,
      org,
      from: self.agentId,
      to: to.agentId,
      priority,
      policyHash,
      traceparent,
      ...content,
      ...forWire("envelope", beside, minor),
      message: forWire(departed.type, departed, minor),
      ...mark,
    };
    return sealEnvelope({ ...claims, credential: deps.credential() }, deps.signer);
  };
}

/** One try to send a message, and what follows from its recipient's answer or from none. Source: docs/delivery.md. */
import { ERROR_TABLE, errorCode, GaggleError } from "../contract/errors.ts";
import { type Receipt, receipt } from "../contract/message.ts";
import type { createHandOver } from "./hand-over.ts";
import { assertInvariant, brokenInvariant } from "./invariants.ts";
import { type OutboxEnds, recordOf } from "./outbox-ends.ts";
import type { OutboxRecord } from "./outbox-record.ts";
import type { OutboxDeps } from "./outbox-types.ts";
import type { OutboxEntry, SendStream } from "./send-stream.ts";

const isRetryable = (code: string): boolean => Object.hasOwn(ERROR_TABLE, code) && ERROR_TABLE[code as keyof typeof ERROR_TABLE].retryable;

const FINAL: ReadonlySet<string> = new Set(["REVOKED", "TOO_LARGE", "POLICY_DENIED", "PEER_OUTDATED"]);
/** Failures whose words the person reads who waits for it. */
const SAYS_WHY: ReadonlySet<string> = new Set(["POLICY_DENIED", "PEER_OUTDATED"]);
/** Errors of the link, or of policy as the message leaves, after which another try can't help. */
const isFinal = (error: unknown): boolean => error instanceof GaggleError && FINAL.has(error.code);

/** Makes the try. @param config `report` is told about every failure; after `isStopped` nothing follows from an answer */
export function createSendAttempt(
  deps: Pick<OutboxDeps, "clock" | "random" | "store" | "link" | "seal" | "onUnreached" | "isElsewhere">,
  config: {
    handOver: Pick<ReturnType<typeof createHandOver>, "begin" | "unreached">;
    ends: Pick<OutboxEnds, "bury" | "deliver">;
    report(error: unknown): void;
    isStopped(): boolean;
  },
): (stream: SendStream, entry: OutboxEntry) => Promise<void> {
  const { handOver, ends } = config;
  const chance = (): number => (deps.random.bytes(1)[0] ?? 0) / 256;

  const request = async (record: OutboxRecord, entry: OutboxEntry): Promise<Receipt> => {
    const answer = await deps.link.request(record.to.agentId, await deps.seal(record), () => handOver.begin(entry));
    assertInvariant(entry.left === true, "outbox.hand-over-told", { seq: entry.seq });
    const parsed = receipt.parse(JSON.parse(Buffer.from(answer).toString("utf8")));
    if (parsed.id !== record.id) throw new GaggleError("INTERNAL", "The receipt is for another message.");
    return parsed;
  };

  const settle = (stream: SendStream, entry: OutboxEntry, record: OutboxRecord, got: Receipt): void => {
    if (entry.isSettled === true) stream.settled(entry, true);
    else if (got.status === "busy") {
      entry.lastError = "BUSY";
      // Spread over the second half, so that many who were told the same do not come back at once.
      stream.busy(entry, deps.clock.now(), got.retryAfterMs * (1 + chance() / 2));
    } else if (got.status === "refused" && isRetryable(got.code)) {
      entry.lastError = got.code;
      stream.refused(entry, deps.clock.now(), chance());
    } else {
      stream.settled(entry, true);
      if (got.status === "refused") ends.bury(entry, got.code, got.reason);
      else ends.deliver(record, entry.attempts);
    }
  };

  const fail = (stream: SendStream, entry: OutboxEntry, error: unknown): void => {
    entry.lastError = errorCode(error);
    if (entry.isSettled === true) stream.settled(entry, false);
    else if (isFinal(error)) {
      stream.settled(entry, false);
      const why = error instanceof GaggleError && SAYS_WHY.has(error.code) ? error.message : undefined;
      ends.bury(entry, entry.lastError, why ?? "The recipient can't receive this message.");
    } else if (entry.lastError === "GUARD_REFUSED" || brokenInvariant(error) !== undefined) stream.held(entry, deps.clock.now(), chance());
    else {
      stream.failed(entry, deps.clock.now(), chance());
      const unreached = handOver.unreached(stream.entries().values());
      if (unreached.length > 0) deps.onUnreached?.(unreached);
    }
  };

  return async (stream, entry) => {
    entry.attempts++;
    try {
      const record = recordOf(deps.store, entry);
      if (entry.isWork && deps.isElsewhere(deps.store, entry.id)) entry.mayBeThere = true;
      const got = await request(record, entry);
      if (!config.isStopped()) settle(stream, entry, record, got);
    } catch (error) {
      if (config.isStopped()) return;
      config.report(error);
      fail(stream, entry, error);
    }
  };
}

/**
 * The receiving side of the mailbox: fetches sealed mail, hands each envelope to the same receiver as those that come directly, tells the sender what
 * became of it, and only then deletes its copy. Sans-IO. Source: spec M5; docs/decisions/0087-mailbox.md
 */
import type { BootstrapResponse } from "../contract/bootstrap-api.ts";
import { MAX_MAIL_ITEMS } from "../contract/bootstrap-api/mail-routes.ts";
import { ERROR_TABLE, type ErrorCode, errorCode, GaggleError } from "../contract/errors.ts";
import type { Ed25519Jwk, Principal } from "../contract/identity.ts";
import type { DepositStamp } from "../contract/mailbox.ts";
import type { EnvelopeClaims, Receipt } from "../contract/message.ts";
import type { Clock } from "../contract/ports.ts";
import { unverifiedPayloadOf } from "../identity/jws.ts";
import { verifyStamp } from "./deposit-stamp.ts";
import type { MailSeal, PostOffice } from "./ports.ts";

type Item = BootstrapResponse<"fetchMail">["items"][number];

/** Why mail may be believed later: by a newer bundle, or when this machine is well again. Such mail stays where it is. */
const MAY_PASS: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  "BUNDLE_MISSING",
  "BUNDLE_EXPIRED",
  "CREDENTIAL_INVALID",
  "NOT_A_MEMBER",
  "CLOCK_SKEW",
  "BUSY",
  "DISK_FULL",
  "STORE_FAILED",
  "INTERNAL",
]);

/** What became of an envelope that was opened and believed. */
export interface MailOutcome {
  readonly from: Principal;
  readonly claims: EnvelopeClaims;
  readonly receipt: Receipt;
}

/** What the receiving side needs. */
export interface MailCollectorDeps {
  readonly clock: Clock;
  readonly office: Pick<PostOffice, "fetchMail" | "discardMail">;
  readonly open: MailSeal["open"];
  /** Issuer keys of the newest bundle that are not revoked. @throws GaggleError BUNDLE_MISSING, BUNDLE_EXPIRED */
  issuers(): readonly Ed25519Jwk[];
  /** This agent's statement of the key that its mail is sealed to. */
  sealKey(): string;
  /**
   * The receiver. Resolves after the sync.
   * @throws GaggleError for an envelope that is not believed
   */
  receive(frame: Uint8Array, deposit: Pick<DepositStamp, "from" | "at">): Promise<MailOutcome>;
  /** Queues the receipt for the sender, durably. */
  answer(outcome: MailOutcome): Promise<void>;
  /** Counts mail that was refused before anything in it was believed. */
  countRefusal(source: string, code: string): void;
}

/** What is done with one piece of mail: deleted, or left for a later round. */
type Fate = "discard" | "keep";

const isSettled = ({ status, ...rest }: Receipt): boolean =>
  status === "stored" || status === "duplicate" || (status === "refused" && "code" in rest && !isRetryable(rest.code));

const isRetryable = (code: string): boolean => Object.hasOwn(ERROR_TABLE, code) && ERROR_TABLE[code as ErrorCode].retryable;

/** Makes the receiving side. */
export function createMailCollector(deps: MailCollectorDeps, config: { org: string; self: string }) {
  const { org, self } = config;
  /** Mail that stays, already counted as refused; by its number. */
  const counted = new Set<number>();

  const take = async (item: Item): Promise<Fate> => {
    const stamp = verifyStamp(item, { keys: deps.issuers(), org, self, nowMs: deps.clock.now() });
    const content = await deps.open(item.sealed);
    if (content === undefined)
      throw new GaggleError("ENVELOPE_INVALID", "The mail can't be opened with this agent's key; it was not taken.");
    const own = content.envelopes.find(({ to }) => to === self);
    if (own === undefined) return "discard";
    const outcome = await deps.receive(Buffer.from(own.jws, "latin1"), stamp);
    if (!isSettled(outcome.receipt)) return "keep";
    await deps.answer(outcome);
    return "discard";
  };

  /** Who deposited an item, as its stamp says; believed only for counting and for deleting one's own copy. */
  const claimed = ({ stamp }: Item): { from: string; id: string } | undefined => {
    try {
      const { from, id } = unverifiedPayloadOf(stamp) as { from: string; id: string };
      return { from, id };
    } catch {
      return undefined;
    }
  };

  const handle = async (item: Item): Promise<Fate> => {
    try {
      return await take(item);
    } catch (error) {
      const code = errorCode(error);
      if (code === "STORE_FAILED") throw error;
      if (!counted.has(item.seq)) deps.countRefusal(claimed(item)?.from ?? "mailbox", code);
      if (!MAY_PASS.has(code)) return "discard";
      counted.add(item.seq);
      return "keep";
    }
  };

  const discard = async (items: readonly Item[]): Promise<void> => {
    const known = items.flatMap((item) => claimed(item) ?? []);
    for (let i = 0; i < known.length; i += MAX_MAIL_ITEMS) await deps.office.discardMail({ items: known.slice(i, i + MAX_MAIL_ITEMS) });
    for (const { seq } of items) counted.delete(seq);
  };

  return {
    /**
     * Fetches and handles everything that waits.
     * @throws GaggleError of the node, or STORE_FAILED; nothing is lost, since mail is deleted only after it is handled
     */
    async round(): Promise<void> {
      const held = new Set<string>();
      for (let after = 0; ; ) {
        const page = await deps.office.fetchMail({ sealKey: deps.sealKey(), after });
        const done: Item[] = [];
        for (const item of page.items) {
          const from = claimed(item)?.from ?? "";
          // What waits of a sender is not overtaken by its later mail.
          if (!held.has(from) && (await handle(item)) === "discard") done.push(item);
          else held.add(from);
          after = Math.max(after, item.seq);
        }
        if (done.length > 0) await discard(done);
        if (!page.more || page.items.length === 0) return;
      }
    },
  };
}

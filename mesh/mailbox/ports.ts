/** What the mailbox's cores need of the world beside clock, store and queue. */
import type { BootstrapRequest, BootstrapResponse } from "../contract/bootstrap-api.ts";
import type { MailContent, SealedMail } from "../contract/mailbox.ts";
import type { X25519Jwk } from "../identity/keys.ts";

/**
 * The bootstrap node's mailbox. All throw GaggleError with the node's code; PEER_UNREACHABLE or TIMEOUT where it doesn't answer.
 */
export interface PostOffice {
  deposit(request: BootstrapRequest<"deposit">): Promise<BootstrapResponse<"deposit">>;
  fetchMail(request: BootstrapRequest<"fetchMail">): Promise<BootstrapResponse<"fetchMail">>;
  discardMail(request: BootstrapRequest<"discardMail">): Promise<unknown>;
  withdrawMail(request: BootstrapRequest<"withdrawMail">): Promise<unknown>;
}

/** Seals and opens mail; a port, since WebCrypto's completion order varies. */
export interface MailSeal {
  /** @throws GaggleError TOO_LARGE */
  seal(envelopes: MailContent["envelopes"], keys: readonly X25519Jwk[]): Promise<SealedMail>;
  /** @returns undefined for mail that was not sealed to this agent */
  open(sealed: SealedMail): Promise<MailContent | undefined>;
}

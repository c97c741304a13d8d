/**
 * Where an agent can be reached, signed by its own key: members pass such statements on, and none of them can lie about another's addresses.
 * The agent's time is the sequence number: the newest statement counts. Source: decision 0081.
 */
import { z } from "zod";
import { GaggleError } from "../contract/errors.ts";
import { agentId, orgId } from "../contract/ids.ts";
import { CLOCK_LEEWAY_MS, CREDENTIAL_LIFETIME_MS } from "../contract/limits.ts";
import type { Signer } from "../contract/ports.ts";
import { openJws, signJws } from "../identity/jws.ts";
import { jwkOfAgentId, verifyingKeyOf } from "../identity/keys.ts";
import { readAddresses } from "./address.ts";
import { addressText } from "./hello-wire.ts";
import { MAX_ADDRESSES, MAX_STATEMENT_BYTES } from "./protocols.ts";

/** How long a statement counts: as long as the credential that it goes with. */
export const STATEMENT_LIFETIME_MS = CREDENTIAL_LIFETIME_MS;

const claims = z.strictObject({
  v: z.literal(1),
  org: orgId,
  agent: agentId,
  addresses: z.array(addressText).max(MAX_ADDRESSES),
  /** The agent's clock when it signed, ms since the epoch. */
  seq: z.int().min(0),
});

/** What an agent has stated of itself. */
export interface PeerStatement {
  readonly addresses: string[];
  /** Ms since the epoch, by the agent's clock. */
  readonly seq: number;
}

/** Signs a statement. */
export const signStatement = (said: { org: string; agent: string; signer: Signer } & PeerStatement): string =>
  signJws({
    typ: "gaggle-peer+jws",
    payload: { v: 1, org: said.org, agent: said.agent, addresses: said.addresses.slice(0, MAX_ADDRESSES), seq: said.seq },
    signer: said.signer,
  });

/**
 * Reads a statement and checks that exactly this agent signed it for this organisation, not too long ago and not in the future.
 * @throws GaggleError CREDENTIAL_INVALID, CREDENTIAL_EXPIRED, CLOCK_SKEW
 */
export function readStatement(jws: string, expected: { org: string; agent: string; now: number }): PeerStatement {
  const opened = openJws(jws, MAX_STATEMENT_BYTES);
  opened.assertSigned("gaggle-peer+jws", verifyingKeyOf(jwkOfAgentId(expected.agent)));
  const parsed = claims.safeParse(opened.payload);
  if (!parsed.success || parsed.data.agent !== expected.agent || parsed.data.org !== expected.org)
    throw new GaggleError("CREDENTIAL_INVALID", "A statement of addresses is not by the agent that it is about.");
  const { addresses, seq } = parsed.data;
  checkTime(seq, expected.now);
  return { addresses: readAddresses(addresses), seq };
}

function checkTime(seq: number, now: number): void {
  // A time from the future would keep every later statement out.
  if (seq > now + CLOCK_LEEWAY_MS)
    throw new GaggleError("CLOCK_SKEW", "A statement of addresses is from the future; set the machines' clocks by network time.");
  if (seq < now - STATEMENT_LIFETIME_MS - CLOCK_LEEWAY_MS)
    throw new GaggleError("CREDENTIAL_EXPIRED", "A statement of addresses is too old; its agent makes a new one when it is online.");
}

/** Makes this agent's statement, and another only where its addresses or its credential changed: equal knowledge stays equal. */
export function createOwnStatement(own: { org: string; agent: string; signer: Signer; now(): number }) {
  let basis = "";
  let seq = 0;
  let statement = "";
  return (addresses: readonly string[], credential: string): { statement: string; seq: number } => {
    const next = [credential, ...addresses].join(" ");
    if (next !== basis) {
      seq = Math.max(own.now(), seq + 1);
      statement = signStatement({ ...own, addresses: [...addresses], seq });
      basis = next;
    }
    return { statement, seq };
  };
}

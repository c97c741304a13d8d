/** What is said in hello, and when it is believed. Pure. Source: design, Trust; decision 0021. */
import { z } from "zod";
import { ERROR_TABLE, GaggleError } from "../contract/errors.ts";
import type { Principal } from "../contract/identity.ts";
import { orgId, sha256, slug } from "../contract/ids.ts";
import { parseJson } from "../contract/json.ts";
import { CLOCK_LEEWAY_MS } from "../contract/limits.ts";
import { forWire, WIRE_MINOR } from "../contract/wire.ts";
import { parseWireAs } from "./parse-wire.ts";
import { codeFromPeer } from "./peer-code.ts";
import type { AgentCard, PeerMembership } from "./peer-node.ts";
import { HELLO_PROTOCOL, MAX_ADDRESSES, MAX_STATEMENT_BYTES } from "./protocols.ts";

/** A multiaddr as text; read it with {@link readAddress} before use. */
export const addressText = z.string().min(1).max(256);

const card = z.strictObject({
  version: z.int().min(0),
  skills: z.array(z.strictObject({ id: slug, description: z.string().max(300) })).max(100),
});

const hello = z.strictObject({
  v: z.literal(1),
  kind: z.literal("hello"),
  org: orgId,
  credential: z.string().max(4_096),
  bundleVersion: z.int().min(0),
  revocationSeq: z.int().min(0),
  /** Names the set of admins' revocation statements that the speaker knows; left out for none. */
  revocations: sha256.optional(),
  card,
  addresses: z.array(addressText).max(MAX_ADDRESSES),
  /** The same addresses, signed, so that others can be told; see `peer-statement.ts`. */
  statement: z.string().max(MAX_STATEMENT_BYTES).optional(),
  /** The speaker's clock, ms since the epoch. */
  time: z.int().min(0),
  /** Minor version of the wire that the speaker knows; left out by those from before there were any. */
  wire: z.int().min(0).max(10_000).optional(),
});
/** What one side says of itself. */
export type Hello = z.infer<typeof hello>;

const refusal = z.strictObject({ v: z.literal(1), kind: z.literal("refused"), code: z.string().max(40) });
const welcome = z.strictObject({ v: z.literal(1), kind: z.literal("welcome") });
const helloMessage = z.discriminatedUnion("kind", [hello, refusal, welcome]);
/** Anything that is said on a hello stream. */
export type HelloMessage = z.infer<typeof helloMessage>;

/** A hello that was believed. */
export interface ProvenHello {
  readonly principal: Principal;
  readonly credential: string;
  readonly card: AgentCard;
  readonly bundleVersion: number;
  readonly revocationSeq: number;
  readonly revocations?: string | undefined;
  readonly addresses: readonly string[];
  readonly statement: string | undefined;
  /** The peer's clock at hello, ms since the epoch. */
  readonly time: number;
  /** Minor version of the wire that the peer knows; 0 where left out. */
  readonly wire?: number;
}

/** What this side says of itself. */
export function ownHello(org: string, membership: PeerMembership, addresses: readonly string[], now: number, statement?: string): Hello {
  const revocations = membership.revocations?.();
  return {
    ...(statement === undefined ? {} : { statement }),
    ...(revocations === undefined ? {} : { revocations }),
    v: 1,
    kind: "hello",
    org,
    credential: membership.credential(),
    bundleVersion: membership.bundleVersion(),
    revocationSeq: membership.revocationSeq(),
    card: { version: membership.card().version, skills: membership.card().skills.map(({ id, description }) => ({ id, description })) },
    addresses: addresses.slice(0, MAX_ADDRESSES),
    time: now,
    wire: WIRE_MINOR,
  };
}

/**
 * Reads a message of a hello stream.
 * @throws GaggleError INVALID_INPUT
 */
export function readHelloMessage(bytes: Uint8Array): HelloMessage {
  const said = parseJson(Buffer.from(bytes).toString("utf8"), "The hello");
  const wire = z.looseObject({ wire: z.int() }).safeParse(said).data?.wire ?? 0;
  return parseWireAs(helloMessage, said, wire, "The hello");
}

/** What is said, as a peer takes it that speaks this protocol of hello. */
export const asSpoken = (message: HelloMessage, protocol: string): HelloMessage =>
  protocol === HELLO_PROTOCOL ? forWire(message.kind, message, 0) : message;

/**
 * Decides whether to believe a hello from the peer that Noise has proven to be `agentId`.
 * @throws GaggleError NOT_A_MEMBER (another organisation), CLOCK_SKEW, or what the membership check says
 */
export function judgeHello(said: Hello, agentId: string, own: { org: string; membership: PeerMembership; now: number }): ProvenHello {
  if (said.org !== own.org) throw new GaggleError("NOT_A_MEMBER", "The peer belongs to another organisation.");
  const skewMs = Math.abs(said.time - own.now);
  if (skewMs > CLOCK_LEEWAY_MS) {
    throw new GaggleError("CLOCK_SKEW", "The peer's clock and this machine's differ; set both by network time.", { details: { skewMs } });
  }
  const principal = own.membership.verify(said.credential, agentId);
  if (principal.agentId !== agentId) {
    throw new GaggleError("CREDENTIAL_INVALID", "The peer shows a membership credential that is bound to another key.");
  }
  const { credential, card: shown, bundleVersion, revocationSeq, revocations, addresses, statement, time, wire = 0 } = said;
  return { wire, principal, credential, card: shown, bundleVersion, revocationSeq, revocations, addresses, statement, time };
}

/** The error for a code that the other side refused us with. */
export function refusedWith(code: string): GaggleError {
  const known = codeFromPeer(code, "NOT_A_MEMBER");
  const message = `The peer refused this agent: ${ERROR_TABLE[known].meaning} See \`gaggle doctor\`.`;
  return new GaggleError(known, message, { details: { refusedByPeer: true } });
}

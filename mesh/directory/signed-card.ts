/** Makes, signs and checks agent cards. Pure but for the check of membership, which is asked of the caller. docs/decisions/0090-agent-cards.md */
import { type AgentCard, agentCard, CARD_EXTENSION, type CardFacts, MAX_CARD_BYTES, RECIPE_TAG } from "../contract/agent-card.ts";
import { GaggleError } from "../contract/errors.ts";
import type { MembershipClaims, Principal } from "../contract/identity.ts";
import { canonicalJson, sha256Hex } from "../contract/json.ts";
import { CARD_LIFETIME_MS, CLOCK_LEEWAY_MS } from "../contract/limits.ts";
import type { Signer } from "../contract/ports.ts";
import { openJws, signJws } from "../identity/jws.ts";
import { jwkOfAgentId, verifyingKeyOf } from "../identity/keys.ts";

/** Type of a card's signature, as A2A 1.0 has it; nothing else of Gaggle is signed under it. */
const TYP = "JOSE";

/** What a card says, before it is made into one. */
export interface CardContent {
  readonly name: string;
  readonly description: string;
  /** Version of the program. */
  readonly version: string;
  readonly skills: AgentCard["skills"];
  readonly facts: CardFacts;
}

/** A card that was believed. */
export interface VerifiedCard {
  /** As it came, for passing it on. */
  readonly card: AgentCard;
  readonly facts: CardFacts;
  readonly principal: Principal;
  /** Skills that can be asked for by name. */
  readonly skills: readonly { readonly id: string; readonly description: string }[];
  /** SHA-256 over its canonical JSON, signature included. */
  readonly hash: string;
}

const invalid = (problem: string, cause?: unknown): GaggleError =>
  new GaggleError("CREDENTIAL_INVALID", `The agent card does not count: ${problem}.`, cause === undefined ? {} : { cause });

/** What Gaggle's extension of a card says. */
export const factsOf = (card: AgentCard): CardFacts => card.capabilities.extensions[0].params;

/** Makes a card of its content and signs it. @param signer of the agent that the card is of */
export function signCard({ facts, skills, name, description, version }: CardContent, signer: Signer): AgentCard {
  const extension = {
    uri: CARD_EXTENSION,
    description: "Place in the organisation, limits and proof of membership",
    required: false,
    params: facts,
  };
  const unsigned = {
    name,
    description,
    version,
    supportedInterfaces: [{ url: `gaggle://${facts.agentId}`, protocolBinding: "urn:gaggle:message:1", protocolVersion: "1.0" }],
    capabilities: { streaming: false, pushNotifications: false, extensions: [extension] },
    defaultInputModes: ["text/plain", "application/json"],
    defaultOutputModes: ["application/json"],
    skills,
  };
  const [head = "", , signature = ""] = signJws({ typ: TYP, payload: unsigned, signer }).split(".");
  return readCard({ ...unsigned, signatures: [{ protected: head, signature }] });
}

/** Reads a card's shape; says nothing about whether it is true. @throws GaggleError CREDENTIAL_INVALID, TOO_LARGE */
export function readCard(raw: unknown): AgentCard {
  const parsed = agentCard.safeParse(raw);
  if (!parsed.success) throw invalid("it is malformed");
  if (Buffer.byteLength(JSON.stringify(raw)) > MAX_CARD_BYTES) throw new GaggleError("TOO_LARGE", "An agent card is larger than allowed.");
  return parsed.data;
}

/** SHA-256 of a card, signature included. */
export const hashOfCard = (card: AgentCard): string => sha256Hex(canonicalJson(card));

function checkSignature(card: AgentCard, agentId: string): void {
  const { signatures, ...unsigned } = card;
  const [{ protected: head, signature }] = signatures;
  const body = Buffer.from(canonicalJson(unsigned)).toString("base64url");
  try {
    openJws(`${head}.${body}.${signature}`).assertSigned(TYP, verifyingKeyOf(jwkOfAgentId(agentId)));
  } catch (cause) {
    throw invalid("it is not signed by the agent that it is of", cause);
  }
}

function checkTimes({ issuedAt, expiresAt }: CardFacts, nowMs: number): void {
  if (expiresAt <= issuedAt || expiresAt - issuedAt > CARD_LIFETIME_MS) throw invalid("its lifetime is longer than allowed");
  if (issuedAt > nowMs + CLOCK_LEEWAY_MS)
    throw new GaggleError("CLOCK_SKEW", "An agent card is from the future; set the machines' clocks by network time.");
  if (nowMs >= expiresAt)
    throw new GaggleError("CREDENTIAL_EXPIRED", "The agent card has expired; its agent signs a new one when it is online.");
}

/** Checks a membership credential as of a time. @throws GaggleError as `verifyMembership` */
export type VerifyMember = (jwt: string, agentId: string, atMs: number) => MembershipClaims;

/**
 * Who the card is of, by its credential, which must have been valid when the card was signed: an agent that has been off for days is still known.
 * What the newest bundle revokes is refused whenever it was signed.
 * @throws GaggleError
 */
export function memberOf({ agentId, subject, role, department, credential, issuedAt }: CardFacts, verify: VerifyMember): Principal {
  const claims = verify(credential, agentId, issuedAt);
  if (claims.sub !== subject || claims.role !== role || claims.department !== department)
    throw invalid("it names another place in the organisation than its membership credential");
  return { agentId, subject, role, department };
}

/**
 * Decides whether a card counts: its own agent's signature, its times, its organisation, its membership credential.
 * @throws GaggleError CREDENTIAL_INVALID (forged), CLOCK_SKEW, CREDENTIAL_EXPIRED, NOT_A_MEMBER, REVOKED
 */
export function verifyCard(card: AgentCard, deps: { org: string; nowMs: number; verify: VerifyMember }): VerifiedCard {
  const facts = factsOf(card);
  if (facts.org !== deps.org) throw new GaggleError("NOT_A_MEMBER", "The agent card is of another organisation.");
  checkTimes(facts, deps.nowMs);
  checkSignature(card, facts.agentId);
  const principal = memberOf(facts, deps.verify);
  const skills = card.skills.filter(({ tags }) => tags.includes(RECIPE_TAG)).map(({ id, description }) => ({ id, description }));
  return { card, facts, principal, skills, hash: hashOfCard(card) };
}

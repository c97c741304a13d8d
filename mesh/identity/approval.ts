/** Signed decisions: made by an approver's key, believed only from the roster. Source: design, Trust; spec M10. */
import type { Roster } from "../contract/bundle.ts";
import { GaggleError } from "../contract/errors.ts";
import { type ApprovalStatement, approvalStatement } from "../contract/message.ts";
import type { Revocations } from "../contract/bundle.ts";
import type { Signer } from "../contract/ports.ts";
import { parseAs } from "../contract/json.ts";
import { claimedKeyOf, signJws, unverifiedPayloadOf, verifyJws } from "./jws.ts";
import { thumbprintOf } from "./keys.ts";

const TYP = "gaggle-approval+jws";
const MAX_BYTES = 4_096;

/** What a decision must be about to count. */
export interface ExpectedApproval {
  readonly org: string;
  readonly approvalId: string;
  /** Agent that asked. */
  readonly requester: string;
  /** Subject that asked; it may not approve its own request, whatever key it holds. */
  readonly requesterSubject: string;
  /** SHA-256 over the RFC 8785 form of the payload. */
  readonly payloadHash: string;
}

const invalid = (problem: string): GaggleError => new GaggleError("APPROVAL_INVALID", `The approval does not count: ${problem}.`);

/** The reason that a decision gives, before any check of it; empty where it can't be read. */
export function reasonOf(jws: string): string {
  try {
    return approvalStatement.pick({ reason: true }).loose().parse(unverifiedPayloadOf(jws)).reason;
  } catch {
    return "";
  }
}

/** Signs a decision with an unlocked approval key. @throws GaggleError INVALID_INPUT for a malformed statement */
export const signApproval = (input: { statement: ApprovalStatement; signer: Signer }): string =>
  signJws({ typ: TYP, payload: parseAs(approvalStatement, input.statement, "The approval statement"), signer: input.signer });

/**
 * Checks a decision: signed by a rostered key that isn't revoked, by the person and role that the roster names for that key, about
 * exactly this
 * request, and not by the one who asked.
 * @throws GaggleError APPROVAL_INVALID, REVOKED
 */
export function verifyApproval(input: {
  jws: string;
  roster: Roster;
  revocations: Revocations;
  expected: ExpectedApproval;
}): ApprovalStatement {
  const { roster, revocations, expected } = input;
  const { statement, kid } = readStatement(input.jws, roster);
  const entry = entryOf(statement, kid, roster);
  if (entry === undefined) throw invalid("its key is not on the roster for this person and role");
  if (revocations.keys.includes(kid) || revocations.subjects.includes(entry.subject)) {
    throw new GaggleError("REVOKED", "The approval does not count: the approver's key has been revoked.");
  }
  if (entry.subject === expected.requesterSubject) throw invalid("who asks can't approve; another approver must decide");
  const { org, approvalId, requester, payloadHash } = statement;
  if (org !== expected.org || approvalId !== expected.approvalId || requester !== expected.requester)
    throw invalid("it is for another request");
  if (payloadHash !== expected.payloadHash) throw invalid("it is for another payload than the one that was asked about");
  return statement;
}

/**
 * Whose key a decision names, by the roster; for a decision that was verified. One key of several entries is that of the person and role that it names.
 * @returns undefined where the roster has no such key for them
 */
export function rosterEntryOf(jws: string, roster: Roster): Roster["approvers"][number] | undefined {
  const { statement, kid } = readStatement(jws, roster);
  return entryOf(statement, kid, roster);
}

const entryOf = ({ approver: { subject, role } }: ApprovalStatement, kid: string, { approvers }: Roster) =>
  approvers.find((one) => thumbprintOf(one.key) === kid && one.subject === subject && one.role === role);

/** `details.unknownKey`: a newer roster may name it. */
const unknownKey = (): GaggleError =>
  new GaggleError("APPROVAL_INVALID", "The approval does not count: it is forged, altered, or not from a rostered key.", {
    details: { unknownKey: true },
  });

function readStatement(jws: string, roster: Roster): { statement: ApprovalStatement; kid: string } {
  try {
    const kid = claimedKeyOf(jws, MAX_BYTES);
    if (!roster.approvers.some(({ key }) => thumbprintOf(key) === kid)) throw unknownKey();
    const payload = verifyJws({ jws, typ: TYP, keys: roster.approvers.map(({ key }) => key), maxBytes: MAX_BYTES });
    return { statement: approvalStatement.parse(payload), kid };
  } catch (cause) {
    if (cause instanceof GaggleError && cause.code === "APPROVAL_INVALID") throw cause;
    throw new GaggleError("APPROVAL_INVALID", "The approval does not count: it is forged, altered, or not from a rostered key.", { cause });
  }
}

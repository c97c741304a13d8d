/** Signed decisions: made by an approver's key, believed only from the roster. Source: design, Trust; spec M10. */
import type { Roster } from "../contract/bundle.ts";
import { GaggleError } from "../contract/errors.ts";
import { type ApprovalStatement, approvalStatement } from "../contract/message.ts";
import type { Revocations } from "../contract/bundle.ts";
import type { Signer } from "../contract/ports.ts";
import { parseAs } from "../contract/json.ts";
import { claimedKeyOf, signJws, verifyJws } from "./jws.ts";
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
  const entry = roster.approvers.find(
    ({ key, subject, role }) => thumbprintOf(key) === kid && subject === statement.approver.subject && role === statement.approver.role,
  );
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

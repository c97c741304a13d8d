/** Posts an approved proposal: once for an organisation, period and step, however often and from wherever it is called. */
import type { ApprovalView } from "../../mesh/contract/daemon-api.ts";
import { GaggleError } from "../../mesh/contract/errors.ts";
import { canonicalHash, parseAs, parseJson } from "../../mesh/contract/json.ts";
import { approvalStatement } from "../../mesh/contract/message.ts";
import type { CloseFolder } from "./close-folder.ts";
import type { ApprovalRecord, CloseReport, Posting, Proposal } from "./close-records.ts";
import { approvalPayloadOf } from "./propose-close.ts";

const STEP = "post-close";

/** What posting needs from the world. */
export interface PostingDeps {
  /** The approval as the daemon holds it: its signature verified against the roster. */
  readonly fetchApproval: (approvalId: string) => Promise<ApprovalView>;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/** A posting, and whether it was there before this call. */
export interface PostingOutcome {
  readonly posting: Posting;
  readonly alreadyPosted: boolean;
}

const invalid = (message: string): never => {
  throw new GaggleError("APPROVAL_INVALID", message);
};

/** Only a signed "approved" goes on. */
function requireApproved(view: ApprovalView): { decision: string; approver: ApprovalRecord["approver"] } {
  if (view.state === "PENDING") {
    throw new GaggleError("STATE_CONFLICT", "The approval is still pending. Wait with fetch_status until it is APPROVED, then post.");
  }
  if (view.state !== "APPROVED") {
    throw new GaggleError(
      "STATE_CONFLICT",
      `The approval ended as ${view.state}, so nothing is posted. Change the proposal and ask again.`,
    );
  }
  const { decision, approver } = view;
  if (decision === undefined || approver === undefined) return invalid("The approval has no signed decision. Ask for it again.");
  return { decision, approver };
}

/** Payload of a compact JWS. The daemon verified the signature before it gave the decision out. */
function statementOf(jws: string): {
  approvalId: string;
  payloadHash: string;
  decision: string;
  approver: { subject: string; role: string };
} {
  const text = Buffer.from(jws.split(".")[1] ?? "", "base64url").toString("utf8");
  return parseAs(approvalStatement, parseJson(text, "The signed decision"), "The signed decision");
}

/**
 * Checks that a person signed exactly this proposal.
 * @throws GaggleError STATE_CONFLICT where it is not approved; APPROVAL_INVALID where it is for something else
 */
function checkApproval(view: ApprovalView, proposal: Proposal): ApprovalRecord {
  const { decision, approver } = requireApproved(view);
  const payloadHash = canonicalHash(approvalPayloadOf(proposal));
  if (canonicalHash(view.payload) !== view.payloadHash)
    return invalid("The approval's payload is not what its hash says. Ask for it again.");
  if (view.payloadHash !== payloadHash) {
    return invalid("The approval is for another proposal than the stored one. Ask for an approval of the current approvalPayload.");
  }
  const signed = statementOf(decision);
  const fits =
    signed.approvalId === view.approvalId &&
    signed.payloadHash === payloadHash &&
    signed.decision === "approved" &&
    signed.approver.subject === approver.subject &&
    signed.approver.role === approver.role;
  if (!fits) return invalid("The signed decision is not for this approval. Ask for it again.");
  return { approvalId: view.approvalId, approver, decision: "approved", payloadHash, signature: decision };
}

/** One id for an organisation, period and step. */
const postingIdOf = ({ organisation, period }: Proposal): string =>
  `POST-${period}-${canonicalHash({ organisation, period, step: STEP }).slice(0, 12)}`;

/** The report of a posting: the same posting gives the same report. */
const reportOf = ({ proposal, approval, postedAt, postingId }: Posting): CloseReport => ({
  ...proposal,
  approval,
  postedAt,
  postingId,
});

async function postOnce(folder: CloseFolder, period: string, approvalId: string, deps: PostingDeps): Promise<PostingOutcome> {
  const before = await folder.posting();
  if (before !== undefined) return { posting: before, alreadyPosted: true };
  const proposal = await folder.proposal();
  if (proposal === undefined) throw new GaggleError("STATE_CONFLICT", `There is no proposal for ${period}. Call propose_entries first.`);
  const approval = checkApproval(await deps.fetchApproval(approvalId), proposal);
  const posting: Posting = {
    v: 1,
    step: STEP,
    postingId: postingIdOf(proposal),
    postedAt: new Date(deps.now()).toISOString(),
    proposalHash: canonicalHash(proposal),
    proposal,
    approval,
  };
  if (await folder.createPosting(posting)) return { posting, alreadyPosted: false };
  const winner = await folder.posting();
  if (winner === undefined)
    throw new GaggleError("CONFLICT", `The posting for ${period} was removed while it was made. Call post_close again.`);
  return { posting: winner, alreadyPosted: true };
}

/**
 * Posts the stored proposal of a period and writes its report. Where it is posted already, that posting comes back and the report is
 * written again if a crash came between.
 * @throws GaggleError STATE_CONFLICT without a proposal or approval; APPROVAL_INVALID for another proposal; what `fetchApproval` throws
 */
export async function postClose(folder: CloseFolder, period: string, approvalId: string, deps: PostingDeps): Promise<PostingOutcome> {
  const outcome = await postOnce(folder, period, approvalId, deps);
  await folder.saveReport(reportOf(outcome.posting));
  return outcome;
}

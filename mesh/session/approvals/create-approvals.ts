/**
 * Approvals: ask a person of another agent for a signed decision on exactly one payload. The approver's daemon takes a decision that was signed
 * outside it; the requester's daemon believes it only after its own check against the roster. Sans-IO. Source: spec M10; design, Trust.
 */
import type { SessionDeps } from "../ports.ts";
import { type ApprovalStepsDeps, createApprovalSteps } from "./approval-steps.ts";
import { createApproverSide } from "./approver-side.ts";
import { createRequestDelivery } from "./request-delivery.ts";
import { createRequesterSide, type RequesterSideDeps } from "./requester-side.ts";

/** What approvals need. */
export interface ApprovalDeps extends SessionDeps, ApprovalStepsDeps, Pick<RequesterSideDeps, "onDecided"> {}

/** Makes both sides of approvals. */
export function createApprovals(deps: ApprovalDeps) {
  const sides = { ...deps, steps: createApprovalSteps(deps) };
  return { ...createRequesterSide(sides), ...createRequestDelivery(sides), ...createApproverSide(sides) };
}
/** Both sides of approvals. */
export type Approvals = ReturnType<typeof createApprovals>;

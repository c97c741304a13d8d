/**
 * Approvals: ask people of other agents for signed decisions on exactly one payload. The approver's daemon takes a decision that was signed outside it;
 * the requester's daemon believes it only after its own check against the roster. Sans-IO. Source: spec M10; design, Trust; docs/approvals.md.
 */
import type { Transaction } from "../../contract/ports.ts";
import type { SessionDeps } from "../ports.ts";
import { type ApprovalStepsDeps, createApprovalSteps } from "./approval-steps.ts";
import { createApproverSide } from "./approver-side.ts";
import { createRequestDelivery } from "./request-delivery.ts";
import { createRequesterSide } from "./requester-side.ts";
import { createRequesterSteps, type RequesterStepsDeps } from "./requester-steps.ts";

/** What approvals need. */
export interface ApprovalDeps extends SessionDeps, ApprovalStepsDeps, Pick<RequesterStepsDeps, "book" | "knows" | "onDecided" | "plan"> {}

/** Makes both sides of approvals. */
export function createApprovals(deps: ApprovalDeps) {
  const steps = createApprovalSteps(deps);
  const requester = createRequesterSteps({ ...deps, steps });
  const sides = { ...deps, steps, requester };
  const approverSide = createApproverSide(sides);
  return {
    ...createRequesterSide(sides),
    ...createRequestDelivery(sides),
    ...approverSide,

    /** Looks at an approval whose time has come, and forgets that time in the same batch. */
    wake: (approvalId: string, forget: (tx: Transaction) => void): Promise<void> =>
      deps.queue.run(
        (tx) => {
          forget(tx);
          requester.look(tx, approvalId);
          approverSide.look(tx, approvalId);
        },
        { finishing: true },
      ),
  };
}
/** Both sides of approvals. */
export type Approvals = ReturnType<typeof createApprovals>;

/** Looks through what came with signed approvals: policy is asked about the approvers with what they approved. */
import type { Principal } from "../../contract/identity.ts";
import { messageAsApproved, type OpenedEnvelope } from "../../delivery/envelope.ts";
import { approvalPayload } from "../../session/task-approval.ts";
import type { Boundary } from "./messaging-types.ts";

/** The envelope with the classes in what was approved, where approvals came with it and there is a guard. @throws GaggleError GUARD_REFUSED */
export async function withApprovedClasses(
  boundary: Pick<Boundary, "classesOf"> | undefined,
  self: Principal,
  opened: OpenedEnvelope,
): Promise<OpenedEnvelope> {
  const asApproved = messageAsApproved(opened);
  if (boundary?.classesOf === undefined || asApproved.type !== "task.request" || asApproved.approvals === undefined) return opened;
  const classes = await boundary.classesOf(approvalPayload(asApproved, self));
  return { ...opened, approved: [...new Set([...classes, ...(opened.found?.classes ?? [])])].sort() };
}

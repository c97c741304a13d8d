/** An approval in words: who was asked when and why, how many have approved, until when. */
import type { ApprovalView } from "../contract/daemon-api.ts";
import { asSeen, paint } from "./output.ts";

/** `; 1 of 2 approved; until 2026-10-31T12:00:00Z`: what one line about it ends with. */
export function termWords({ quorum, deadline, asked = [], state }: ApprovalView): string {
  const done = asked.filter(({ decision }) => decision !== undefined).length;
  const votes = quorum === undefined ? "" : asked.length === 0 ? `; ${quorum} have to approve` : `; ${done} of ${quorum} approved`;
  return `${votes}${deadline === undefined || state !== "PENDING" ? "" : `; until ${deadline}`}`;
}

/** The rest of what there is to say: why it ended, and a line for each who was asked. */
export const approvalLines = ({ reason, asked = [] }: ApprovalView): string[] => [
  ...(reason === undefined || reason === "" ? [] : [`  ${asSeen(reason)}`]),
  ...asked.map(
    ({ at, to, because, decision, delivery }) =>
      `  ${paint.dim(at)} asked ${to.subject} (${to.role})${because === "asked" ? "" : `: ${because}`}; ${decision === undefined ? DELIVERY[delivery] : paint.good("approved")}`,
  ),
];

const DELIVERY = {
  queued: "not delivered yet",
  deposited: "waits, sealed, on the bootstrap node",
  stored: "has not approved",
  dead: "could not be reached",
} as const;

/** Policy of sending a task. */
import type { PolicyQuestion } from "../../contract/ports.ts";
import type { AskedPolicy } from "../approval-gate.ts";
import type { SessionDeps } from "../ports.ts";
import { type AskerTask, signedOf } from "../task-record.ts";

/**
 * Makes the question whether a task may be sent to whom it is for.
 * `counts`: false where the same task was counted before.
 */
export function createSendPolicy(deps: Pick<SessionDeps, "masks" | "policy" | "self">) {
  return ({ peer, skill, unattended = false, approvals = [] }: AskerTask, counts = true): AskedPolicy => {
    const question: PolicyQuestion = {
      action: "task.send",
      principal: deps.self,
      target: peer,
      targetRole: peer.role,
      ...(skill === undefined ? {} : { resource: skill }),
      context: { unattended, participants: [deps.self.subject, ...approvals.flatMap(signedOf).map(({ subject }) => subject)] },
    };
    return {
      question,
      decision: deps.policy.decide(question, { keeps: deps.masks === true ? ["mask", "approval"] : ["approval"], counts }),
    };
  };
}
/** The question whether a task may be sent. */
export type SendPolicy = ReturnType<typeof createSendPolicy>;

/** Which question policy answers about a message, at its sender and at its receiver. Messages that only continue something known have none. */
import type { PolicyAction } from "../contract/bundle.ts";
import type { Message } from "../contract/message.ts";
import type { PolicyQuestion } from "../contract/ports.ts";

/** Action and resource of a question. */
export type MessageQuestion = Pick<PolicyQuestion, "action" | "resource">;

const withSkill = (action: PolicyAction, skill: string | undefined): MessageQuestion => ({
  action,
  ...(skill === undefined ? {} : { resource: skill }),
});

/** What a receiver asks of what came in. */
export function receivingQuestion(message: Message): MessageQuestion | undefined {
  if (message.type === "task.request") return withSkill("task.receive", message.skill);
  if (message.type === "approval.request") return { action: "approval.request" };
  if (message.type === "notification") return { action: "notify.send" };
  // The end of a session is taken whatever policy says; what a shard may be is asked by its classes where it is stored.
  if (message.type === "session.state" && message.open) return { action: "session.join" };
  if (message.type === "session.offer") return { action: "session.handoff" };
  return undefined;
}

/** What a sender asks once more as a message leaves its department, when it knows what is in it. */
export function leavingQuestion(message: Message): MessageQuestion | undefined {
  if (message.type === "task.request") return withSkill("task.send", message.skill);
  if (message.type === "notification") return { action: "notify.send" };
  return undefined;
}

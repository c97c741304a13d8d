/** Turns a session as the daemon tells it into what tools show: compact data and a few lines. */
import type { z } from "zod";
import type { SessionView } from "../../mesh/contract/session.ts";
import type { sessionOutput } from "./schemas.ts";

/** A session without what nobody needs to read; bodies of shards only where they were asked for. */
export function showSession(view: SessionView): z.infer<typeof sessionOutput> {
  const { sessionId, state, mine, participation, owner, purpose, scope, expiresAt, participants, shards, handingTo, offered, totals } =
    view;
  return {
    sessionId,
    state,
    mine,
    participation,
    owner: owner.subject,
    purpose,
    scope,
    expiresAt,
    participants: participants.map(({ agentId, subject, role, state: stands, shards: has }) => ({
      agentId,
      subject,
      role,
      state: stands,
      ...(has === undefined ? {} : { shards: has.map(({ id, version, delivery }) => `${id}@${version} ${delivery}`) }),
    })),
    shards: shards.map(({ id, version, title, classes, visibility, body }) => ({
      id,
      version,
      title,
      classes,
      visibility,
      ...(body === undefined ? {} : { body }),
    })),
    ...(handingTo === undefined ? {} : { handingTo: handingTo.subject }),
    offered,
    totals,
  };
}

/** A session in a few lines. */
export function saySession({ sessionId, state, mine, owner, participants, shards, handingTo, offered, totals }: SessionView): string {
  const tasks = Object.entries(totals.tasks).map(([name, count]) => `${count} ${name}`);
  return [
    `Session ${sessionId} is ${state}; ${mine === "owner" ? "you own it" : `its owner is ${owner.subject}`}.`,
    ...(handingTo === undefined ? [] : [`It is offered to ${handingTo.subject}, who has not answered yet; nothing changes until then.`]),
    ...(offered ? ["It is offered to you: ask your person, then hand_off with accept."] : []),
    `Participants: ${participants.map(({ subject, state: stands }) => `${subject} ${stands}`).join(", ") || "none"}.`,
    `Shared here: ${shards.map(({ id, version }) => `${id}@${version}`).join(", ") || "nothing"}.`,
    `Tasks: ${tasks.join(", ") || "none"}; open questions: ${totals.openQuestions}; approvals pending: ${totals.approvalsPending}.`,
  ].join("\n");
}

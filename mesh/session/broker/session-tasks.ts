/** Tasks within a session: they carry references to shards that the receiver may see, never what is in them. Sans-IO. */
import { GaggleError } from "../../contract/errors.ts";
import type { Principal } from "../../contract/identity.ts";
import type { Json } from "../../contract/json.ts";
import type { Transaction } from "../../contract/ports.ts";
import type { TaskSession } from "../../contract/session.ts";
import { policyDenied } from "../policy-denied.ts";
import { isVisibleTo, LOOKING, mayShare } from "./may-see.ts";
import { type BrokerDeps, type BrokerSession, type HeldShard, mustBeOpen, readBody, readSession } from "./session-record.ts";
import { idFor, isCalled } from "./shard-alias.ts";

/** What a run gets to see of its task's session. */
export interface SessionContext {
  readonly sessionId: string;
  readonly purpose: string;
  readonly shards: readonly { readonly id: string; readonly version: number; readonly title: string; readonly body: Json }[];
}

/** A task that is to be sent in a session. */
export interface TaskInSession {
  readonly sessionId: string;
  readonly to: Principal;
  readonly skill?: string | undefined;
  /** Shards that it is about; left out, all that the receiver may see. */
  readonly shards?: readonly string[] | undefined;
}

const outOfScope = (skill: string): GaggleError =>
  new GaggleError("POLICY_DENIED", `The session is not for the skill ${skill}; send the task outside of it.`);

const assertInScope = ({ scope }: BrokerSession, skill: string | undefined): void => {
  if (skill !== undefined && scope.skills !== undefined && !scope.skills.includes(skill)) throw outOfScope(skill);
};

const takesPart = ({ owner, participants }: BrokerSession, agentId: string): boolean =>
  owner.agentId === agentId || participants.some((one) => one.agentId === agentId && one.state === "joined");

/** Makes it. */
export function createSessionTasks({ policy, self }: Pick<BrokerDeps, "policy" | "self">) {
  const seenBy = (session: BrokerSession, to: Principal, shard: HeldShard): boolean =>
    session.owner.agentId === to.agentId ||
    (isVisibleTo(shard.visibility, to) && mayShare(policy, { owner: session.owner, receiver: to, shard }, LOOKING).allowed);

  return {
    /** The reference that a task takes along. @throws GaggleError NOT_FOUND, STATE_CONFLICT, POLICY_DENIED */
    refer(tx: Transaction, { sessionId, to, skill, shards }: TaskInSession): TaskSession {
      const session = mustBeOpen(tx, sessionId);
      if (session.participation !== "joined" || !takesPart(session, to.agentId))
        throw new GaggleError(
          "STATE_CONFLICT",
          "That agent, or this one, does not take part in the session now; session_status says who does.",
        );
      assertInScope(session, skill);
      const missing = shards?.find((id) => !session.shards.some((one) => one.id === id));
      if (missing !== undefined) throw new GaggleError("NOT_FOUND", `The session has no shard ${missing} here; session_status lists them.`);
      const meant = session.shards.filter(({ id }) => shards?.includes(id) ?? true);
      const hidden = shards === undefined ? undefined : meant.find((shard) => !seenBy(session, to, shard));
      if (hidden !== undefined) {
        const decision = mayShare(policy, { owner: session.owner, receiver: to, shard: hidden }, LOOKING);
        throw policyDenied({ ...decision, reason: `That agent may not see the shard ${hidden.id}.` });
      }
      const seen = meant.filter((shard) => seenBy(session, to, shard));
      return { id: sessionId, shards: seen.map((shard) => ({ id: idFor(shard, self, to), version: shard.version })) };
    },

    /** A task that came in. @throws GaggleError POLICY_DENIED where it is not of a session that both take part in, or outside of its scope */
    assertIn(tx: Transaction, from: Principal, { id }: TaskSession, skill: string | undefined): void {
      const session = readSession(tx, id);
      const isOpen = session?.state === "OPEN" && tx.now < session.expiresAt && session.participation === "joined";
      const isListed =
        session?.owner.agentId === from.agentId || (session?.participants.some(({ agentId }) => agentId === from.agentId) ?? false);
      if (!isOpen || !isListed || session === undefined)
        throw new GaggleError("POLICY_DENIED", "The task names a session that is not open here, or in which its sender takes no part.");
      assertInScope(session, skill);
    },

    /** What a run of a task may see: the shards it refers to, as they are here now. */
    contextOf(source: Pick<Transaction, "get">, task: TaskSession | undefined): SessionContext | undefined {
      const session = task && readSession(source, task.id);
      if (session?.state !== "OPEN") return undefined;
      const shards = session.shards.flatMap((shard) => {
        const { id, version, title } = shard;
        const body = task?.shards.some((ref) => isCalled(shard, ref.id)) ? readBody(source, session.sessionId, id) : undefined;
        return body === undefined ? [] : [{ id, version, title, body }];
      });
      return { sessionId: session.sessionId, purpose: session.purpose, shards };
    },
  };
}
/** Tasks within sessions. */
export type SessionTasks = ReturnType<typeof createSessionTasks>;

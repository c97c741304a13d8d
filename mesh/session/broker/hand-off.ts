/**
 * Hand-off of a session. Sans-IO. The owner signs an offer under the next epoch and changes nothing from then on; in the transaction in which the
 * receiver accepts, it becomes the owner. So at any time exactly one agent may change the session, or none while an offer waits; a crash on either side
 * leaves one of these, and the answer, which is delivered at least once, ends the wait. Only the receiver's own word gives the session back: a time-out
 * could make two owners. docs/decisions/0094-sessions.md
 */
import type { Target } from "../../contract/daemon-api.ts";
import { GaggleError } from "../../contract/errors.ts";
import type { MessageOf } from "../../contract/message.ts";
import type { PolicyQuestion, Transaction } from "../../contract/ports.ts";
import { MAX_HAND_OFFS } from "../../contract/session.ts";
import { policyDenied } from "../policy-denied.ts";
import type { Principal } from "../../contract/identity.ts";
import type { SessionIncoming } from "../ports.ts";
import { readHandOff, signHandOff } from "./hand-off-proof.ts";
import { isVisibleTo, joining, LOOKING, mayShare } from "./may-see.ts";
import type { OwnerSide } from "./owner-side.ts";
import type { ParticipantSide } from "./participant-side.ts";
import {
  auditSession,
  type BrokerDeps,
  type BrokerSession,
  type KeptParticipant,
  mustBeOpen,
  mustOwn,
  principalOf,
  readSession,
  saveSession,
  tell,
  withoutShards,
} from "./session-record.ts";

/** Makes both sides of it. */
export function createHandOff(
  deps: BrokerDeps,
  owner: Pick<OwnerSide, "announce" | "spread">,
  participant: Pick<ParticipantSide, "ofOwner">,
) {
  const { self, policy } = deps;
  const save = (tx: Transaction, session: BrokerSession): BrokerSession => saveSession(tx, deps.changes, session);

  const handingTo = (heir: Principal): PolicyQuestion => ({ ...joining(self, heir), action: "session.handoff" });

  /** The participant to hand it to: one that takes part and may see everything in it. */
  const heirOf = (session: BrokerSession, target: Target): KeptParticipant => {
    const { agentId } = deps.resolve(target);
    const heir = session.participants.find((one) => one.agentId === agentId);
    if (heir?.state !== "joined")
      throw new GaggleError("STATE_CONFLICT", "Only an agent that takes part can take the session over; session_status says who does.");
    const decision = policy.decide(handingTo(heir));
    if (!decision.allowed) throw policyDenied(decision);
    const hidden = session.shards.find(
      (shard) =>
        !isVisibleTo(shard.visibility, heir) || !mayShare(policy, { owner: self, receiver: principalOf(heir), shard }, LOOKING).allowed,
    );
    if (hidden !== undefined)
      throw new GaggleError("POLICY_DENIED", `An owner has all of a session, and that agent may not see the shard ${hidden.id}.`);
    return heir;
  };

  const offer = (tx: Transaction, sessionId: string, target: Target): BrokerSession => {
    const session = mustOwn(tx, sessionId);
    if (session.handOffs.length >= MAX_HAND_OFFS)
      throw new GaggleError("TOO_LARGE", "The session has changed hands too often; open a new one.");
    const heir = heirOf(session, target);
    const to = principalOf(heir);
    const epoch = session.epoch + 1;
    const handOff = signHandOff({ v: 1, org: deps.org, sessionId, epoch, from: self.agentId, to: to.agentId }, deps.signer);
    const decision = policy.decide(handingTo(to), { counts: false });
    const shards = session.shards.map((one) => ({ id: heir.sent[one.id]?.as ?? one.id, version: one.version }));
    const message = { type: "session.offer" as const, sessionId, epoch, handOff, shards };
    const offerId = tell(tx, deps, session, { to, message, decision, movable: true });
    auditSession(tx, self, session, "handoff", { details: { step: "offer", epoch, toSubject: to.subject } });
    return save(tx, { ...session, handingTo: to, offerId });
  };

  const reply = (
    tx: Transaction,
    session: BrokerSession,
    to: BrokerSession["owner"],
    answered: { epoch: number; accepted: boolean },
  ): void => {
    const message = { type: "session.offer-answer" as const, sessionId: session.sessionId, ...answered };
    tell(tx, deps, session, { to: principalOf(to), message });
  };

  const holdsAll = ({ shards, offer: offered }: BrokerSession): boolean =>
    (offered?.shards ?? []).every(({ id, version }) => shards.some((one) => one.id === id && one.version >= version));

  const accept = (tx: Transaction, session: BrokerSession, given: NonNullable<BrokerSession["offer"]>): BrokerSession => {
    if (!holdsAll(session)) throw new GaggleError("STATE_CONFLICT", "Not all of the session has come here yet; accept it in a moment.");
    const { offer: _, ...rest } = session;
    const former: KeptParticipant = { ...principalOf(session.owner), state: "joined", joinSeq: 0, sent: {} };
    const others = session.participants.filter(({ agentId }) => agentId !== self.agentId && agentId !== former.agentId);
    const answered = { epoch: given.epoch, accepted: true };
    const mine: BrokerSession = {
      ...rest,
      mine: "owner",
      owner: principalOf(self),
      epoch: given.epoch,
      rev: 0,
      participants: [former, ...others],
      handOffs: [...session.handOffs, given.handOff],
      answered,
      reports: {},
    };
    auditSession(tx, self, mine, "handoff", { details: { step: "accept", epoch: given.epoch, fromSubject: session.owner.subject } });
    reply(tx, mine, session.owner, answered);
    const told = owner.announce(tx, mine);
    return save(tx, owner.spread(tx, told, told.shards));
  };

  const decline = (tx: Transaction, session: BrokerSession, { epoch }: { epoch: number }): BrokerSession => {
    const { offer: _, ...rest } = session;
    const answered = { epoch, accepted: false };
    auditSession(tx, self, session, "handoff", { details: { step: "decline", epoch, fromSubject: session.owner.subject } });
    reply(tx, session, session.owner, answered);
    return save(tx, { ...rest, answered });
  };

  /** The owner goes on. Its next epoch is above that of the offer, so that the signed offer is worth nothing any more. */
  const resume = (tx: Transaction, session: BrokerSession): BrokerSession => {
    const { handingTo: _, offerId: __, ...rest } = session;
    auditSession(tx, self, session, "handoff", { result: "failed", details: { step: "resume", epoch: session.epoch + 2 } });
    return owner.announce(tx, { ...rest, epoch: session.epoch + 2, rev: 0 });
  };

  /** Takes an offer back that was surely never handed over: its receiver can't have accepted what it does not have. */
  const withdraw = (tx: Transaction, sessionId: string): BrokerSession => {
    const session = mustBeOpen(tx, sessionId);
    if (session.mine !== "owner" || session.handingTo === undefined)
      throw new GaggleError("STATE_CONFLICT", "This agent has offered the session to nobody.");
    const { offerId } = session;
    const taken = offerId === undefined ? undefined : deps.sender.takeBack?.(tx, { id: offerId });
    if (taken === undefined)
      throw new GaggleError("STATE_CONFLICT", "The offer may have arrived, so only the agent that has it can give the session back.");
    return resume(tx, session);
  };

  /** The session that this agent has offered under an epoch. */
  const offered = (tx: Transaction, { sessionId, epoch }: { sessionId: string; epoch: number }, to: string): BrokerSession | undefined => {
    const session = readSession(tx, sessionId);
    const isIt = session?.state === "OPEN" && session.mine === "owner" && session.epoch + 1 === epoch && session.handingTo?.agentId === to;
    return isIt ? session : undefined;
  };

  return {
    /** @throws GaggleError NOT_FOUND, STATE_CONFLICT, POLICY_DENIED, NO_ROUTE */
    offer: (sessionId: string, target: Target): Promise<BrokerSession> => deps.queue.run((tx) => offer(tx, sessionId, target)),

    /** @throws GaggleError NOT_FOUND, STATE_CONFLICT */
    answer: (sessionId: string, isAccepted: boolean): Promise<BrokerSession> =>
      deps.queue.run((tx) => {
        const session = mustBeOpen(tx, sessionId);
        if (session.offer === undefined)
          throw new GaggleError("STATE_CONFLICT", "The session is not offered to you; its owner would have to.");
        return isAccepted ? accept(tx, session, session.offer) : decline(tx, session, session.offer);
      }),

    /** @throws GaggleError NOT_FOUND, STATE_CONFLICT where the offer may have arrived */
    withdraw: (sessionId: string): Promise<BrokerSession> => deps.queue.run((tx) => withdraw(tx, sessionId)),

    /** An offer. One that was answered before gets the same answer again. */
    onOffer(tx: Transaction, incoming: SessionIncoming, message: MessageOf<"session.offer">): GaggleError | undefined {
      const { sessionId, epoch, handOff, shards } = message;
      const known = readSession(tx, sessionId);
      if (known?.answered?.epoch === epoch) {
        reply(tx, known, incoming.from, known.answered);
        return undefined;
      }
      const session = participant.ofOwner(tx, incoming.from.agentId, { sessionId, epoch: epoch - 1 });
      if (session === undefined || session.offer?.epoch === epoch) return undefined;
      const statement = readHandOff(handOff);
      const isSound =
        statement?.to === self.agentId &&
        statement.from === incoming.from.agentId &&
        statement.epoch === epoch &&
        statement.sessionId === sessionId &&
        statement.org === deps.org;
      if (!isSound || session.participation !== "joined")
        return new GaggleError(
          "ENVELOPE_INVALID",
          "The hand-off is not signed for this agent and session, or this agent takes no part in it.",
        );
      save(tx, { ...session, offer: { epoch, handOff, shards } });
      deps.tellPerson(
        tx,
        incoming,
        `I offer you the session ${sessionId}. Take it over or decline: gaggle session accept|decline ${sessionId}`,
      );
      return undefined;
    },

    /** The word of whom it was offered to. */
    onAnswer(tx: Transaction, { from }: SessionIncoming, message: MessageOf<"session.offer-answer">): undefined {
      const session = offered(tx, message, from.agentId);
      if (session === undefined) return;
      if (!message.accepted) {
        resume(tx, session);
        return;
      }
      const { handingTo: _, offerId: __, ...rest } = session;
      auditSession(tx, self, session, "handoff", { details: { step: "done", epoch: message.epoch, toSubject: from.subject } });
      // What it may still see comes from the new owner.
      const next = { ...withoutShards(tx, rest), mine: "participant" as const, owner: principalOf(from), epoch: message.epoch, rev: 0 };
      save(tx, { ...next, participation: "joined", reports: {} });
    },

    /** The offer was refused, so it was never taken. One that merely expired may have been: its owner keeps waiting for the answer. */
    onDead(tx: Transaction, message: MessageOf<"session.offer">, to: string, code: string): void {
      const session = code === "ENVELOPE_EXPIRED" ? undefined : offered(tx, message, to);
      if (session !== undefined) resume(tx, session);
    },
  };
}

/** Cuts members whose credential doesn't hold any more: now and then, and whenever membership has changed. */
import { type ErrorCode, errorCode } from "../contract/errors.ts";
import type { Clock } from "../contract/ports.ts";
import type { KnownPeers, PeerRecord, SharedPeer } from "./known-peers.ts";
import type { Members } from "./members.ts";
import type { PeerLog } from "./peer-node.ts";
import { RECHECK_INTERVAL_MS } from "./protocols.ts";

/** Reasons for which an agent is forgotten and not only cut off. */
const FINAL_REASONS: ReadonlySet<ErrorCode> = new Set<ErrorCode>(["REVOKED", "CREDENTIAL_INVALID", "NOT_A_MEMBER"]);

/** What it needs. */
export interface MemberRecheckDeps {
  readonly ownId: string;
  readonly known: Pick<KnownPeers, "recheck" | "merge">;
  readonly members: Pick<Members, "cut">;
  /** What this agent says of itself. */
  readonly own: () => SharedPeer & PeerRecord;
  /** Cuts an agent off and forgets it. */
  readonly forget: (agentId: string, reason: string) => void;
  readonly clock: Clock;
  readonly log: PeerLog;
}

/** Makes it; nothing is looked at before `start`. */
export function createMemberRecheck({ ownId, known, members, own, forget, clock, log }: MemberRecheckDeps) {
  let cancel = (): void => undefined;

  const rememberSelf = (): void => {
    try {
      known.merge(own());
    } catch (error) {
      log.warn({ code: errorCode(error) }, "this agent's own credential does not verify; peers will refuse it until it is renewed");
    }
  };

  /** A credential that a member renewed has come by its record. */
  const recheck = (): void => {
    for (const bad of known.recheck()) {
      const reason = errorCode(bad.error);
      if (bad.agentId === ownId) continue;
      // Who only failed to renew, or is judged without a valid bundle here, may be believed again tomorrow: its addresses stay.
      if (FINAL_REASONS.has(reason)) forget(bad.agentId, reason);
      else members.cut(bad.agentId, reason);
    }
    rememberSelf();
  };

  const plan = (): void => {
    cancel = clock.after(RECHECK_INTERVAL_MS, () => {
      recheck();
      plan();
    });
  };

  return { now: recheck, rememberSelf, start: plan, stop: (): void => cancel() };
}

/** How this agent stands with the bootstrap node: whether it answers, and whether it still knows this member. */
import { type ErrorCode, errorCode } from "../contract/errors.ts";

/** What the node says of a member whom it does not serve any more. Another answer is a failure of that moment. */
const REFUSALS = ["REVOKED", "NOT_A_MEMBER", "SIGN_IN_NEEDED"] as const satisfies readonly ErrorCode[];

/** How it stands; `unasked` until the first answer or failure. */
export interface NodeStanding {
  readonly asked: boolean;
  readonly reachable: boolean;
  /** Why the node refuses this member, where it did when it was last asked. */
  readonly refused?: (typeof REFUSALS)[number];
}

/** Keeps it. */
export interface StandingBook {
  now(): NodeStanding;
  /** The node answered, and takes this member for one. @returns whether that is news */
  answered(): boolean;
  /** A refusal for what this member is; anything else changes nothing. @returns whether it was one */
  refused(error: unknown): boolean;
  /** Asking failed: refused, or not reached. */
  failed(error: unknown): void;
}

/** Makes it. */
export function createStandingBook(): StandingBook {
  let standing: NodeStanding = { asked: false, reachable: false };
  const refused = (error: unknown): boolean => {
    const code = REFUSALS.find((one) => one === errorCode(error));
    if (code === undefined) return false;
    standing = { asked: true, reachable: true, refused: code };
    return true;
  };
  return {
    now: () => standing,
    answered() {
      const isNews = !standing.reachable || standing.refused !== undefined;
      standing = { asked: true, reachable: true };
      return isNews;
    },
    refused,
    failed(error) {
      if (!refused(error)) standing = { asked: true, reachable: false };
    },
  };
}

/** Whether the node can serve: what a load balancer or a watchdog asks. */
import { FREE_SPACE_FLOOR_BYTES } from "../mesh/contract/limits.ts";
import { GaggleError } from "../mesh/contract/errors.ts";
import type { BundleShelf } from "./bundle-shelf.ts";

/** What is looked at. */
export interface ReadinessDeps {
  readonly shelf: Pick<BundleShelf, "newest">;
  /** False once a write of the store has failed. */
  storeUsable(): boolean;
  /** False where the node should be a peer and does not listen. */
  peerUp(): boolean;
  /** Free bytes where the store lies. */
  freeBytes(): number;
}

/** Each part and whether it is there. */
export interface Checks {
  readonly store: boolean;
  readonly bundle: boolean;
  readonly peer: boolean;
  readonly disk: boolean;
}

const holds = (check: () => boolean): boolean => {
  try {
    return check();
  } catch {
    // A part that can't be looked at is not there.
    return false;
  }
};

/** Looks at every part. */
export const checkReadiness = (deps: ReadinessDeps): Checks => ({
  store: holds(() => deps.storeUsable()),
  bundle: holds(() => deps.shelf.newest().manifest.version > 0),
  peer: holds(() => deps.peerUp()),
  disk: holds(() => deps.freeBytes() >= FREE_SPACE_FLOOR_BYTES),
});

/** The answer of `/readyz`. @throws GaggleError NOT_READY, whose details say which part is missing */
export function requireReady(deps: ReadinessDeps) {
  const checks = checkReadiness(deps);
  const missing = Object.entries(checks).flatMap(([part, there]) => (there ? [] : [part]));
  if (missing.length > 0) {
    const problem = `The bootstrap node is not ready: ${missing.join(", ")}. See docs/bootstrap-node.md, Health.`;
    throw new GaggleError("NOT_READY", problem, { details: { ...checks } });
  }
  return { status: "ready" as const, checks: { store: true as const, bundle: true as const, peer: true as const, disk: true as const } };
}

/** What the node does by itself from time to time. */
import { errorCode } from "../mesh/contract/errors.ts";
import { CLOCK_LEEWAY_MS } from "../mesh/contract/limits.ts";
import type { Clock } from "../mesh/contract/ports.ts";
import type { NodeCore } from "./node-core.ts";
import { every } from "./peer.ts";
import type { NodeLog } from "./server.ts";

/** How often expired proofs, old usage and expired mail are forgotten. */
const HOUSEKEEPING_MS = 60_000;
/** How often old audit events are forgotten. */
const RETENTION_MS = 3_600_000;

/** For work in the background: its failure is told by its code and nothing else. */
export const tell =
  ({ log }: { readonly log: NodeLog }, text: string) =>
  (error: unknown): void =>
    log.error({ code: errorCode(error) }, text);

/** Forgets what nobody could use again; returns the function that ends it. */
export function startHousekeeping(deps: { readonly clock: Clock; readonly log: NodeLog }, core: NodeCore): () => void {
  const { members, usage, mailbox, handOvers } = core;
  const endRounds = every(deps.clock, HOUSEKEEPING_MS, () => {
    const before = Math.floor((deps.clock.now() - CLOCK_LEEWAY_MS) / 1000);
    members.forgetProofs(before).catch(tell(deps, "old proofs could not be forgotten"));
    usage.prune().catch(tell(deps, "old usage could not be forgotten"));
    mailbox.prune().catch(tell(deps, "expired mail could not be deleted"));
    handOvers.prune().catch(tell(deps, "expired hand-overs could not be forgotten"));
  });
  const endRetention = every(
    deps.clock,
    RETENTION_MS,
    () => void core.pruneAudit().catch(tell(deps, "old audit events could not be forgotten")),
  );
  return () => {
    endRounds();
    endRetention();
  };
}

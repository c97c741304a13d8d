/** What a daemon does by itself: keep membership, usage totals and the bootstrap node's addresses fresh, and send the audit chain. */
import { OWN_CHAIN } from "../audit/chain-place.ts";
import { pruneChain } from "../audit/prune.ts";
import { createAuditShipper } from "../audit/ship.ts";
import { MAX_INGEST_EVENTS } from "../contract/bootstrap-api/audit-routes.ts";
import { errorCode } from "../contract/errors.ts";
import { RETENTION_DAYS } from "../contract/limits.ts";
import type { PeerNode } from "../peer/peer-node.ts";
import { readAgentConfig, writeAgentConfig } from "./agent-config.ts";
import type { AgentCore } from "./agent-core.ts";
import { provesDuplicate } from "./backup/confirm-recovery.ts";
import type { ModelRouting } from "./model-routing.ts";
import { createStandingBook, type NodeStanding } from "./node-standing.ts";
import { repeat } from "./repeat.ts";
import { shipAudit } from "./ship-audit.ts";

/** How often the bootstrap node is asked for a newer bundle, and the credential's age is looked at. */
const REFRESH_MS = 30_000;
/** How often new audit events are sent to the bootstrap node. */
const SHIP_MS = 2_000;

/** How often old usage and old audit events are forgotten. */
const PRUNE_MS = 6 * 3_600_000;
const DAY_MS = 86_400_000;

/** The daemon's work in the background. */
export interface Background {
  /** Starts all jobs. */
  start(): void;
  /** Asks the bootstrap node now. */
  refresh(): void;
  /** Whether the bootstrap node answered when it was last asked, and whether it refuses this member. */
  standing(): NodeStanding;
  /** Number of the last event that the bootstrap node has. */
  shipped(): number;
  /** Sends what it does not have. @throws GaggleError of the node or of the way there */
  ship(): Promise<void>;
  /** Ends all jobs; what is under way ends first. */
  stop(): Promise<void>;
}

/** Makes it. */
export function createBackground(
  core: AgentCore,
  peer: PeerNode,
  { usage, ledger }: Pick<ModelRouting, "usage" | "ledger">,
  home: string,
  /** The bootstrap node answers again, or for the first time. */
  onBack: () => void = () => undefined,
  /** Another machine uses this agent's key: this one must end. */
  onDuplicate: () => void = () => undefined,
): Background {
  const { clock, log, client, chain, membership, onError } = core;
  const { org, agentId } = core.config;
  const shipper = createAuditShipper(core, { org, agentId, maxEvents: MAX_INGEST_EVENTS });
  const standing = createStandingBook();

  const notReached = (error: unknown): void => {
    standing.failed(error);
    if (errorCode(error) === "SIGN_IN_NEEDED") {
      log.warn({ code: errorCode(error) }, "the person has to sign in again: gaggle sign-in");
      return;
    }
    if (standing.now().refused === undefined)
      log.info({ code: errorCode(error) }, "the bootstrap node was not reached; the mesh goes on without it");
    else log.warn({ code: errorCode(error) }, "the bootstrap node refuses this member: gaggle doctor says what to do");
  };
  const refreshing = repeat({ clock, onError: notReached }, REFRESH_MS, async () => {
    await membership.refresh();
    // The node took a proof that lives for a minute, so its clock agrees with this one.
    clock.confirm();
    if (standing.answered()) onBack();
    await rememberPeers();
    // Without them the last known ones count.
    await client.usage().then(usage.take, onError("the usage totals were not fetched"));
  });

  /** The node may have moved: its peer is dialled where it isn't connected, and its addresses are kept for the next start. */
  const rememberPeers = async (): Promise<void> => {
    const { peers } = await client.directory();
    const connected = peer.members().map(({ principal }) => principal.agentId);
    const missing = peers.filter((address) => !connected.some((id) => address.endsWith(`/p2p/${id}`)));
    for (const address of missing) await peer.dial(address).catch(onError("the bootstrap node's peer was not reached"));
    const stored = await readAgentConfig(home);
    if (peers.length > 0 && peers.join() !== stored.bootstrapPeers.join())
      await writeAgentConfig(home, { ...stored, bootstrapPeers: peers });
  };

  const pruning = repeat({ clock, onError: onError("old usage was not forgotten") }, PRUNE_MS, () => ledger.prune(clock.now()));
  /** Forgets events that are older than the organisation keeps them and that the node has. */
  const pruneAudit = async (): Promise<void> => {
    const { retentionDays = RETENTION_DAYS } = membership.lastBundle().manifest;
    const limits = { beforeMs: clock.now() - retentionDays * DAY_MS, upTo: shipper.shipped() };
    await pruneChain(core, OWN_CHAIN, limits, (tx, seq) =>
      tx.audit({
        actor: core.actor,
        action: "audit.prune",
        target: `agent:${agentId}`,
        result: "ok",
        details: { seq },
        traceId: core.newTrace(),
      }),
    );
  };
  const auditPruning = repeat({ clock, onError: onError("old audit events were not forgotten") }, PRUNE_MS, pruneAudit);
  const ship = async (): Promise<void> => {
    try {
      await shipAudit(shipper, chain, client, core.logWatch);
    } catch (error) {
      standing.refused(error);
      if (await provesDuplicate(error, agentId, chain)) onDuplicate();
      throw error;
    }
  };
  const shipping = repeat({ clock, onError: onError("audit events wait for the bootstrap node") }, SHIP_MS, ship);
  return {
    start() {
      void refreshing.kick();
      void shipping.kick();
      void pruning.kick();
      void auditPruning.kick();
    },
    refresh: () => void refreshing.kick(),
    standing: standing.now,
    shipped: shipper.shipped,
    ship,
    async stop() {
      await refreshing.stop();
      await shipping.stop();
      await pruning.stop();
      await auditPruning.stop();
    },
  };
}

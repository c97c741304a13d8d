/** How a daemon is: for `daemon.status`, and for the metrics. */
import type { DaemonResult } from "../../contract/daemon-api.ts";
import type { MetricSource } from "../../telemetry/agent-metrics.ts";
import type { DaemonParts } from "./daemon-parts.ts";

/** What this agent holds against the bootstrap node, and nobody has acknowledged. */
const openAlarms = async ({ logWatch }: Pick<DaemonParts["core"], "logWatch">): Promise<number> =>
  (await logWatch.alarms()).filter(({ acknowledged }) => acknowledged === undefined).length;

/** What is read for the metrics. */
export const metricSource = ({ core, messaging, peer, background }: DaemonParts): MetricSource => ({
  queues: async () => {
    const { waiting, queued, dead } = await messaging.counts();
    return { inbox: waiting, outbox: queued, dead };
  },
  peersConnected: () => peer.members().length,
  bootstrapReachable: () => background.standing().reachable,
  auditWaiting: () => core.chain.head().seq - background.shipped(),
  auditAlarms: () => openAlarms(core),
  bundleExpires: () => Date.parse(core.membership.lastBundle().manifest.expiresAt) / 1_000,
});

/** What `daemon.status` answers. @param version of Gaggle */
export async function statusOf(
  { core, messaging, peer, gateway, background, startedAt }: DaemonParts,
  version: string,
): Promise<DaemonResult<"daemon.status">> {
  const { manifest } = core.membership.lastBundle();
  const { waiting, queued, dead, busy } = await messaging.counts();
  const bundleRefused = core.membership.refusedNewer();
  return {
    ...core.self,
    org: core.config.org,
    orgName: manifest.orgName,
    pid: process.pid,
    version,
    startedAt: new Date(startedAt).toISOString(),
    bundleVersion: manifest.version,
    bundleExpiresAt: manifest.expiresAt,
    ...(bundleRefused === undefined ? {} : { bundleRefused }),
    credentialExpiresAt: new Date(core.membership.credentialExpiresAt()).toISOString(),
    bootstrap: { url: core.config.bootstrapUrl, ...background.standing() },
    peersConnected: peer.members().length,
    listening: peer.addresses(),
    gatewayUrl: gateway.url,
    inbox: { waiting },
    outbox: { queued, dead },
    busy,
    audit: { seq: core.chain.head().seq, shipped: background.shipped(), alarms: await openAlarms(core) },
    rssBytes: process.memoryUsage.rss(),
  };
}

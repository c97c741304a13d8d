/** What a daemon that does nothing says of itself in `daemon.status`, beside who it is. */
import type { DaemonResult } from "../../mesh/contract/daemon-api.ts";

/** @param at the time of its start and of what expires, ISO 8601 */
export const idleStatus = (at: string) =>
  ({
    orgName: "Northwind Optics",
    startedAt: at,
    bundleVersion: 1,
    bundleExpiresAt: at,
    credentialExpiresAt: at,
    listening: [],
    gatewayUrl: "http://127.0.0.1:1",
    inbox: { waiting: 0 },
    outbox: { queued: 0, dead: 0 },
    audit: { seq: 0, shipped: 0 },
    rssBytes: 1,
  }) satisfies Partial<DaemonResult<"daemon.status">>;

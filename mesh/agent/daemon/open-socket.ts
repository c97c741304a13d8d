/** The local socket of a daemon: extensions and commands talk to it. */
import { socketPathFor } from "../../client/socket-path.ts";
import { backupHome } from "../backup/backup-home.ts";
import { leaveMesh } from "../backup/leave-mesh.ts";
import { createDaemonHandlers } from "../daemon-handlers.ts";
import { type LocalServer, serveLocal } from "../local-server.ts";
import { createPolicyDesk } from "../policy/policy-desk.ts";
import type { AgentOptions, DaemonParts } from "./daemon-parts.ts";
import { statusOf } from "./daemon-status.ts";

/**
 * Listens on it.
 * @param stopSoon ends the daemon, after the answer is out
 */
export function openSocket(
  parts: DaemonParts & { snapshot(): AsyncIterable<[string, string]> },
  { home, version }: AgentOptions,
  stopSoon: () => void,
): Promise<LocalServer> {
  const { core, background } = parts;
  const handlers = createDaemonHandlers({
    ...core,
    ...parts,
    policyDesk: createPolicyDesk({ ...core, policy: core.bundlePolicy }),
    status: () => statusOf(parts, version),
    guardStats: parts.routing.guardStats,
    revoke: core.membership.acceptRevocation,
    backup: ({ file, header, key }) => backupHome(home, parts.snapshot(), { file, header, key }),
    leave: () => leaveMesh(parts),
    metrics: parts.telemetry.metrics,
    shipAudit: async () => {
      await background.ship();
      return { seq: core.chain.head().seq, shipped: background.shipped() };
    },
    stopSoon,
    newTraceId: core.newTrace,
  });
  const log = (text: string, details: object): void => core.log.info(details, text);
  return serveLocal({ path: socketPathFor(home), handlers, version, log });
}

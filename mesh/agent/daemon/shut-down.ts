/** The end of a daemon. */
import type { LocalServer } from "../local-server.ts";
import type { DaemonParts } from "./daemon-parts.ts";

/**
 * Ends everything in order: nobody new, then running work, then the last audit events, then the store.
 * @param why whether it ends because it failed, and not because somebody asked it to
 */
export async function shutDown(
  {
    core,
    messaging,
    runner,
    executor,
    gateway,
    detection,
    directory,
    cards,
    peer,
    artifacts,
    mailbox,
    background,
    telemetry,
    startedAt,
  }: DaemonParts,
  local: LocalServer | undefined,
  why: { failed: boolean },
): Promise<void> {
  await local?.close(why);
  messaging.stop();
  await runner.close();
  await executor.close();
  await gateway.close();
  await detection.close();
  cards.stop();
  directory.close();
  await peer.close();
  core.refusals.flush();
  const uptimeMs = core.clock.now() - startedAt;
  await core
    .audit({ action: "daemon.stop", target: `agent:${core.config.agentId}`, result: "ok", details: { uptimeMs } })
    .catch(core.onError("the daemon's end was not recorded"));
  await artifacts.stop();
  await mailbox.stop();
  await background.stop();
  await background.ship().catch(core.onError("the last audit events wait for the next start"));
  await telemetry.close().catch(core.onError("the last spans were lost"));
  await core.store.close();
}

/** The beginning of a daemon's work: what the disk holds is taken up, then colleagues and Goose are let in. */
import { GaggleError } from "../../contract/errors.ts";
import type { PeerChange } from "../../peer/peer-node.ts";
import type { AgentCore } from "../agent-core.ts";
import type { AgentOptions, DaemonParts } from "./daemon-parts.ts";

/** Whether something is so; what can't be said without a valid bundle is not. */
function isKnown(look: () => boolean): boolean {
  try {
    return look();
  } catch {
    return false;
  }
}

/** A colleague has proven membership: what waits for it goes out, and if it knows a newer bundle, that is fetched. */
function welcome(core: AgentCore, { member }: PeerChange, peerConnected: (agentId: string) => void, refresh: () => void): void {
  const { agentId, subject, role } = member.principal;
  const details = { peerSubject: subject, peerRole: role };
  core.audit({ action: "peer.hello", target: `agent:${agentId}`, result: "ok", details }).catch(core.onError("a hello was not recorded"));
  peerConnected(agentId);
  const { version, revocations } = core.membership.lastBundle().manifest;
  if (member.bundleVersion > version || member.revocationSeq > revocations.seq) refresh();
}

/** Begins. @throws GaggleError INVALID_INPUT where the gateway's port is taken */
export async function beginWork(
  { core, executor, messaging, peer, background, gateway, handOut, artifacts, mailbox }: DaemonParts,
  { version }: AgentOptions,
): Promise<void> {
  const { agentId, gatewayPort } = core.config;
  await core.audit({ action: "daemon.start", target: `agent:${agentId}`, result: "ok", details: { version, pid: process.pid } });
  await executor.killOrphans();
  core.membership.onChange(() => {
    peer.membershipChanged();
    messaging.trustChanged();
    // The own bundle, or that of a new role, or a credential by the next issuer is at the node.
    if (isKnown(core.membership.isBehind)) background.refresh();
  });
  core.space.onRoom(() => {
    core.log.info({}, "the disk has room again");
    messaging.roomAgain();
    artifacts.kick();
    mailbox.kick();
  });
  peer.handleFrames((frame, from) => messaging.receiveFrame(frame, from));
  await messaging.start();
  peer.onPeerChange((change) => {
    if (change.type !== "connected") return;
    // Hello compares both clocks.
    core.clock.confirm();
    welcome(core, change, messaging.peerConnected, background.refresh);
    handOut.met(change.member.principal).catch(core.onError("a key for pseudonyms was not handed out"));
  });
  try {
    await gateway.listen();
  } catch (cause) {
    throw new GaggleError(
      "INVALID_INPUT",
      `The guard's port ${gatewayPort} is taken by another program. End that program, or change gatewayPort in config.json and run gaggle setup.`,
      { cause },
    );
  }
}

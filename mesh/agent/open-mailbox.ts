/** The daemon's mailbox, put together: deposits what could not be delivered, fetches what waits, in rounds and whenever the bootstrap node is back. */
import { errorCode } from "../contract/errors.ts";
import { MAIL_DEPOSIT_AFTER_MS, MAIL_RECHECK_MS, MAIL_ROUND_MS } from "../contract/limits.ts";
import { publicJwkOf, thumbprintOf } from "../identity/keys.ts";
import { createMailCollector } from "../mailbox/mail-collector.ts";
import { createMailSender } from "../mailbox/mail-sender.ts";
import { type Device, readDevice, signSealKey } from "../mailbox/seal-key.ts";
import { openMail, sealMail } from "../mailbox/sealed-mail.ts";
import type { PeerNode } from "../peer/peer-node.ts";
import type { AgentCore } from "./agent-core.ts";
import type { MailDesk } from "./mail-desk.ts";
import { trustVersion } from "./agent-work.ts";
import { repeat } from "./repeat.ts";
import type { SealKeys } from "./seal-keys.ts";

/** How often what waits is looked through; only what is due costs a call. */
const SEND_MS = 2_000;

/** The daemon's mailbox. */
export interface AgentMailbox {
  start(): Promise<void>;
  /** The bootstrap node can be reached again: fetches and deposits now. */
  kick(): void;
  /** Ends both jobs; what is under way ends first. */
  stop(): Promise<void>;
}

/** Makes it. */
export function openMailbox(
  core: AgentCore,
  { peer, mail, sealKeys }: { peer: Pick<PeerNode, "members">; mail: MailDesk; sealKeys: SealKeys },
): AgentMailbox {
  const { clock, client, membership, bundle, config, keys, signer, refusals, log, onError } = core;
  const { org, agentId } = config;
  const { depositAfterMs = MAIL_DEPOSIT_AFTER_MS, roundMs = MAIL_ROUND_MS } = config.mailbox ?? {};

  const devicesOf = async (subject: string): Promise<Device[]> => {
    const { devices } = await client.mailDevices(subject);
    return devices.flatMap((told) => {
      try {
        const device = readDevice(told, (jwt, atMs) => membership.verify(jwt, undefined, atMs));
        if (device.principal.subject !== subject) return [];
        // Values that a message carries in clear for nobody but its receiver are sealed to this key too.
        sealKeys.learn(device.claims);
        return device;
      } catch (error) {
        log.info({ code: errorCode(error) }, "a device that the bootstrap node told of is not believed");
        return [];
      }
    });
  };

  const sender = createMailSender(
    {
      ...core,
      ...mail,
      office: client,
      seal: sealMail,
      isConnected: (id) => peer.members().some(({ principal }) => principal.agentId === id),
      devicesOf,
      trustVersion: () => trustVersion(bundle, membership),
      onError: onError("a message could not be deposited; it is tried again"),
    },
    { depositAfterMs, recheckMs: MAIL_RECHECK_MS },
  );
  const collector = createMailCollector(
    {
      ...mail,
      clock,
      office: client,
      open: (sealed) => openMail(sealed, keys.seal),
      issuers: () => {
        const { issuers, revocations } = membership.trust().manifest;
        return issuers.filter((key) => !revocations.keys.includes(thumbprintOf(key)));
      },
      sealKey: () => signSealKey({ org, seal: publicJwkOf(keys.seal), signer }),
      countRefusal: (source, code) => refusals.count({ action: "message.refuse", source, code }),
    },
    { org, self: agentId },
  );
  const sending = repeat({ clock, onError: onError("messages wait for the bootstrap node's mailbox") }, SEND_MS, sender.round);
  const collecting = repeat({ clock, onError: onError("mail waits on the bootstrap node") }, roundMs, collector.round);
  return {
    async start() {
      await sender.start();
      void collecting.kick();
      void sending.kick();
    },
    kick() {
      void collecting.kick();
      void sending.kick();
    },
    async stop() {
      await sending.stop();
      await collecting.stop();
    },
  };
}

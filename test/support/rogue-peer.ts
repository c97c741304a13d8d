/** A peer node that keeps to the protocol and to nothing else: it believes everybody and sends what it likes. */
import { homePaths } from "../../mesh/agent/agent-config.ts";
import { newUuid } from "../../mesh/contract/ids.ts";
import type { MembershipClaims } from "../../mesh/contract/identity.ts";
import type { Message, Receipt } from "../../mesh/contract/message.ts";
import { sealEnvelope } from "../../mesh/delivery/envelope.ts";
import { readAgentKeys } from "../../mesh/identity/key-file.ts";
import { unverifiedPayloadOf } from "../../mesh/identity/jws.ts";
import { agentIdOf, createSigner, type Ed25519PrivateJwk, publicJwkOf } from "../../mesh/identity/keys.ts";
import { createPeerNode } from "../../mesh/peer/create-peer-node.ts";
import type { PeerNode } from "../../mesh/peer/peer-node.ts";
import { credentialOf, type WorldAgent } from "./daemon-world.ts";
import { createMemoryBook } from "./peer-world.ts";
import { createRealClock, realRandom } from "./real-clock.ts";

/** Who it says it is. */
export interface RogueIdentity {
  readonly key: Ed25519PrivateJwk;
  readonly credential: string;
  readonly org: string;
}

/** The rogue. */
export interface RoguePeer {
  readonly node: PeerNode;
  /** Signs a message as its own agent and hands it over; gives the receipt. */
  send(to: { agentId: string; address: string }, message: Message): Promise<Receipt>;
  close(): Promise<void>;
}

/** What an agent's home gives to whoever has taken it over. */
export async function identityOf(agent: WorldAgent): Promise<RogueIdentity> {
  const { sign } = await readAgentKeys(homePaths(agent.home).keys);
  return { key: sign, credential: credentialOf(agent), org: agent.config.org };
}

/** Starts it on loopback. */
export async function startRogue({ key, credential, org }: RogueIdentity): Promise<RoguePeer> {
  const clock = createRealClock();
  const signer = createSigner(key);
  const self = agentIdOf(publicJwkOf(key));
  const node = await createPeerNode(
    {
      privateKey: key,
      membership: {
        credential: () => credential,
        verify(jwt, agentId) {
          const { sub, role, department } = unverifiedPayloadOf(jwt) as MembershipClaims;
          return { agentId, subject: sub, role, department };
        },
        bundleVersion: () => 1,
        revocationSeq: () => 0,
        card: () => ({ version: 1, skills: [] }),
      },
      book: createMemoryBook(),
      onRefusal: () => undefined,
      clock,
      random: realRandom,
      log: { debug: () => undefined, warn: () => undefined },
    },
    { org, listen: ["/ip4/127.0.0.1/tcp/0"], bootstrapPeers: [], mdns: false },
  );
  return {
    node,
    async send({ agentId: to, address }, message) {
      await node.dial(address);
      const now = clock.now();
      const traceparent = `00-${"a".repeat(32)}-${"b".repeat(16)}-01`;
      const head = {
        v: 1 as const,
        id: newUuid(now, realRandom),
        ts: now,
        exp: now + 60_000,
        org,
        from: self,
        to,
        priority: "P1" as const,
      };
      const frame = sealEnvelope({ ...head, policyHash: "0".repeat(64), traceparent, credential, message }, signer);
      return JSON.parse(Buffer.from(await node.request(to, frame)).toString("utf8")) as Receipt;
    },
    close: () => node.close(),
  };
}

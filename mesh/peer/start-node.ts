/** What this node serves, and to whom: hello to everybody who may connect, all else behind the gatekeeper. */
import type { Connection, Libp2p, StreamHandler } from "@libp2p/interface";
import { GaggleError } from "../contract/errors.ts";
import type { Gatekeeper } from "./gatekeeper.ts";
import { HELLO_PROTOCOLS, MAX_STREAMS_PER_PROTOCOL, STREAM_BURST } from "./protocols.ts";

/**
 * Registers the handlers and listens.
 * @param guarded the gatekeeper's handlers by protocol
 * @throws GaggleError INVALID_INPUT where it can't listen on any address
 */
export async function startNode(
  node: Libp2p,
  gatekeeper: Gatekeeper,
  guarded: Readonly<Record<string, StreamHandler>>,
  isListening: () => boolean,
): Promise<void> {
  node.addEventListener("connection:open", (event) => gatekeeper.admit(event.detail));
  await node.handle(HELLO_PROTOCOLS, gatekeeper.helloHandler, {
    maxInboundStreams: 2,
    maxOutboundStreams: 2,
    runOnLimitedConnection: true,
  });
  for (const [protocol, handler] of Object.entries(guarded)) {
    // Those beyond the limit come to the gatekeeper, which counts them: libp2p would reset them without end.
    await node.handle(protocol, handler, {
      maxInboundStreams: STREAM_BURST,
      maxOutboundStreams: MAX_STREAMS_PER_PROTOCOL,
      runOnLimitedConnection: true,
    });
  }
  await node.start();
  if (isListening()) return;
  await node.stop();
  throw new GaggleError("INVALID_INPUT", "The peer node can't listen on any configured address; free the port or change `listen`.");
}

/** Nothing of a stranger stays in libp2p's peer store, or strangers could fill the memory. */
export function forgetStranger(node: Libp2p, connection: Connection, isMember: (agentId: string) => boolean): void {
  if (isMember(connection.remotePeer.toString()) || node.status !== "started") return;
  // What could not be deleted is in memory only, and goes with the process.
  node.peerStore.delete(connection.remotePeer).catch(() => undefined);
}

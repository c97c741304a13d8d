/** `gaggle bootstrap`: runs the bootstrap node until it is told to end. */
import { createBootstrapNode } from "../../bootstrap-node/create-bootstrap-node.ts";
import { systemClock, systemRandom } from "../agent/system.ts";
import { VERSION } from "../contract/version.ts";
import type { CommandContext } from "./context.ts";
import { createLog } from "./log.ts";
import { paint } from "./output.ts";
import { untilTold } from "./until-told.ts";

/** Options of the command. */
export interface BootstrapOptions {
  readonly dir: string;
  readonly host: string;
  readonly port: number;
  readonly peerListen: readonly string[];
  readonly mdns: boolean;
}

/** Runs the node; resolves once it has ended in order. */
export async function runBootstrap({ out, env }: CommandContext, options: BootstrapOptions): Promise<void> {
  const { dir, host, port, peerListen, mdns } = options;
  const told = untilTold();
  const log = createLog("bootstrap", env);
  const node = await createBootstrapNode(
    { clock: systemClock, random: systemRandom, log },
    { dir, host, port, version: VERSION, peer: { listen: peerListen, mdns } },
  );
  out.result({ url: node.url, org: node.org, agentId: node.agentId, peers: node.peerAddresses() });
  out.line(`The bootstrap node of ${node.org} listens on ${paint.strong(node.url)}. Ctrl-C ends it.`);
  await told;
  await node.close();
}

/** `gaggle bootstrap`: runs the bootstrap node until it is told to end. */
import { readFile } from "node:fs/promises";
import { createBootstrapNode } from "../../bootstrap-node/create-bootstrap-node.ts";
import { systemClock, systemRandom } from "../agent/system.ts";
import { GaggleError } from "../contract/errors.ts";
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
  /** Files with certificate chain and key (PEM); both or none. */
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  readonly endWithStdin: boolean;
}

/** Runs the node; resolves once it has ended in order. @throws GaggleError STORE_FAILED where its store could not be written */
export async function runBootstrap({ out, env }: CommandContext, options: BootstrapOptions): Promise<void> {
  const { dir, host, port, peerListen, mdns } = options;
  const told = untilTold({ withStdin: options.endWithStdin });
  const log = createLog("bootstrap", env);
  const node = await createBootstrapNode(
    { clock: systemClock, random: systemRandom, log },
    { dir, host, port, version: VERSION, peer: { listen: peerListen, mdns }, ...(await readTls(options)) },
  );
  out.result({ url: node.url, org: node.org, agentId: node.agentId, peers: node.peerAddresses() });
  out.line(`The bootstrap node of ${node.org} listens on ${paint.strong(node.url)}. Ctrl-C ends it.`);
  try {
    // A node that can't write must not look alive.
    await Promise.race([told, node.storeFailed]);
  } finally {
    await node.close();
  }
}

async function readTls({ tlsCert, tlsKey }: BootstrapOptions): Promise<{ tls?: { cert: string; key: string } }> {
  if (tlsCert === undefined && tlsKey === undefined) return {};
  if (tlsCert === undefined || tlsKey === undefined) throw new GaggleError("INVALID_INPUT", "HTTPS needs both --tls-cert and --tls-key.");
  try {
    return { tls: { cert: await readFile(tlsCert, "utf8"), key: await readFile(tlsKey, "utf8") } };
  } catch (cause) {
    throw new GaggleError("INVALID_INPUT", "The certificate or its key could not be read. Check the paths and rights.", { cause });
  }
}

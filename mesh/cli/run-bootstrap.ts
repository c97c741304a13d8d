/** `gaggle bootstrap`: runs the bootstrap node until it is told to end. */
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { setFlagsFromString } from "node:v8";
import { createBootstrapNode } from "../../bootstrap-node/create-bootstrap-node.ts";
import { systemClock, systemRandom } from "../agent/system.ts";
import { GaggleError } from "../contract/errors.ts";
import type { Env } from "../client/home.ts";
import { isLoopbackHost } from "../contract/loopback.ts";
import { VERSION } from "../contract/version.ts";
import type { CommandContext } from "./context.ts";
import { logLastWords } from "./last-words.ts";
import { spareOptimisedWasm } from "./lean-wasm.ts";
import { createLog } from "./log.ts";
import { outliveOutput } from "./lost-output.ts";
import { paint } from "./output.ts";
import { untilTold } from "./until-told.ts";

/** Options of the command. */
export interface BootstrapOptions {
  readonly dir: string;
  readonly host: string;
  readonly port: number;
  /** Port and address of metrics and backups; by default the API's port and 2. */
  readonly opsPort?: number;
  readonly opsHost?: string;
  readonly trustProxy?: readonly string[];
  readonly peerListen: readonly string[];
  readonly mdns: boolean;
  /** Files with certificate chain and key (PEM); both or none. */
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  /** Environment variable with the client secret at the identity provider, for providers that want one. */
  readonly signInSecretEnv?: string;
  readonly endWithStdin: boolean;
}

/** V8's space for young objects would grow to 128 MB under load and not shrink again (docs/benchmarks.md, Memory of agents and bootstrap node). */
const SMALL_YOUNG_SPACE = "--semi-space-growth-factor=1";

/** Runs the node; resolves once it has ended in order. @throws GaggleError STORE_FAILED where its store could not be written */
export async function runBootstrap({ out, env }: CommandContext, options: BootstrapOptions): Promise<void> {
  const { dir, host, port, peerListen, mdns } = options;
  spareOptimisedWasm();
  setFlagsFromString(SMALL_YOUNG_SPACE);
  outliveOutput();
  const told = untilTold({ withStdin: options.endWithStdin });
  const log = createLog("bootstrap", env);
  logLastWords(log);
  const { pin, ...tls } = await tlsOf(options);
  const node = await createBootstrapNode(
    { clock: systemClock, random: systemRandom, log },
    { dir, host, port, version: VERSION, peer: { listen: peerListen, mdns }, ...opsOf(options), ...signInSecretOf(options, env), ...tls },
  );
  out.result({
    url: node.url,
    org: node.org,
    agentId: node.agentId,
    peers: node.peerAddresses(),
    ops: node.opsUrl,
    ...(pin === undefined ? {} : { tlsPin: pin }),
  });
  out.line(`The bootstrap node of ${node.org} listens on ${paint.strong(node.url)}. Ctrl-C ends it.`);
  if (pin !== undefined)
    out.line(`Its certificate is its own. Links and invitations made in this organisation's folder pin its key: ${pin}`);
  try {
    // A node that can't write must not look alive.
    await Promise.race([told, node.storeFailed]);
  } finally {
    await node.close();
  }
}

/** Where metrics and backups are asked for, and which proxies are believed. */
function opsOf({ port, opsPort, opsHost = "127.0.0.1", trustProxy }: BootstrapOptions) {
  const near = port === 0 ? 0 : Math.min(port + 2, 65_535);
  const ops = opsPort === undefined ? { port: near, orFree: true } : { port: opsPort };
  return { ops: { host: opsHost, ...ops }, ...(trustProxy === undefined ? {} : { trustProxy }) };
}

/** The client secret at the identity provider, from the environment, where other users can't read it. */
function signInSecretOf({ signInSecretEnv }: BootstrapOptions, env: Env): { signInSecret?: string } {
  if (signInSecretEnv === undefined) return {};
  const signInSecret = env[signInSecretEnv];
  if (signInSecret !== undefined && signInSecret !== "") return { signInSecret };
  throw new GaggleError("INVALID_INPUT", `--sign-in-secret-env names a variable that is not set; set it or leave the option out.`);
}

/** The given certificate; the node's own where it is reached from other machines without one. */
async function tlsOf(options: BootstrapOptions): Promise<{ tls?: { cert: string; key: string }; pin?: string }> {
  const given = await readTls(options);
  const pinFile = join(options.dir, "tls-pin");
  if (given === undefined && !isLoopbackHost(options.host)) {
    const { ensureOwnCertificate } = await import("../../bootstrap-node/tls/own-certificate.ts");
    const { pin, ...tls } = await ensureOwnCertificate({ clock: systemClock, random: systemRandom }, options);
    return { tls, pin };
  }
  // Else invitations would pin a key that is no longer served.
  await rm(pinFile, { force: true });
  return given === undefined ? {} : { tls: given };
}

async function readTls({ tlsCert, tlsKey }: BootstrapOptions): Promise<{ cert: string; key: string } | undefined> {
  if (tlsCert === undefined && tlsKey === undefined) return undefined;
  if (tlsCert === undefined || tlsKey === undefined) throw new GaggleError("INVALID_INPUT", "HTTPS needs both --tls-cert and --tls-key.");
  try {
    return { cert: await readFile(tlsCert, "utf8"), key: await readFile(tlsKey, "utf8") };
  } catch (cause) {
    throw new GaggleError("INVALID_INPUT", "The certificate or its key could not be read. Check the paths and rights.", { cause });
  }
}

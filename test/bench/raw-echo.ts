/** A raw libp2p echo in a second process: what the network itself costs. Run with `node test/bench/raw-echo.ts` it is that process. */
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { noise } from "@chainsafe/libp2p-noise";
import { yamux } from "@chainsafe/libp2p-yamux";
import type { Libp2p, Stream } from "@libp2p/interface";
import { tcp } from "@libp2p/tcp";
import { multiaddr } from "@multiformats/multiaddr";
import { createLibp2p } from "libp2p";

const RAW_PROTOCOL = "/bench/echo/1.0.0";

/** A libp2p node with the transports that agents use, and nothing of ours. */
export const startRaw = (): Promise<Libp2p> =>
  createLibp2p({
    addresses: { listen: ["/ip4/127.0.0.1/tcp/0"] },
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    connectionMonitor: { enabled: false },
  });

/** Starts a raw node that sends back what comes. @returns its address */
export async function serveRawEcho(): Promise<string> {
  const raw = await startRaw();
  await raw.handle(RAW_PROTOCOL, (stream) => {
    stream.addEventListener("message", (event) => stream.send(event.data));
  });
  return String(raw.getMultiaddrs()[0]);
}

/** Opens a stream to a raw echo. @returns a function that sends bytes and resolves when as many have come back */
export async function openRawEcho(node: Libp2p, address: string): Promise<(payload: Uint8Array) => Promise<void>> {
  return rawEcho(await (await node.dial(multiaddr(address))).newStream(RAW_PROTOCOL));
}

function rawEcho(stream: Stream): (payload: Uint8Array) => Promise<void> {
  let missing = 0;
  let done = (): void => undefined;
  stream.addEventListener("message", (event) => {
    missing -= event.data.byteLength;
    if (missing === 0) done();
  });
  return (payload) =>
    new Promise((resolve) => {
      missing = payload.byteLength;
      done = resolve;
      stream.send(payload);
    });
}

/** A raw echo whose other end is a process of its own. */
export interface RawEcho {
  echo(payload: Uint8Array): Promise<void>;
  close(): Promise<void>;
}

/** Starts both ends. */
export async function startRawEcho(): Promise<RawEcho> {
  const child = spawn(process.execPath, [import.meta.filename], { stdio: ["pipe", "pipe", "inherit"] });
  const first = await createInterface({ input: child.stdout })[Symbol.asyncIterator]().next();
  const node = await startRaw();
  const echo = await openRawEcho(node, String(first.value));
  return {
    echo,
    close: async () => {
      child.stdin.end();
      await node.stop();
    },
  };
}

if (import.meta.main) {
  process.stdout.write(`${await serveRawEcho()}\n`);
  process.stdin.resume();
  process.stdin.on("end", () => process.exit(0));
}

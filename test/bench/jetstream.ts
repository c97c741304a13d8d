/**
 * NATS JetStream with file storage: what a message broker needs from publishing to an acknowledged delivery. Needs `nats-server` (Debian's
 * package of that name); its client is fetched from npm.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { createRequire } from "node:module";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { freePort } from "../../mesh/agent/free-port.ts";

/** Exact versions of the client that is measured. */
export const NATS_PACKAGES = ["@nats-io/transport-node@3.4.0", "@nats-io/jetstream@3.4.0"];

const SUBJECT = "tasks";
const STREAM = "TASKS";
const START_TRIES = 100;
const START_PAUSE_MS = 100;

/** The parts of the client that are used. */
interface Connection {
  close(): Promise<void>;
}
interface Received {
  readonly data: Uint8Array;
  ack(): void;
  ackAck(): Promise<boolean>;
}
interface Client {
  connect(options: { port: number }): Promise<Connection>;
  jetstream(connection: Connection): {
    publish(subject: string, data: Uint8Array): Promise<unknown>;
    readonly consumers: { get(stream: string, consumer: string): Promise<{ consume(): Promise<AsyncIterable<Received>> }> };
  };
  jetstreamManager(connection: Connection): Promise<{
    readonly streams: { add(config: object): Promise<unknown> };
    readonly consumers: { add(stream: string, config: object): Promise<unknown> };
  }>;
}

/** A publisher and a consumer, on a connection each. */
export interface JetStream {
  /** Publishes; resolves once it is acknowledged to the publisher, and the consumer has it and its acknowledgement is confirmed. */
  deliver(payload: Uint8Array): Promise<void>;
  close(): Promise<void>;
}

async function loadClient(folder: string): Promise<Client> {
  const { resolve } = createRequire(join(folder, "package.json"));
  const load = async (name: string): Promise<object> => (await import(pathToFileURL(resolve(name)).href)) as object;
  return { ...(await load("@nats-io/transport-node")), ...(await load("@nats-io/jetstream")) } as Client;
}

/** @throws Error where there is no `nats-server` or it does not answer */
async function startServer(store: string, client: Client): Promise<{ child: ChildProcess; port: number }> {
  const port = await freePort();
  const child = spawn("nats-server", ["-js", "-sd", store, "-a", "127.0.0.1", "-p", String(port)], { stdio: "ignore" });
  const failed = new Promise<never>((_, reject) => child.once("error", reject));
  const answers = async (): Promise<{ child: ChildProcess; port: number }> => {
    for (let attempt = 0; attempt < START_TRIES; attempt++) {
      const connection = await client.connect({ port }).catch(() => undefined);
      await connection?.close();
      if (connection !== undefined) return { child, port };
      await sleep(START_PAUSE_MS);
    }
    child.kill();
    throw new Error("nats-server does not answer.");
  };
  return Promise.race([failed, answers()]);
}

/**
 * Starts the server and makes a stream with file storage.
 * @param packages the folder where the client lies
 * @param store where the server keeps its files
 */
export async function startJetStream(packages: string, store: string): Promise<JetStream> {
  const client = await loadClient(packages);
  const { child, port } = await startServer(store, client);
  const [publisher, consumer] = [await client.connect({ port }), await client.connect({ port })];
  const manager = await client.jetstreamManager(publisher);
  await manager.streams.add({ name: STREAM, subjects: [SUBJECT], storage: "file" });
  await manager.consumers.add(STREAM, { durable_name: "worker", ack_policy: "explicit" });
  const messages = await (await client.jetstream(consumer).consumers.get(STREAM, "worker")).consume();
  const waiting = new Map<string, () => void>();
  const consume = async (): Promise<void> => {
    for await (const message of messages) {
      await message.ackAck();
      waiting.get(Buffer.from(message.data.subarray(0, 16)).toString("hex"))?.();
    }
  };
  const consumed = consume().catch(() => undefined);
  const jetstream = client.jetstream(publisher);
  return {
    async deliver(payload) {
      const id = Buffer.from(payload.subarray(0, 16)).toString("hex");
      const came = new Promise<void>((resolve) => waiting.set(id, resolve));
      await Promise.all([jetstream.publish(SUBJECT, payload), came]);
      waiting.delete(id);
    },
    async close() {
      await Promise.all([publisher.close(), consumer.close()]);
      await consumed;
      child.kill();
    },
  };
}

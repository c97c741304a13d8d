/**
 * A server of the A2A SDK with its in-memory store, as a program of its own: answers each message with a completed task that holds the same text.
 * Run by the mesh's bench with the folder where the SDK lies; its first line is its address.
 */
import type { AddressInfo } from "node:net";
import { createRequire } from "node:module";
import type { Server } from "node:http";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

/** The parts of the SDK and of Express that are used, seen from here. */
interface Sdk {
  readonly AgentCard: { fromJSON(card: object): unknown };
  readonly Task: { fromJSON(task: object): unknown };
}
interface SdkServer {
  readonly AgentEvent: { task(task: unknown): unknown };
  readonly DefaultRequestHandler: new (card: unknown, store: unknown, executor: object) => unknown;
  readonly InMemoryTaskStore: new () => unknown;
}
interface SdkExpress {
  readonly UserBuilder: { readonly noAuthentication: unknown };
  jsonRpcHandler(options: { requestHandler: unknown; userBuilder: unknown }): unknown;
}
type Express = () => { use(path: string, handler: unknown): void; listen(port: number, host: string, done: () => void): Server };

interface Bus {
  publish(event: unknown): void;
  finished(): void;
}
interface Request {
  readonly taskId: string;
  readonly contextId: string;
  readonly userMessage: { readonly parts: readonly unknown[] };
}

const [folder = ""] = process.argv.slice(2);
const { resolve } = createRequire(join(folder, "package.json"));
const load = async <T>(name: string): Promise<T> => (await import(pathToFileURL(resolve(name)).href)) as T;
const { AgentCard, Task } = await load<Sdk>("@a2a-js/sdk");
const { AgentEvent, DefaultRequestHandler, InMemoryTaskStore } = await load<SdkServer>("@a2a-js/sdk/server");
const { UserBuilder, jsonRpcHandler } = await load<SdkExpress>("@a2a-js/sdk/server/express");
const { default: express } = await load<{ default: Express }>("express");

const card = AgentCard.fromJSON({
  name: "echo",
  description: "Gives back what it got.",
  version: "1.0.0",
  supportedInterfaces: [{ url: "http://127.0.0.1/", protocolBinding: "JSONRPC", protocolVersion: "1.0" }],
  capabilities: {},
  defaultInputModes: ["text/plain"],
  defaultOutputModes: ["text/plain"],
  skills: [],
});

const executor = {
  async execute({ taskId, contextId, userMessage }: Request, bus: Bus): Promise<void> {
    const status = { state: "TASK_STATE_COMPLETED", timestamp: new Date().toISOString() };
    const task = Task.fromJSON({ id: taskId, contextId, status }) as { artifacts: unknown[] };
    task.artifacts = [{ artifactId: "1", name: "", description: "", parts: userMessage.parts, extensions: [], metadata: undefined }];
    bus.publish(AgentEvent.task(task));
    bus.finished();
  },
  async cancelTask(): Promise<void> {
    throw new Error("Nothing here takes long enough to be cancelled.");
  },
};

const requestHandler = new DefaultRequestHandler(card, new InMemoryTaskStore(), executor);
const app = express();
app.use("/", jsonRpcHandler({ requestHandler, userBuilder: UserBuilder.noAuthentication }));
const server = app.listen(0, "127.0.0.1", () => {
  process.stdout.write(`http://127.0.0.1:${(server.address() as AddressInfo).port}/\n`);
});
process.stdin.resume();
process.stdin.on("end", () => process.exit(0));

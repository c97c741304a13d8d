/** A chat with the real Goose over ACP, as an editor or Goose Desktop has it: JSON-RPC lines on stdio. */
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { onTestFinished } from "vitest";
import { gooseBinary } from "./real-goose.ts";

/** What came of one prompt. */
export interface AcpOutcome {
  readonly stopReason: string;
  /** How often Goose asked the person for a permission; each was refused. */
  readonly permissionsAsked: number;
}

interface AcpMessage {
  readonly id?: number;
  readonly method?: string;
  readonly result?: Readonly<Record<string, unknown>>;
  readonly error?: { readonly message: string };
}

/** A Goose that an editor would have started. */
export interface AcpGoose {
  /** One request. @throws Error with Goose's answer where it is an error */
  call(method: string, params: object): Promise<Readonly<Record<string, unknown>>>;
  /** A new session in a mode; gives its id. */
  open(mode: string): Promise<string>;
  /** One prompt to its end. */
  prompt(sessionId: string, text: string): Promise<AcpOutcome>;
  /** Lets Goose end. */
  end(): void;
}

/**
 * Starts Goose and initializes it. It ends with the test.
 * @param request `env`: Goose's whole environment; `cwd`: its folder and that of its sessions
 */
export async function startAcp(request: { env: NodeJS.ProcessEnv; cwd: string }): Promise<AcpGoose> {
  const { cwd, env } = request;
  const child = spawn(gooseBinary(), ["acp"], { cwd, env, stdio: ["pipe", "pipe", "ignore"] });
  onTestFinished(() => void child.kill("SIGKILL"));
  // Who writes to one that has ended is told by its end.
  child.stdin.on("error", () => undefined);
  const waiting = new Map<number, { resolve(result: Readonly<Record<string, unknown>>): void; reject(error: Error): void }>();
  let permissionsAsked = 0;
  const send = (message: object): void => void child.stdin.write(`${JSON.stringify({ jsonrpc: "2.0", ...message })}\n`);
  createInterface({ input: child.stdout }).on("line", (line) => {
    const message = JSON.parse(line) as AcpMessage;
    if (message.method === "session/request_permission") {
      permissionsAsked += 1;
      send({ id: message.id, result: { outcome: { outcome: "cancelled" } } });
    } else if (message.method === undefined && message.id !== undefined) {
      const call = waiting.get(message.id);
      if (message.result === undefined) call?.reject(new Error(`goose acp answered: ${message.error?.message}`));
      else call?.resolve(message.result);
    }
  });
  child.once("exit", (code) => {
    for (const call of waiting.values()) call.reject(new Error(`goose acp ended with ${code}`));
  });
  let nextId = 0;
  const call: AcpGoose["call"] = (method, params) =>
    new Promise((resolve, reject) => {
      const id = nextId++;
      waiting.set(id, { resolve, reject });
      send({ id, method, params });
    });
  await call("initialize", { protocolVersion: 1, clientCapabilities: {} });
  return {
    call,
    async open(mode) {
      const { sessionId } = await call("session/new", { cwd, mcpServers: [] });
      await call("session/set_mode", { sessionId, modeId: mode });
      return String(sessionId);
    },
    async prompt(sessionId, text) {
      const before = permissionsAsked;
      const { stopReason } = await call("session/prompt", { sessionId, prompt: [{ type: "text", text }] });
      return { stopReason: String(stopReason), permissionsAsked: permissionsAsked - before };
    },
    end: () => void child.stdin.end(),
  };
}

/** Opens a session in a mode, sends one prompt and waits for its end. */
export async function acpChat(request: { env: NodeJS.ProcessEnv; cwd: string; mode: string; prompt: string }): Promise<AcpOutcome> {
  const goose = await startAcp(request);
  const outcome = await goose.prompt(await goose.open(request.mode), request.prompt);
  goose.end();
  return outcome;
}

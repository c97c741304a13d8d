/** An MCP server as a process, spoken to in raw JSON-RPC lines, as Goose does. */
import { spawn } from "node:child_process";
import { onTestFinished } from "vitest";

/** A JSON-RPC answer. */
export interface RpcAnswer {
  readonly id?: number;
  readonly result?: Record<string, unknown>;
  readonly error?: { readonly code: number; readonly message: string };
}

/** A running server. */
export interface McpProcess {
  /** Sends a request and gives its answer. */
  request(method: string, params?: object): Promise<RpcAnswer>;
  /** Sends a request and gives its id at once. */
  start(method: string, params?: object): { readonly id: number; readonly answer: Promise<RpcAnswer> };
  notify(method: string, params?: object): void;
  initialize(): Promise<RpcAnswer>;
  /** Calls a tool as Goose does. */
  callTool(name: string, input: object, meta?: object): Promise<ToolAnswer>;
  /** Everything on stdout so far, line by line. */
  readonly stdout: readonly string[];
  readonly stderr: () => string;
  /** Closes stdin; gives the exit code. */
  end(): Promise<number | null>;
  readonly exited: Promise<number | null>;
}

/** What a tool answered. */
export interface ToolAnswer {
  readonly isError?: boolean;
  readonly content: readonly { readonly type: string; readonly text: string }[];
  readonly structuredContent?: Record<string, unknown>;
}

/** Starts `node <script>`; ended with the test. */
export function startMcp(script: string, env: NodeJS.ProcessEnv, node = process.execPath): McpProcess {
  const child = spawn(node, [script], { env, stdio: ["pipe", "pipe", "pipe"] });
  onTestFinished(() => void child.kill("SIGKILL"));
  // Who writes to one that has ended is told by `exited`.
  child.stdin.on("error", () => undefined);
  const stdout: string[] = [];
  const waiting = new Map<number, (answer: RpcAnswer) => void>();
  let rest = "";
  let stderr = "";
  child.stderr.setEncoding("utf8").on("data", (chunk: string) => (stderr += chunk));
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
    const lines = (rest + chunk).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) {
      stdout.push(line);
      const answer = JSON.parse(line) as RpcAnswer;
      if (answer.id !== undefined) waiting.get(answer.id)?.(answer);
    }
  });
  const exited = new Promise<number | null>((resolve) => child.once("close", (code) => resolve(code)));
  let nextId = 0;
  const send = (message: object): void => void child.stdin.write(`${JSON.stringify({ jsonrpc: "2.0", ...message })}\n`);
  const start = (method: string, params: object = {}): { id: number; answer: Promise<RpcAnswer> } => {
    const id = nextId++;
    const answer = new Promise<RpcAnswer>((resolve) => waiting.set(id, resolve));
    send({ id, method, params });
    return { id, answer };
  };
  const request: McpProcess["request"] = (method, params) => start(method, params).answer;
  return {
    request,
    start,
    notify: (method, params = {}) => send({ method, params }),
    initialize: () =>
      request("initialize", { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "test", version: "1" } }),
    async callTool(name, input, meta = {}) {
      const { result, error } = await request("tools/call", { name, arguments: input, _meta: meta });
      if (result === undefined) throw new Error(`tools/call was answered with ${error?.code}`);
      return result as unknown as ToolAnswer;
    },
    stdout,
    stderr: () => stderr,
    end() {
      child.stdin.end();
      return exited;
    },
    exited,
  };
}

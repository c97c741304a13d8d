/** One client of the daemon's local socket. Source: mesh/contract/daemon-api.ts; docs/decisions/0010-local-socket.md. */
import type { Socket } from "node:net";
import { createLineReader } from "../client/line-reader.ts";
import { RPC_CODE, toWireError, type WireReply } from "../client/wire.ts";
import {
  DAEMON_API_VERSION,
  DAEMON_METHODS,
  type DaemonConnection,
  type DaemonHandlers,
  type DaemonMethod,
} from "../contract/daemon-api.ts";
import { errorCode, framesOf, GaggleError, systemCode } from "../contract/errors.ts";
import { isTooDeep, parseAs, parseJson } from "../contract/json.ts";
import { MAX_JSON_DEPTH, MAX_LOCAL_REQUEST_BYTES } from "../contract/limits.ts";

/** Calls of one connection that may be under way at once; more are answered BUSY. */
const MAX_CALLS = 256;
/** A subscriber that lets this much pile up is cut off, so that it can't fill the daemon's memory. */
const MAX_UNREAD_BYTES = 67_108_864;
/** What the server needs: `log` takes a line without any user's text. */
export interface LocalConnectionConfig {
  readonly handlers: Omit<DaemonHandlers, "hello">;
  /** Gaggle's version, told in hello. */
  readonly version: string;
  readonly log: (line: string, details: Readonly<Record<string, string | number>>) => void;
}

interface Call {
  readonly id: number | string;
  readonly method: string;
  readonly params: unknown;
}

/** A line: the call in it, or the answer to what is none. */
type Read = { readonly call: Call } | { readonly refusal: WireReply };

function readCall(line: string): Read {
  const refuse = (code: number, message: string, id: number | string | null = null): Read => ({
    refusal: { jsonrpc: "2.0", id, error: { code, message, data: { code: "INVALID_INPUT" } } },
  });
  let value: unknown;
  try {
    value = parseJson(line, "The line");
  } catch {
    if (isTooDeep(line)) return refuse(RPC_CODE.request, `The line is nested more than ${MAX_JSON_DEPTH} levels deep; send flatter data.`);
    return refuse(RPC_CODE.parse, "The line is not valid JSON. Send one JSON-RPC 2.0 message a line.");
  }
  if (typeof value !== "object" || value === null) return refuse(RPC_CODE.request, "A JSON-RPC 2.0 request is an object.");
  const { jsonrpc, id, method, params } = value as Record<string, unknown>;
  if (typeof id !== "number" && typeof id !== "string") return refuse(RPC_CODE.request, "A request needs an id, a number or a text.");
  if (jsonrpc !== "2.0" || typeof method !== "string") return refuse(RPC_CODE.request, "A request needs jsonrpc 2.0 and a method.", id);
  return { call: { id, method, params: params ?? {} } };
}

const isMethod = (method: string): method is DaemonMethod => Object.hasOwn(DAEMON_METHODS, method);

/**
 * Serves one client: hello first, then any number of calls at once.
 * @param running gets the work of every call while it is under way
 */
export function serveConnection(socket: Socket, config: LocalConnectionConfig, running: Set<Promise<void>>): void {
  let greeted = false;
  let calls = 0;
  const closers: (() => void)[] = [];
  const send = (reply: WireReply): void => {
    if (socket.destroyed) return;
    writeTogether(socket);
    socket.write(`${JSON.stringify(reply)}\n`);
    if (socket.writableLength > MAX_UNREAD_BYTES) socket.destroy();
  };
  const connection: DaemonConnection = {
    notify: (name, params) => send({ jsonrpc: "2.0", method: name, params }),
    onClose: (fn) => void (socket.destroyed ? fn() : closers.push(fn)),
  };

  const hello = (params: unknown): unknown => {
    const { apiVersion } = parseAs(DAEMON_METHODS.hello.params, params, "hello");
    if (apiVersion !== DAEMON_API_VERSION) {
      const fix = `End process ${process.pid} and try again: a new one starts by itself.`;
      throw new GaggleError("DAEMON_VERSION", `The daemon (Gaggle ${config.version}) and this program are of different versions. ${fix}`);
    }
    greeted = true;
    return { apiVersion: DAEMON_API_VERSION, version: config.version, pid: process.pid, ppid: process.ppid };
  };

  const answer = async (method: DaemonMethod, params: unknown): Promise<unknown> => {
    if (method === "hello") return hello(params);
    if (!greeted) throw new GaggleError("INVALID_INPUT", "The first call on a connection is hello.");
    if (calls > MAX_CALLS) throw new GaggleError("BUSY", "Too many calls at once on this connection. Wait for answers first.");
    // One handler per method takes just that method's checked parameters; TypeScript can't follow the pairing through the table.
    const handler = config.handlers[method] as (params: unknown, connection: DaemonConnection) => unknown;
    return handler(parseAs<unknown>(DAEMON_METHODS[method].params, params, method), connection);
  };

  const run = async (call: Call): Promise<void> => {
    if (!isMethod(call.method)) {
      const error = { code: RPC_CODE.method, message: "The daemon has no such method.", data: { code: "INVALID_INPUT" as const } };
      return send({ jsonrpc: "2.0", id: call.id, error });
    }
    calls += 1;
    try {
      send({ jsonrpc: "2.0", id: call.id, result: (await answer(call.method, call.params)) ?? null });
    } catch (error) {
      if (errorCode(error) === "INTERNAL") config.log("A local call failed", { method: call.method, error: describe(error) });
      send({ jsonrpc: "2.0", id: call.id, error: toWireError(hideInternals(error)) });
    } finally {
      calls -= 1;
    }
  };

  const reader = createLineReader(
    { maxBytes: MAX_LOCAL_REQUEST_BYTES },
    {
      line(text) {
        const read = readCall(text);
        if ("refusal" in read) return send(read.refusal);
        const work: Promise<void> = run(read.call).finally(() => running.delete(work));
        running.add(work);
      },
      tooLong() {
        const error = new GaggleError("TOO_LARGE", `A request is at most ${MAX_LOCAL_REQUEST_BYTES} bytes. Send less at once.`);
        socket.end(`${JSON.stringify({ jsonrpc: "2.0", id: null, error: toWireError(error) } satisfies WireReply)}\n`);
      },
    },
  );
  socket.on("data", (chunk: Buffer) => reader.push(chunk));
  socket.on("error", (error) => config.log("A local connection failed", { code: systemCode(error) ?? "unknown" }));
  socket.on("close", () => {
    for (const fn of closers) fn();
  });
}

/** What is written in this turn, such as the events of one commit, goes out in one system call. */
function writeTogether(socket: Socket): void {
  if (socket.writableCorked > 0) return;
  socket.cork();
  process.nextTick(() => socket.uncork());
}

/** Class and place of an unknown error; never its message, which may quote a user's text. */
function describe(error: unknown): string {
  if (!(error instanceof Error)) return typeof error;
  return [error.name, ...framesOf(error).slice(0, 5)].join(" | ");
}

const hideInternals = (error: unknown): GaggleError =>
  error instanceof GaggleError
    ? error
    : new GaggleError("INTERNAL", "The daemon failed at this call; its log has the cause.", { cause: error });

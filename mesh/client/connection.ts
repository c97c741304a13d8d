/** One connection to the daemon's socket: calls out, answers and notifications in. */
import { connect, type Socket } from "node:net";
import { DAEMON_API_VERSION } from "../contract/api-version.ts";
import { GaggleError } from "../contract/errors.ts";
import { createLineReader } from "./line-reader.ts";
import { fromWireError, type WireReply, type WireRequest } from "./wire.ts";

/** Answers can be larger than requests: a page of the audit chain, for example. */
const MAX_REPLY_BYTES = 67_108_864;

/** Thrown to a call whose connection ended before its answer; the call may be made again. */
export class ConnectionLost extends GaggleError {
  constructor(cause?: unknown) {
    super("DAEMON_UNREACHABLE", "The agent daemon closed the connection. Try again; `gaggle doctor` tells more.", { cause });
  }
}

/** A connection after its hello. */
export interface Connection {
  /** @throws GaggleError with the daemon's code; {@link ConnectionLost} where the connection ended first */
  call(method: string, params: unknown, signal: AbortSignal): Promise<unknown>;
  isOpen(): boolean;
  close(): void;
}

/** A connection, and whose it is. */
export interface DaemonConnection extends Connection {
  /** Whether the daemon at its other end is this process, or one that it started in its place. */
  isOf(pid: number): boolean;
}

/** What a connection tells its owner. */
export interface ConnectionEvents {
  event(name: string, params: unknown): void;
  closed(): void;
}

interface Waiting {
  resolve(result: unknown): void;
  reject(error: unknown): void;
}

/** The signal ends the attempt to connect and nothing else: Node's own `signal` option would end the open connection too. */
const open = (path: string, signal: AbortSignal): Promise<Socket> =>
  new Promise((resolve, reject) => {
    const socket = connect({ path });
    const abort = (): void => void socket.destroy(signal.reason instanceof Error ? signal.reason : new Error("aborted"));
    signal.addEventListener("abort", abort, { once: true });
    socket.once("close", () => signal.removeEventListener("abort", abort));
    socket.once("error", reject);
    socket.once("connect", () => {
      signal.removeEventListener("abort", abort);
      socket.removeListener("error", reject);
      resolve(socket);
    });
    if (signal.aborted) abort();
  });

/** Hands a reply to whoever waits for it. A line that is not one of ours is a broken connection. */
function dispatch(line: string, waiting: Map<number | string, Waiting>, on: ConnectionEvents): void {
  const reply = JSON.parse(line) as WireReply;
  const call = reply.id === undefined || reply.id === null ? undefined : waiting.get(reply.id);
  if (reply.method !== undefined) on.event(reply.method, reply.params);
  else if (reply.error === undefined) call?.resolve(reply.result);
  else if (call !== undefined) call.reject(fromWireError(reply.error));
  else throw fromWireError(reply.error);
}

function wrap(socket: Socket, on: ConnectionEvents): Connection {
  const waiting = new Map<number | string, Waiting>();
  let nextId = 1;
  let failure: unknown;
  const fail = (error: unknown): void => {
    failure = error;
    socket.destroy();
  };
  const reader = createLineReader(
    { maxBytes: MAX_REPLY_BYTES },
    {
      line(text) {
        try {
          dispatch(text, waiting, on);
        } catch (error) {
          fail(error);
        }
      },
      tooLong: () => fail(new GaggleError("TOO_LARGE", "The daemon's answer is too large. Ask for fewer items at once.")),
    },
  );
  socket.on("data", (chunk: Buffer) => reader.push(chunk));
  socket.on("error", (error) => {
    failure ??= error;
  });
  socket.on("close", () => {
    const error = failure instanceof GaggleError ? failure : new ConnectionLost(failure);
    for (const call of waiting.values()) call.reject(error);
    waiting.clear();
    on.closed();
  });

  const call = (method: string, params: unknown, signal: AbortSignal): Promise<unknown> =>
    new Promise((resolve, reject) => {
      if (socket.destroyed) return reject(new ConnectionLost(failure));
      const id = nextId++;
      const abort = (): void => settle(() => reject(signal.reason));
      const settle = (finish: () => void): void => {
        waiting.delete(id);
        signal.removeEventListener("abort", abort);
        finish();
      };
      waiting.set(id, { resolve: (result) => settle(() => resolve(result)), reject: (error) => settle(() => reject(error)) });
      signal.addEventListener("abort", abort, { once: true });
      const request: WireRequest = { jsonrpc: "2.0", id, method, params };
      socket.write(`${JSON.stringify(request)}\n`);
    });
  return { call, isOpen: () => !socket.destroyed, close: () => socket.destroy() };
}

/**
 * Connects and says hello.
 * @throws GaggleError DAEMON_VERSION where the daemon speaks another version; the system's error where nothing answers
 */
export async function openConnection(path: string, program: string, on: ConnectionEvents, signal: AbortSignal): Promise<DaemonConnection> {
  const connection = wrap(await open(path, signal), on);
  try {
    const hello = (await connection.call("hello", { apiVersion: DAEMON_API_VERSION, program }, signal)) as {
      apiVersion: number;
      version: string;
      pid: number;
      ppid: number;
    };
    if (hello.apiVersion === DAEMON_API_VERSION) return { ...connection, isOf: (pid) => pid === hello.pid || pid === hello.ppid };
    throw new GaggleError(
      "DAEMON_VERSION",
      `The running daemon (Gaggle ${hello.version}) is not of this program's version. End process ${hello.pid} and try again: a new one starts by itself.`,
    );
  } catch (error) {
    connection.close();
    throw error;
  }
}

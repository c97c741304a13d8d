/** Starts `goose acp` and speaks ACP with it over its stdin and stdout. */
import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import { Readable, Transform, Writable } from "node:stream";
import { ndJsonStream, type Stream } from "@agentclientprotocol/sdk";
import type { RunRecord } from "./kill-tree.ts";
import { startOf } from "./process-table.ts";
import { runFailure } from "./run-failure.ts";

/** A started Goose. */
export interface GooseProcess {
  readonly record: RunRecord;
  readonly stream: Stream;
  /** Rejects when Goose wrote more than `maxOutputBytes` or ended; never resolves. */
  readonly failed: Promise<never>;
}

/** How to start Goose. */
export interface GooseStart {
  readonly goose: string;
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  readonly runId: string;
  /** Limit of everything that Goose writes to its stdout, in bytes. */
  readonly maxOutputBytes: number;
}

/**
 * Starts Goose in a session of its own. `tom` is a built-in extension without tools: naming one keeps Goose from adding `developer`.
 * Its stderr is dropped, since it may hold a colleague's text.
 * @throws GaggleError EXECUTOR_FAILED (reason goose-exited) where it can't be started
 */
export async function startGoose({ goose, cwd, env, runId, maxOutputBytes }: GooseStart): Promise<GooseProcess> {
  const child = spawn(goose, ["acp", "--with-builtin", "tom"], {
    cwd,
    env,
    detached: process.platform !== "win32",
    stdio: ["pipe", "pipe", "ignore"],
  });
  try {
    await once(child, "spawn");
  } catch (cause) {
    throw runFailure("goose-exited", {}, cause);
  }
  const { limited, tooLarge } = limitOutput(child, maxOutputBytes);
  const exited = once(child, "exit").then((): never => {
    throw runFailure("goose-exited");
  });
  const failed = Promise.race([exited, tooLarge]);
  // Whoever waits for it sees the failure; while nobody does, it must not end the daemon.
  failed.catch(() => undefined);
  const pid = child.pid ?? 0;
  const start = (await startOf(pid)) ?? "";
  const stream = ndJsonStream(Writable.toWeb(child.stdin), Readable.toWeb(limited) as ReadableStream<Uint8Array>);
  return { record: { runId, pid, start }, stream, failed };
}

function limitOutput(child: ChildProcessByStdio<Writable, Readable, null>, maxOutputBytes: number) {
  let bytes = 0;
  const limited = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      bytes += chunk.length;
      done(bytes > maxOutputBytes ? runFailure("output-too-large") : null, chunk);
    },
  });
  const tooLarge = once(limited, "error").then(([error]): never => {
    throw error as Error;
  });
  tooLarge.catch(() => undefined);
  // A pipe that Goose's end breaks is reported by its exit.
  child.stdin.on("error", () => undefined);
  child.stdout.on("error", () => undefined);
  child.stdout.pipe(limited);
  return { limited, tooLarge };
}

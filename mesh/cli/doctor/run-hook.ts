/** Runs a hook's command as Goose does: through a shell, the payload on its stdin. */
import { spawn } from "node:child_process";
import { text } from "node:stream/consumers";
import type { Env } from "../../client/home.ts";
import { AUTOSTART_VARIABLE } from "../../client/start-daemon.ts";

const TIMEOUT_MS = 20_000;
/** An event that the daemon says no to without looking at session or tool, so that nothing is registered or recorded. */
const PAYLOAD = { event: "DoctorCheck", session_id: "doctor", tool_name: "doctor" };

/** How the hook ended. */
export interface HookRun {
  readonly code: number | null;
  /** What it wrote to stderr. */
  readonly reason: string;
  readonly ms: number;
}

/** Runs it; starts no daemon. */
export async function runHook(command: string, env: Env): Promise<HookRun> {
  const startedAt = performance.now();
  const child = spawn(command, { shell: true, timeout: TIMEOUT_MS, env: { ...env, [AUTOSTART_VARIABLE]: "never" }, stdio: "pipe" });
  const code = new Promise<number | null>((resolve) => child.once("close", resolve).once("error", () => resolve(null)));
  // A command that ends without reading breaks the pipe; its exit code says enough.
  child.stdin.on("error", () => undefined).end(JSON.stringify(PAYLOAD));
  child.stdout.resume();
  const reason = await text(child.stderr);
  return { code: await code, reason: reason.trim(), ms: Math.round(performance.now() - startedAt) };
}

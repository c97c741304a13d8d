/** What a daemon does when its disk refuses a write. Real processes from dist/. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it, onTestFinished } from "vitest";
import { type DaemonWorld, foundWorld, INSTALL_DIR, until, type WorldAgent } from "../support/daemon-world.ts";

let world: DaemonWorld;
let fiona: WorldAgent;
beforeAll(async () => {
  world = await foundWorld({ people: { "fiona.berg": "finance" } });
  fiona = world.agent("fiona.berg");
});
afterAll(() => world?.close());

it("ends with an error, and the next one takes up what the disk holds", async ({ skip }) => {
  if (process.platform === "win32") return skip("Windows has no file size limit per process");
  // 256 blocks of 1 KiB: the store's log can't grow beyond, as on a full disk.
  const limited = ["-c", 'ulimit -f 256; exec "$0" "$@"', process.execPath, join(INSTALL_DIR, "dist", "gaggle.js"), "agent"];
  const daemon = spawn("bash", limited, { env: fiona.env, stdio: ["ignore", "ignore", "pipe"] });
  onTestFinished(() => void daemon.kill("SIGKILL"));
  const said = text(daemon.stderr);
  const exit = once(daemon, "exit");
  await until("the daemon answers", async () => (await fiona.call("policy.check", { action: "task.send" })) !== undefined);
  let recorded = 0;
  const register = async (): Promise<void> => {
    for (; recorded < 2_000; recorded++) await fiona.call("session.register", { sessionId: `s${recorded}` });
  };
  await expect(register()).rejects.toMatchObject({ code: expect.stringMatching(/^(STORE_FAILED|DAEMON_UNREACHABLE)$/) });
  expect(await exit).toEqual([1, null]);
  expect(await said).toContain("STORE_FAILED");

  await fiona.start();
  expect((await fiona.audit("session.register")).length).toBeGreaterThanOrEqual(recorded);
});

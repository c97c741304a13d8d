/** What daemons and the bootstrap node do when their disk refuses a write. Real processes from dist/. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it, onTestFinished } from "vitest";
import { homePaths } from "../../mesh/agent/agent-config.ts";
import { createBootstrapClient } from "../../mesh/agent/bootstrap-client.ts";
import { systemClock, systemRandom } from "../../mesh/agent/system.ts";
import { readAgentKeys } from "../../mesh/identity/key-file.ts";
import { createSigner } from "../../mesh/identity/keys.ts";
import { type DaemonWorld, foundWorld, INSTALL_DIR, type WorldAgent } from "../support/daemon-world.ts";
import { until } from "../support/until.ts";

let world: DaemonWorld;
let fiona: WorldAgent;
beforeAll(async () => {
  world = await foundWorld({ people: { "fiona.berg": "finance" } });
  fiona = world.agent("fiona.berg");
});
afterAll(() => world?.close());

/** A long-running command whose files can't grow beyond 256 blocks of 1 KiB, so that its store's log fails as on a full disk. */
function startLimited(...args: string[]) {
  const command = ["-c", 'ulimit -f 256; exec "$0" "$@"', process.execPath, join(INSTALL_DIR, "dist", "gaggle.js"), ...args];
  const child = spawn("bash", command, { env: fiona.env, stdio: ["ignore", "ignore", "pipe"] });
  onTestFinished(() => void child.kill("SIGKILL"));
  return { said: text(child.stderr), exit: once(child, "exit") };
}

// First, while its store is small: the node could not open within its limit what a daemon sends that has recorded two thousand events.
it("the bootstrap node ends with an error", async ({ skip }) => {
  if (process.platform === "win32") return skip("Windows has no file size limit per process");
  await world.bootstrap.kill();
  const { port } = new URL(world.bootstrap.url);
  const { said, exit } = startLimited("bootstrap", "--dir", join(world.orgDir, "bootstrap"), "--port", port, "--no-mdns");
  await until("the bootstrap node answers", async () => (await fetch(`${world.bootstrap.url}/healthz`)).ok);
  const { sign } = await readAgentKeys(homePaths(fiona.home).keys);
  const deps = { clock: systemClock, random: systemRandom, fetch, signer: createSigner(sign) };
  const client = createBootstrapClient(deps, { baseUrl: world.bootstrap.url, org: fiona.config.org });
  const renew = async (): Promise<void> => {
    for (let i = 0; i < 2_000; i++) await client.renew();
  };
  await expect(renew()).rejects.toMatchObject({ code: expect.stringMatching(/^(STORE_FAILED|PEER_UNREACHABLE)$/) });
  expect(await exit).toEqual([1, null]);
  expect(await said).toContain("STORE_FAILED");
});

it("a daemon ends with an error, and the next one takes up what the disk holds", async ({ skip }) => {
  if (process.platform === "win32") return skip("Windows has no file size limit per process");
  const { said, exit } = startLimited("agent");
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

/** Backup, recovery and leaving, with keys sealed on the disk. Real processes from dist/. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { createBootstrapClient } from "../../mesh/agent/bootstrap-client.ts";
import { systemClock, systemRandom } from "../../mesh/agent/system.ts";
import { connectDaemon } from "../../mesh/client/connect-daemon.ts";
import { readAgentKeys } from "../../mesh/identity/key-file.ts";
import { createSigner } from "../../mesh/identity/keys.ts";
import { type CommandOutcome, type DaemonWorld, foundWorld, INSTALL_DIR, type WorldAgent } from "../support/daemon-world.ts";
import { until } from "../support/until.ts";

const PASSPHRASE = "a passphrase of a backup\n";

describe("an agent that is backed up", () => {
  let world: DaemonWorld;
  let fiona: WorldAgent;
  /** The machine that takes the old one's place. */
  let env: NodeJS.ProcessEnv;
  const backup = (name: string): string => join(world.dir, name);
  const shipped = async (): Promise<boolean> => {
    const { seq, shipped: there } = await fiona.call("audit.ship", {});
    return seq === there;
  };
  const startDaemon = (of: NodeJS.ProcessEnv): { said: Promise<string>; exit: Promise<unknown[]> } => {
    const child = spawn(process.execPath, [join(INSTALL_DIR, "dist", "gaggle.js"), "agent"], {
      env: of,
      stdio: ["ignore", "ignore", "pipe"],
    });
    onTestFinished(() => void child.kill("SIGKILL"));
    return { said: text(child.stderr), exit: once(child, "exit") };
  };
  const onNewMachine = (args: readonly string[], input = ""): Promise<CommandOutcome> => fiona.gaggle(args, input, env);
  beforeAll(async () => {
    world = await foundWorld({ people: { "fiona.berg": "finance" } });
    fiona = world.agent("fiona.berg");
    env = {
      ...fiona.env,
      GAGGLE_HOME: join(world.dir, "new-home"),
      XDG_STATE_HOME: join(world.dir, "state"),
      GAGGLE_KEY_PROTECTION: "machine",
    };
    await fiona.start();
  });
  afterAll(() => world?.close());

  it("does not begin elsewhere once the old machine has gone on", async () => {
    expect(await fiona.gaggle(["backup", backup("old"), "--passphrase-stdin"], PASSPHRASE)).toMatchObject({ code: 0 });
    await fiona.call("session.register", { sessionId: "went-on" });
    await until("the node has it", shipped);
    await fiona.stop();
    const elsewhere = { ...env, GAGGLE_HOME: join(world.dir, "too-old") };
    expect(await fiona.gaggle(["recover", backup("old"), "--passphrase-stdin"], PASSPHRASE, elsewhere)).toMatchObject({ code: 0 });
    const { said, exit } = startDaemon(elsewhere);
    expect(await exit).toEqual([1, null]);
    expect(await said).toContain("went on elsewhere");
  });

  it("takes the lost machine's place, with its keys sealed", async () => {
    expect(await fiona.gaggle(["backup", backup("new"), "--passphrase-stdin"], PASSPHRASE)).toMatchObject({ code: 0 });
    const wrong = await onNewMachine(["recover", backup("new"), "--passphrase-stdin"], "a wrong passphrase\n");
    expect(wrong).toMatchObject({ code: 1, stderr: expect.stringContaining("CREDENTIAL_INVALID") });
    const recovered = await onNewMachine(["recover", backup("new"), "--passphrase-stdin"], PASSPHRASE);
    expect(recovered).toMatchObject({ code: 0, stdout: expect.stringContaining("under a file of this machine") });
    const keys = join(world.dir, "new-home", "keys");
    const secret = /"d": ?"([^"]+)"/.exec(readFileSync(join(fiona.home, "keys", "agent.json"), "utf8"))?.[1] ?? "none";
    for (const name of readdirSync(keys)) expect(readFileSync(join(keys, name), "utf8")).not.toContain(secret);
    const status = await onNewMachine(["--json", "status"]);
    expect(JSON.parse(status.stdout)).toMatchObject({ agentId: fiona.agentId });
    const daemon = await connectDaemon({ home: join(world.dir, "new-home"), program: "test" });
    const { events } = await daemon.call("audit.list", { fromSeq: 1, limit: 1_000 });
    expect(events.map(({ action }) => action)).toContain("agent.recover");
    await until("the node knows its new place", async () =>
      (await onNewMachine(["status", "--metrics"])).stdout.includes("gaggle_agent_bootstrap_reachable 1\n"),
    );
    await daemon.call("daemon.stop", {});
    daemon.close();
  });

  it("ends for good on the old machine, should that come back", async () => {
    const { said, exit } = startDaemon(fiona.env);
    expect(await exit).toEqual([1, null]);
    expect(await said).toContain("with the same key");
    const again = startDaemon(fiona.env);
    expect(await again.exit).toEqual([1, null]);
  });

  it("leaves: the node has its whole audit trail, and its keys are gone", async () => {
    const left = await onNewMachine(["--json", "leave", "--yes", "--keep-audit", backup("audit.ndjson")]);
    expect(left).toMatchObject({ code: 0 });
    expect(JSON.parse(left.stdout)).toMatchObject({ left: true, agentId: fiona.agentId });
    expect(readFileSync(backup("audit.ndjson"), "utf8")).toContain("agent.leave");
    expect(existsSync(join(world.dir, "new-home", "keys"))).toBe(false);
    // Who has a copy of the key, as the old machine has, is no member any more.
    const { sign } = await readAgentKeys(join(fiona.home, "keys"));
    const wire = { clock: systemClock, random: systemRandom, fetch, signer: createSigner(sign) };
    const copy = createBootstrapClient(wire, { baseUrl: world.bootstrap.url, org: fiona.config.org });
    await expect(copy.renew()).rejects.toMatchObject({ code: "NOT_A_MEMBER" });
    expect(await onNewMachine(["status"])).toMatchObject({ code: 1, stderr: expect.stringContaining("NOT_JOINED") });
  });
});

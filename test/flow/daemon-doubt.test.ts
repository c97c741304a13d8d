/**
 * What running daemons make of a bootstrap node that shows another history than it has signed, of a clock ten minutes ahead, and of a leaver who was
 * revoked while a colleague was off. Real processes from dist/, in one world.
 */
import { execFileSync } from "node:child_process";
import { readFileSync, renameSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { createBootstrapClient } from "../../mesh/agent/bootstrap-client.ts";
import { systemClock, systemRandom } from "../../mesh/agent/system.ts";
import { isConsistent } from "../../mesh/audit/merkle.ts";
import { verifyLogHead } from "../../mesh/audit/receipt.ts";
import { readOrg } from "../../mesh/cli/org/org-folder.ts";
import type { LogAlarm } from "../../mesh/contract/audit.ts";
import { createSigner } from "../../mesh/identity/keys.ts";
import { type DaemonWorld, foundWorld, INSTALL_DIR, type WorldAgent } from "../support/daemon-world.ts";
import { processesIn } from "../support/home-processes.ts";
import { identityOf } from "../support/rogue-peer.ts";
import { until } from "../support/until.ts";

const ENTRY = join(INSTALL_DIR, "dist", "gaggle.js");
/** For a program whose clock is ten minutes ahead: Gaggle reads the time by Date.now alone. */
const AHEAD = ["--import", "data:text/javascript,let%20now=Date.now;Date.now=()=>now()+600000"] as const;

/** Two agents that lost each other try ever less often, up to each minute. */
const REDIAL_MS = 90_000;

let world: DaemonWorld;
let fiona: WorldAgent;
let marco: WorldAgent;
let hanna: WorldAgent;
const ahead = new Set<string>();
const nodeFolder = (): string => join(world.orgDir, "bootstrap");
const otherFolder = (): string => join(world.dir, "other-bootstrap");

beforeAll(async () => {
  world = await foundWorld({
    people: { "hanna.okoye": "hr", "fiona.berg": "finance", "marco.diaz": "marketing" },
    daemon: (subject) => ({ args: [...(ahead.has(subject) ? AHEAD : []), ENTRY, "agent"], env: {} }),
  });
  [hanna, fiona, marco] = ["hanna.okoye", "fiona.berg", "marco.diaz"].map(world.agent) as [WorldAgent, WorldAgent, WorldAgent];
  // Stopped, its store is what a power cut would leave. As it is, modes too.
  const [{ pid } = expect.unreachable()] = processesIn(world.dir).filter(({ args }) => args.includes("bootstrap"));
  process.kill(pid, "SIGSTOP");
  execFileSync("cp", ["-a", nodeFolder(), otherFolder()]);
  process.kill(pid, "SIGCONT");
  await Promise.all([hanna, fiona, marco].map((agent) => agent.start()));
  await world.meet(["hanna.okoye", "fiona.berg", "marco.diaz"]);
});
afterAll(() => world?.close());

/** Does something that is recorded, and has it collected. */
async function ship(agent: WorldAgent, session: string): Promise<void> {
  await agent.call("hook.decide", { event: "PreToolUse", sessionId: session, tool: "developer__shell" });
  await agent.call("audit.ship", {});
}

/** How many receipts the node has signed. */
async function logSize(): Promise<number> {
  const { key, org } = await identityOf(hanna);
  const deps = { clock: systemClock, random: systemRandom, fetch: globalThis.fetch, signer: createSigner(key) };
  const { log } = await createBootstrapClient(deps, { baseUrl: world.bootstrap.url, org }).auditLog();
  return verifyLogHead(log, (await readOrg(world.orgDir)).issuers, org).size;
}

const alarmsOf = async (agent: WorldAgent) => {
  const { code, stdout } = await agent.gaggle(["--json", "audit", "alarms"]);
  return { code, alarms: (JSON.parse(stdout) as { node: LogAlarm[] }).node };
};

it("a node that goes on from another history than it has signed is found by its own signatures, and the alarm stays open until it is acknowledged", async () => {
  await ship(fiona, "before");
  await fiona.stop();
  const signed = await logSize();
  await world.bootstrap.kill();
  renameSync(nodeFolder(), join(world.dir, "first-bootstrap"));
  renameSync(otherFolder(), nodeFolder());
  await world.bootstrap.start();
  // The other history has to be the longer one: a shorter one looks like a backup.
  for (let i = 0; (await logSize()) <= signed; i++) await ship(hanna, `other ${i}`);
  await fiona.start();
  await until("fiona's daemon has found it", async () => (await fiona.audit("audit.split")).length > 0);

  const { code, alarms } = await alarmsOf(fiona);
  // By the node's own receipt, and by what a colleague has told where that came first.
  expect([code, new Set(alarms.map(({ doubt }) => doubt))]).toEqual([1, new Set(["not-proven"])]);
  const { org, issuers } = await readOrg(world.orgDir);
  const [first, second] = [alarms[0]?.known ?? "", alarms[0]?.other ?? ""].map((jws) => verifyLogHead(jws, issuers, org)) as [
    ReturnType<typeof verifyLogHead>,
    ReturnType<typeof verifyLogHead>,
  ];
  expect(second.size).toBeGreaterThan(first.size);
  expect(isConsistent({ first, second, proof: [] })).toBe(false);

  // What a colleague has told may come between two looks.
  const ids = await until("the command shows each open alarm", async () => {
    const { stdout } = await fiona.gaggle(["audit", "alarms"]);
    const open = [...stdout.matchAll(/open +([0-9a-f]{12}) /g)].map(([, id = ""]) => id);
    expect((await fiona.call("daemon.status", {})).audit.alarms).toBe(open.length);
    return open;
  });
  const reason = "The node was restored by mistake on Monday.";
  for (const id of ids) expect(await fiona.gaggle(["audit", "acknowledge", id, "--reason", reason])).toMatchObject({ code: 0 });
  const left = (await alarmsOf(fiona)).alarms.filter(({ at }) => alarms.some((before) => before.at === at));
  expect(left.map(({ acknowledged }) => [acknowledged?.by, acknowledged?.reason])).toEqual(left.map(() => ["fiona.berg", reason]));
  expect((await fiona.audit("audit.acknowledge")).at(-1)).toMatchObject({
    actor: { type: "person", id: "fiona.berg" },
    details: { reason },
  });
});

it("a daemon whose clock is ten minutes ahead is told so, meets nobody and gets nothing", async () => {
  await fiona.stop();
  ahead.add("fiona.berg");
  await fiona.start();
  await hanna.call("notify", { target: { agentId: fiona.agentId }, message: "The figures are there.", idempotencyKey: "apart" });
  const log = (): string => readFileSync(join(world.dir, "fiona.berg.log"), "utf8");
  await until("her daemon says that the clocks differ", () => log().includes("CLOCK_SKEW"));
  const { peersConnected, bootstrap } = await fiona.call("daemon.status", {});
  expect([peersConnected, bootstrap.reachable]).toEqual([0, false]);
  const doctor = await fiona.gaggle(["--json", "doctor"], "", { ...fiona.env, NODE_OPTIONS: AHEAD.join(" ") });
  const { checks } = JSON.parse(doctor.stdout) as { checks: { name: string; state: string; message: string }[] };
  expect(checks.find(({ name }) => name === "clock")).toMatchObject({ state: "fail", message: expect.stringMatching(/^(9 min 5|10 min)/) });
  expect((await fiona.call("inbox.list", { kind: "notification" })).items).toEqual([]);
});

it("a leaver who was revoked while a colleague was off is believed by that one alone, and no longer once it meets somebody who has heard", async () => {
  await fiona.stop();
  await world.bootstrap.kill();
  expect(await hanna.gaggle(["org", "revoke", "--dir", world.orgDir, "--user", "marco.diaz"])).toMatchObject({ code: 0 });
  await until("hanna has heard", async () => (await hanna.audit("member.revoke")).length > 0);
  await hanna.stop();
  // With the right time she takes part again.
  ahead.clear();
  await fiona.start();
  const fromMarco = async (): Promise<number> =>
    (await fiona.audit("message.receive")).filter(({ details }) => details["from"] === marco.agentId).length;
  const say = (message: string) => marco.call("notify", { target: { agentId: fiona.agentId }, message, idempotencyKey: message });
  await say("Nobody has told you yet.");
  await until("fiona believes him still", async () => (await fromMarco()) === 1, REDIAL_MS);

  await hanna.start();
  await until("fiona has heard", async () => (await fiona.audit("member.revoke")).at(-1)?.details["subjects"] === "marco.diaz", REDIAL_MS);
  await say("And now?");
  const dead = await until("his message is dead", async () =>
    (await marco.call("dead.list", {})).items.find(({ to }) => to === fiona.agentId),
  );
  expect(dead.lastError).toContain("REVOKED");
  expect(await fromMarco()).toBe(1);
});

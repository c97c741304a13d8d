/** The `gaggle` command as people and programs use it, against running daemons. */
import { chmodSync, cpSync, existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { homePaths } from "../../mesh/agent/agent-config.ts";
import { systemClock, systemRandom } from "../../mesh/agent/system.ts";
import { orgReinstate } from "../../mesh/cli/org/org-reinstate.ts";
import { orgRevoke } from "../../mesh/cli/org/org-revoke.ts";
import { createOutput } from "../../mesh/cli/output.ts";
import { setSetting } from "../../mesh/cli/setup/edit-yaml.ts";
import { type CommandOutcome, type DaemonWorld, foundWorld, type WorldAgent } from "../support/daemon-world.ts";
import { until } from "../support/until.ts";

const PASSPHRASE = "correct horse battery";
/** A daemon whose first question to the node failed asks again half a minute later. */
const NEWS_MS = 90_000;

let world: DaemonWorld;
let fiona: WorldAgent;
let edward: WorldAgent;
let marco: WorldAgent;

beforeAll(async () => {
  world = await foundWorld({ people: { "fiona.berg": "finance", "marco.diaz": "marketing", "edward.lindqvist": "executive" } });
  [fiona, marco, edward] = ["fiona.berg", "marco.diaz", "edward.lindqvist"].map(world.agent) as [WorldAgent, WorldAgent, WorldAgent];
});
afterAll(() => world?.close());

const json = ({ stdout }: CommandOutcome): unknown => JSON.parse(stdout);
const errorOf = ({ stderr }: CommandOutcome) =>
  (JSON.parse(stderr.trim().split("\n").at(-1) ?? "") as { error: { code: string; message: string } }).error;
const said = async (agent: WorldAgent, ...args: string[]): Promise<string> => {
  const { code, stdout, stderr } = await agent.gaggle(args);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  return stdout;
};

describe("gaggle doctor", () => {
  interface Finding {
    readonly name: string;
    readonly state: string;
    readonly message: string;
    readonly fix: string;
  }
  const examine = async (agent: WorldAgent): Promise<{ code: number | null; checks: Record<string, Finding> }> => {
    const outcome = await agent.gaggle(["--json", "doctor"]);
    const { checks } = json(outcome) as { checks: Finding[] };
    return { code: outcome.code, checks: Object.fromEntries(checks.map((check) => [check.name, check])) };
  };

  it("says on a machine that has not joined how to join, and ends with 1", async () => {
    const stranger = { ...fiona.env, GAGGLE_HOME: join(world.dir, "nobody") };
    const nobody = await fiona.gaggle(["doctor"], "", stranger);
    expect(nobody.code).toBe(1);
    expect(nobody.stdout).toMatch(/✗ joined .*not joined/);
    expect(nobody.stdout).toContain("gaggle join <invitation>");
    expect(nobody.stdout).not.toContain("daemon");
    expect(existsSync(join(world.dir, "nobody"))).toBe(false);
  });

  it("says that no daemon runs and how to start it, and starts none", async () => {
    await said(fiona, "setup");
    const { code, checks } = await examine(fiona);
    expect(code).toBe(1);
    expect(checks["daemon"]).toMatchObject({ state: "fail", fix: expect.stringContaining("gaggle agent") });
    expect(fiona.daemonPids()).toEqual([]);
  });

  it("finds nothing wrong where all is well, and ends with 0", async () => {
    await Promise.all([fiona, marco, edward].map((agent) => agent.start()));
    await world.meet(["fiona.berg", "marco.diaz", "edward.lindqvist"]);
    const { code, checks } = await examine(fiona);
    // Tests keep their keys plain.
    expect(checks["keys"]).toMatchObject({ state: "warn", fix: expect.stringContaining("gaggle keys protect") });
    expect(Object.values(checks).filter(({ state, name }) => state !== "ok" && name !== "keys")).toEqual([]);
    expect(code).toBe(0);
    expect(Object.keys(checks)).toEqual(
      expect.arrayContaining(["node", "goose", "joined", "files", "socket", "daemon", "bundle", "provider"]),
    );
  });

  it("finds keys that others can read", async () => {
    const { modelKey, gatewayToken } = homePaths(fiona.home);
    chmodSync(gatewayToken, 0o644);
    const { code, checks } = await examine(fiona);
    chmodSync(gatewayToken, 0o600);
    expect(code).toBe(1);
    expect(checks["files"]).toMatchObject({
      state: "fail",
      message: expect.stringContaining(gatewayToken),
      fix: expect.stringContaining("chmod"),
    });
    expect(checks["files"]?.message).not.toContain(modelKey);
  });

  it("finds a Goose whose provider goes past the guard", async () => {
    const file = join(fiona.config.gooseRoot ?? "", "config", "config.yaml");
    const before = readFileSync(file, "utf8");
    writeFileSync(file, setSetting(before, file, ["GOOSE_PROVIDER"], "openai"));
    const { code, checks } = await examine(fiona);
    writeFileSync(file, before);
    expect(code).toBe(1);
    expect(checks["provider"]).toMatchObject({
      state: "fail",
      message: expect.stringContaining("past the guard"),
      fix: "Run: gaggle setup",
    });
  });

  it("finds a bootstrap node that does not answer", async () => {
    await world.bootstrap.kill();
    const { checks } = await examine(fiona);
    await world.bootstrap.start();
    expect(
      Object.values(checks)
        .filter(({ state }) => state !== "ok")
        .map(({ name }) => name),
    ).toEqual(["keys", "bootstrap", "clock"]);
  });
});

describe("gaggle status and peers", () => {
  it("tell who this agent is and whom it knows, in words and as JSON", async () => {
    const words = await said(fiona, "status");
    expect(words).toContain("fiona.berg · finance · finance · Northwind Optics");
    expect(words).toContain(fiona.agentId);
    expect(json(await fiona.gaggle(["status", "--json"]))).toMatchObject({ subject: "fiona.berg", outbox: { queued: 0, dead: 0 } });
    const table = await said(fiona, "peers", "--role", "marketing");
    expect(table).toMatch(/●\s+marco\.diaz\s+marketing\s+Head of Marketing\s+online\s+(?:idle\s+)?accruals\s+12D3KooW/);
    const chart = await said(fiona, "peers", "--tree");
    expect(chart).toMatch(/\n[│ ]*[├└]─ ● marco\.diaz · Head of Marketing\n/);
    expect(chart).toMatch(/● fiona\.berg \(you\) · Head of Accounting\n/);
    expect(table).not.toContain("edward");
    expect(json(await fiona.gaggle(["--json", "peers", "--skill", "accruals"]))).toMatchObject([{ subject: "marco.diaz", online: true }]);
    expect(await said(fiona, "peers", "--role", "legal")).toBe("No agent is known yet that matches.\n");
  });

  it("show what a colleague's signed card and its load say", async () => {
    const card = await until("marco has told his card and load", async () => {
      const [agent] = json(await fiona.gaggle(["--json", "peers", "--department", "marketing"])) as { locale?: string; load?: object }[];
      return agent?.load === undefined ? undefined : agent;
    });
    expect(card).toMatchObject({ subject: "marco.diaz", locale: "es-ES", load: { running: 0, queued: 0, busy: false, guardUp: true } });
  });

  it("say why a colleague was chosen, also in the audit, and why nobody else", async () => {
    const sent = json(await fiona.gaggle(["--json", "send", "Nothing to do.", "--department", "marketing"])) as { taskId: string };
    expect(await said(fiona, "status", sent.taskId)).toMatch(/chosen +because online/);
    const { events } = await fiona.call("audit.list", { limit: 5_000 });
    const route = events.find(({ action, target }) => action === "task.route" && target === `task:${sent.taskId}`);
    expect(route?.details).toMatchObject({ wanted: "department marketing", chosen: "marco.diaz", mode: "one" });
    await said(fiona, "cancel", sent.taskId);
    // An empty inbox may also be one that has not heard of the task yet.
    await until("all is delivered", async () => (await fiona.call("outbox.list", {})).total === 0);
    await until("marco's inbox knows of the cancel", async () => (await marco.call("inbox.list", {})).items.length === 0);
    const nobody = await fiona.gaggle(["--json", "send", "Nothing.", "--role", "marketing", "--skill", "payroll-accrual"]);
    expect(errorOf(nobody)).toMatchObject({ code: "NO_ROUTE" });
    expect(errorOf(nobody).message).toContain("Nearest: marco.diaz does not have the skill payroll-accrual.");
  });
});

describe("gaggle send, inbox and outbox", () => {
  it("hand work to a colleague and wait for the result, telling what happens meanwhile", async () => {
    let shown = "";
    const words = ["send", "Look at the sunglasses.", "--role", "marketing", "--context", '{"shelf":3}', "--wait"];
    const sending = fiona.gaggle(words, "", fiona.env, (text) => {
      shown += text;
    });
    const item = await until("marco has it", async () => {
      const items = json(await marco.gaggle(["--json", "inbox"])) as { kind: string; taskId: string; task: string }[];
      return items.find(({ task }) => task === "Look at the sunglasses.");
    });
    expect(await said(marco, "inbox")).toContain(`${item.taskId}  SUBMITTED  task from fiona.berg (finance): Look at the sunglasses.`);
    expect(await said(marco, "inbox", item.taskId)).toContain('"shelf": 3');
    await until("the waiting command has seen it sent", () => shown.includes("SUBMITTED"));
    await marco.call("inbox.accept", { taskId: item.taskId });
    writeFileSync(join(world.dir, "shelves.csv"), "shelf,seen\n3,17\n");
    const completed = ["inbox", "complete", item.taskId, "--result", '{"seen":17}', "--attach", "shelves.csv"];
    expect(await said(marco, ...completed)).toBe("The result is on its way with a file.\n");
    const { code, stdout, stderr } = await sending;
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toMatch(/SUBMITTED[\s\S]*COMPLETED[\s\S]*"seen": 17/);
    expect(await said(marco, "inbox")).not.toContain(item.taskId);
    expect(await said(marco, "inbox", "--all")).toContain(`${item.taskId}  COMPLETED`);
    const record = await said(fiona, "status", item.taskId);
    expect(record).toContain("COMPLETED  task for marco.diaz (marketing)");
    expect(json(await fiona.gaggle(["--json", "status", item.taskId]))).toMatchObject({ result: { seen: 17 }, state: "COMPLETED" });
    // The result names its file; the file itself is fetched after it.
    const { taskId } = item;
    await until("the file is here", async () => {
      const { items } = await fiona.call("artifact.list", { taskId });
      return items.length === 1 && items.every(({ here }) => here);
    });
    await said(fiona, "inbox", "save", taskId, "--to", "came");
    expect(readFileSync(join(world.dir, "came", "shelves.csv"), "utf8")).toBe("shelf,seen\n3,17\n");
  });

  it("end with 1 and the reason where the colleague rejects", async () => {
    const sending = fiona.gaggle(["--json", "send", "Count clouds.", "--role", "marketing", "--wait"]);
    const taskId = await until("marco has it", async () => {
      const { items } = await marco.call("inbox.list", {});
      return items.flatMap((item) => (item.kind === "task" && item.task === "Count clouds." ? [item.taskId] : []))[0];
    });
    await marco.call("inbox.reject", { taskId, reason: "No clouds today." });
    const outcome = await sending;
    expect(outcome.code).toBe(1);
    expect(errorOf(outcome).message).toBe(`The task ended as REJECTED at ${marco.subject}. No clouds today.`);
  });

  it("send once under one key, and say so by the same task", async () => {
    const send = async () => json(await fiona.gaggle(["--json", "send", "Once.", "--role", "marketing", "--key", "the same"]));
    const first = await send();
    expect(await send()).toEqual(first);
  });

  it("tell what waits for a colleague who is away, and deliver it when they are back", async () => {
    await until("all else is delivered", async () => (await fiona.call("outbox.list", {})).total === 0);
    await marco.stop();
    const { taskId } = json(await fiona.gaggle(["--json", "send", "Later.", "--agent", marco.agentId])) as { taskId: string };
    expect(await said(fiona, "outbox")).toMatch(/task\s+P2\s+marco\.diaz/);
    const waiting = json(await fiona.gaggle(["--json", "outbox"]));
    expect(waiting).toContainEqual(expect.objectContaining({ type: "task.request", to: marco.agentId }));
    await marco.start();
    await until("it is delivered", async () => (await marco.call("inbox.read", { id: taskId })).kind === "task");
    await until("the outbox is empty", async () => (await said(fiona, "outbox")) === "Everything has been delivered.\n");
  });

  it("refuse what policy denies, what nobody can do, and what is no JSON, each with its code", async () => {
    const cases: [args: string[], code: string][] = [
      [["send", "Payroll.", "--role", "executive", "--skill", "payroll-accrual"], "NO_ROUTE"],
      [["send", "Hello.", "--role", "legal"], "NO_ROUTE"],
      [["send", "Hello."], "INVALID_INPUT"],
      [["send", "Hello.", "--role", "marketing", "--context", "[1]"], "INVALID_INPUT"],
      [["status", "no such id"], "NOT_FOUND"],
      [["dead", "retry", "no id"], "INVALID_INPUT"],
    ];
    for (const [args, code] of cases) {
      const outcome = await fiona.gaggle(["--json", ...args]);
      expect([args, outcome.code, errorOf(outcome).code]).toEqual([args, 1, code]);
    }
    // A daemon that was just started may not have heard of anybody to ask yet.
    await world.meet(["marco.diaz", "edward.lindqvist"]);
    const denied = await marco.gaggle(["--json", "send", "Hello.", "--role", "executive"]);
    expect([denied.code, errorOf(denied).code]).toEqual([1, "POLICY_DENIED"]);
  });
});

describe("gaggle dead", () => {
  interface Letter {
    readonly id: string;
    readonly lastError: string;
  }
  const letters = async (): Promise<Letter[]> => json(await fiona.gaggle(["--json", "dead"])) as Letter[];
  /** The dead letter that comes of sending a text, and its task. */
  const letterOf = async (text: string): Promise<{ letter: Letter; taskId: string }> => {
    const before = new Set((await letters()).map(({ id }) => id));
    const taskId = await send(text);
    const letter = await until("there is a dead letter more", async () => (await letters()).find(({ id }) => !before.has(id)));
    return { letter, taskId };
  };
  const restart = async (agent: WorldAgent, version: number): Promise<void> => {
    await agent.stop();
    await agent.start();
    await until("it has the version", async () => (await agent.call("daemon.status", {})).bundleVersion === version, NEWS_MS);
  };
  const send = async (text: string): Promise<string> =>
    (json(await fiona.gaggle(["--json", "send", text, "--role", "marketing"])) as { taskId: string }).taskId;

  it("shows what the receiver's policy refuses, which sending again does not change", async () => {
    expect(await said(fiona, "dead")).toBe("There are no dead letters.\n");
    // The rule forbids receiving alone, so the sender's own check passes.
    const policy = join(world.orgDir, "profiles", "policies", "no-work-now.cedar");
    const scope = '(principal in Role::"finance", action == Action::"task.receive", resource)';
    writeFileSync(policy, `@id("test-no-work-now") forbid ${scope} when { context.target in Role::"marketing" };`);
    await restart(marco, await world.sign());
    rmSync(policy);
    await world.meet(["fiona.berg", "marco.diaz"]);
    const { letter, taskId } = await letterOf("Denied.");
    expect(letter.lastError).toContain("POLICY_DENIED");
    expect(json(await fiona.gaggle(["--json", "status", taskId]))).toMatchObject({ state: "REJECTED", delivery: "dead" });
    const retried = await fiona.gaggle(["--json", "dead", "retry", letter.id]);
    expect([retried.code, errorOf(retried).code]).toEqual([1, "STATE_CONFLICT"]);
  });

  it("sends again what could not be delivered, when a person says so", async () => {
    const [whom, silent] = [{ dir: world.orgDir, agent: fiona.agentId }, createOutput({ write: () => undefined }, false)];
    await orgRevoke(whom, silent, { clock: systemClock, random: systemRandom });
    await restart(marco, await world.sign());
    const { letter, taskId } = await letterOf("While Marco's agent does not trust mine.");
    expect(letter.lastError).toContain("REVOKED");
    expect(await said(fiona, "dead")).toContain("Send one again: gaggle dead retry <message>");
    expect(json(await fiona.gaggle(["--json", "status", taskId]))).toMatchObject({ state: "FAILED", delivery: "dead" });

    await orgReinstate(whom, silent);
    await restart(marco, await world.sign());
    expect(await said(fiona, "dead", "retry", letter.id)).toBe("It is on its way again.\n");
    await until("marco has it", async () => (await marco.call("inbox.read", { id: taskId })).kind === "task");
    expect((await letters()).map(({ id }) => id)).not.toContain(letter.id);
  });
});

describe("gaggle approve and reject", () => {
  it("sign a person's decision with the key that their passphrase opens, and only with it", async () => {
    const made = json(await edward.gaggle(["--json", "approval-key", "--passphrase-stdin"], `${PASSPHRASE}\n`)) as { key: object };
    const roster = ["org", "approver", "--dir", world.orgDir, "--subject", "edward.lindqvist", "--role", "executive"];
    expect((await edward.gaggle([...roster, "--agent", edward.agentId, "--key", JSON.stringify(made.key)])).code).toBe(0);
    const version = await world.sign();
    await Promise.all([fiona.stop(), edward.stop()]);
    await Promise.all([fiona.start(), edward.start()]);
    await world.meet(["fiona.berg", "edward.lindqvist"]);
    for (const agent of [fiona, edward])
      await until("it has the roster", async () => (await agent.call("daemon.status", {})).bundleVersion === version, NEWS_MS);
    const ask = (key: string) =>
      fiona.call("approval.request", { target: { targetRole: "executive" }, payload: { post: key }, stepId: key, idempotencyKey: key });
    const [yes, no] = [await ask("yes"), await ask("no")];
    for (const { approvalId } of [yes, no])
      await until("edward has both", async () => (await edward.call("inbox.read", { id: approvalId })).kind === "approval");

    const wrong = await edward.gaggle(["--json", "approve", yes.approvalId, "--passphrase-stdin"], "not the passphrase\n");
    expect([wrong.code, errorOf(wrong).code]).toEqual([1, "CREDENTIAL_INVALID"]);
    const approved = await edward.gaggle(["approve", yes.approvalId, "--reason", "Fine.", "--passphrase-stdin"], `${PASSPHRASE}\n`);
    expect(approved.stdout).toContain('"post": "yes"');
    expect(approved.code).toBe(0);
    expect((await edward.gaggle(["reject", no.approvalId, "--passphrase-stdin"], `${PASSPHRASE}\n`)).code).toBe(0);
    const state = async (id: string) => (json(await fiona.gaggle(["--json", "status", id])) as { state: string }).state;
    await until("fiona has both", async () => (await state(yes.approvalId)) === "APPROVED" && (await state(no.approvalId)) === "REJECTED");
    const again = await edward.gaggle(["--json", "reject", yes.approvalId, "--passphrase-stdin"], `${PASSPHRASE}\n`);
    expect([again.code, errorOf(again).code]).toEqual([1, "STATE_CONFLICT"]);
  });
});

describe("gaggle policy and audit", () => {
  it("tell what one may do, and end with 1 for what one may not", async () => {
    expect(await said(fiona, "policy", "whoami")).toContain("role finance");
    expect(await said(fiona, "policy", "check", "task.send", "--target", "hr", "--resource", "payroll-accrual")).toMatch(/^allowed: /);
    const denied = await marco.gaggle(["policy", "check", "task.send", "--target", "hr", "--resource", "payroll-accrual"]);
    expect(denied.code).toBe(1);
    expect(denied.stdout).toMatch(/^denied: /);
  });

  it("say why something was denied, draft a policy that allows it, and show what that would change, before anything is signed", async () => {
    for (const agent of [marco, edward]) await said(agent, "status");
    await world.meet(["marco.diaz", "edward.lindqvist"]);
    const refused = await marco.gaggle(["--json", "send", "Hello.", "--role", "executive"]);
    expect(errorOf(refused).code).toBe("POLICY_DENIED");
    const event = (await marco.audit("message.send")).findLast(({ result }) => result === "denied");
    const why = await said(marco, "policy", "explain", event?.target.replace("envelope:", "") ?? "");
    expect(why).toMatch(/marco\.diaz \(marketing\) → edward\.lindqvist \(executive\): task\.send/);
    expect(why).toMatch(/denied[\s\S]*These came closest:[\s\S]*it would have to hold that/);
    expect(await said(marco, "policy", "test", "--dir", world.orgDir)).toContain("tests pass");

    const { permits, draft } = json(await marco.gaggle(["--json", "policy", "suggest"])) as { permits: number; draft: string };
    expect(permits).toBeGreaterThan(0);
    expect(draft).toContain('permit (principal in Role::"marketing", action == Action::"task.send", resource)');
    const candidate = join(world.dir, "candidate");
    cpSync(join(world.orgDir, "profiles", "policies"), candidate, { recursive: true });
    writeFileSync(join(candidate, "draft.cedar"), draft);
    const { differences } = json(await marco.gaggle(["--json", "policy", "shadow", candidate])) as { differences: object[] };
    expect(differences.length).toBeGreaterThan(0);
    for (const one of differences)
      expect(one).toMatchObject({ question: { action: "task.send" }, before: { allowed: false }, after: { allowed: true } });
    expect(errorOf(await marco.gaggle(["--json", "send", "Hello.", "--role", "executive"])).code).toBe("POLICY_DENIED");
  });

  it("collect, export and verify the trail of everything above, and find an altered byte", async () => {
    for (const agent of [fiona, marco, edward])
      await until("all is collected", async () => /^(\d+) of \1 /.test(await said(agent, "audit", "ship")));
    const file = join(world.dir, "audit.ndjson");
    await said(edward, "audit", "export", file);
    expect(await said(edward, "audit", "verify", file, "--root", edward.config.rootFingerprint)).toContain("The audit export verifies.");
    writeFileSync(file, readFileSync(file, "utf8").replace("fiona.berg", "fiona.bergs"));
    const broken = await edward.gaggle(["audit", "verify", file]);
    expect(broken.code).toBe(1);
    expect(broken.stdout).toMatch(/broken {2}line \d+/);
    expect(broken.stderr).toContain("AUDIT_BROKEN");
    const denied = await marco.gaggle(["--json", "audit", "export", file]);
    expect([denied.code, errorOf(denied).code]).toEqual([1, "POLICY_DENIED"]);
  });
});

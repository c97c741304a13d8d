/** A day of people in an organisation: their own real Goose, real daemons and a real bootstrap node; only the model is scripted. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { orgApprover } from "../../mesh/cli/org/org-approver.ts";
import { createOutput } from "../../mesh/cli/output.ts";
import { acpChat } from "../support/acp-chat.ts";
import { type DaemonWorld, foundWorld } from "../support/daemon-world.ts";
import { until } from "../support/until.ts";
import { idIn, OWN_CONFIG, type PersonsDesk, personsDesk } from "../support/persons-desk.ts";
import type { ScriptTurn } from "../support/scripted-model.ts";

const PASSPHRASE = "correct horse battery staple";
const PEOPLE = { "fiona.berg": "finance", "marco.diaz": "marketing", "edward.lindqvist": "executive" };

let world: DaemonWorld;
let fiona: PersonsDesk;
let marco: PersonsDesk;
let edward: PersonsDesk;

beforeAll(async () => {
  world = await foundWorld({ people: PEOPLE });
  const approver = world.agent("edward.lindqvist");
  const made = await approver.gaggle(["--json", "approval-key", "--passphrase-stdin"], `${PASSPHRASE}\n`);
  const { key } = JSON.parse(made.stdout) as { key: Parameters<typeof orgApprover>[0]["key"] };
  const silent = createOutput({ write: () => undefined }, false);
  await orgApprover({ dir: world.orgDir, subject: approver.subject, role: approver.role, key, agent: approver.agentId }, silent);
  await world.sign();
  fiona = await personsDesk(world.agent("fiona.berg"));
  marco = await personsDesk(world.agent("marco.diaz"));
  edward = await personsDesk(approver);
});
afterAll(() => world?.close());

/** Every daemon runs, started by a command where none did, and sees the others. */
async function everyoneIsThere(): Promise<void> {
  for (const { agent } of [fiona, marco, edward]) await agent.gaggle(["status"]);
  await world.meet(Object.keys(PEOPLE));
}

const call = (tool: string, input: object = {}): ScriptTurn => ({ calls: [{ tool, input }] });
/** A call with the id of what came last. */
const callWithId = (tool: string, name: string, input: object = {}): ScriptTurn => {
  return (results) => ({ calls: [{ tool, input: { ...input, [name]: idIn(results.at(-1), name) } }] });
};
const forMarketing = { targetRole: "marketing", task: "Tell the booth's size.", context: { hall: "number 7" } };

/** Fiona sends a task to marketing in a chat; gives its id once Marco's machine has it. */
async function sendToMarco(): Promise<string> {
  const { results } = await fiona.chat([call("mesh__send_task", forMarketing)]);
  const taskId = idIn(results[0], "taskId");
  await until("marco has the task", async () => (await marco.agent.call("inbox.read", { id: taskId })).kind === "task");
  return taskId;
}

/** What Fiona's Goose is told about a task, once it is in this state. */
async function statusAtFiona(taskId: string, state: string): Promise<string> {
  await until(`the task is ${state}`, async () => {
    const view = await fiona.agent.call("status.fetch", { id: taskId });
    return view.kind === "task" && view.state === state;
  });
  const { results } = await fiona.chat([call("mesh__fetch_status", { id: taskId })]);
  return results[0] ?? "";
}

describe("gaggle setup", () => {
  it("shows with --print what it would write, and writes nothing", async () => {
    const before = readFileSync(marco.goose.configFile, "utf8");
    const { code, stdout } = await marco.agent.gaggle(["setup", "--print"]);
    expect(code).toBe(0);
    expect(stdout).toContain(join("dist", "extensions", "mesh.js"));
    expect(readFileSync(marco.goose.configFile, "utf8")).toBe(before);
  });

  it("leaves the person's entries and comments in place, and everything as it was after --remove", async () => {
    for (const line of OWN_CONFIG.split("\n").filter((text) => /#|notes/.test(text))) {
      expect(readFileSync(marco.goose.configFile, "utf8")).toContain(line.replace(/^GOOSE_PROVIDER: \w+/, "GOOSE_PROVIDER: privacy_guard"));
    }
    expect((await marco.agent.gaggle(["setup", "--remove"])).code).toBe(0);
    expect(readFileSync(marco.goose.configFile, "utf8")).toBe(OWN_CONFIG);
    expect((await marco.agent.gaggle(["setup"])).code).toBe(0);
  });
});

describe("on a machine where no daemon runs", () => {
  /** Each of Goose's extensions starts one; those that did not get the home end by themselves. */
  const oneDaemonAt = ({ agent }: PersonsDesk) => until("one daemon is left", () => agent.daemonPids().length === 1);

  it("a chat starts it, and is told who it is and whom it may ask", async () => {
    expect(fiona.agent.daemonPids()).toEqual([]);
    const { code, results, stderr } = await fiona.chat([
      call("policy__whoami"),
      call("policy__check", { action: "task.send", targetRole: "marketing" }),
      call("policy__check", { action: "task.send", targetRole: "legal" }),
    ]);
    expect(code, stderr).toBe(0);
    await oneDaemonAt(fiona);
    expect(results).toEqual([
      // The model knows its own person by a token.
      expect.stringMatching(/^This is the agent of PERSON_\w+/),
      expect.stringMatching(/^Allowed/),
      expect.stringMatching(/^Not allowed/),
    ]);
  });

  it("so does a conversation in a terminal", async () => {
    await marco.agent.kill();
    marco.model.play([call("policy__whoami"), { say: "You are Marco." }]);
    const { stdout, stderr } = await marco.goose.run(["session"], marco.env, 90_000, "Who am I?\n/exit\n");
    expect(marco.model.results()[0], stdout + stderr).toMatch(/^This is the agent of PERSON_\w+/);
    expect(stdout).toContain("You are Marco.");
    await oneDaemonAt(marco);
  });
});

describe("a daemon that is killed", () => {
  beforeAll(everyoneIsThere);

  it("in the middle of a tool call is back, and the chat goes on", async () => {
    const taskId = await sendToMarco();
    const [before] = fiona.agent.daemonPids();
    const waiting = async (): Promise<boolean> => (await fiona.agent.audit("tool.call")).at(-1)?.target === "tool:mesh__fetch_status";
    const chat = fiona.chat([call("mesh__fetch_status", { id: taskId, waitSeconds: 10 }), call("mesh__list_inbox"), { say: "Fine." }]);
    await until("the tool waits for news", waiting);
    await fiona.agent.kill();
    // The news that it waits for.
    await marco.agent.call("inbox.accept", { taskId });
    const { code, stdout, results } = await chat;
    expect({ code, stdout: stdout.trim() }).toEqual({ code: 0, stdout: expect.stringContaining("Fine.") });
    expect(results).toEqual([expect.stringContaining(taskId), expect.stringContaining("inbox")]);
    expect(fiona.agent.daemonPids()).not.toContain(before);
  });
});

describe("a task without a skill", () => {
  beforeAll(everyoneIsThere);

  it("waits in the colleague's inbox, and its result comes back", async () => {
    const taskId = await sendToMarco();
    const inbox = await marco.agent.gaggle(["inbox"]);
    expect(inbox).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/SUBMITTED +task from fiona\.berg \(finance\): Tell the booth's size/),
    });
    const { results } = await marco.chat([
      call("mesh__list_inbox", { kind: "task" }),
      call("mesh__read_inbox_item", { id: taskId }),
      call("mesh__accept_task", { taskId }),
      callWithId("mesh__complete_task", "taskId", { result: { squareMetres: 24 } }),
    ]);
    expect(results).toEqual([
      expect.stringContaining(taskId),
      expect.stringContaining("number 7"),
      expect.stringContaining("WORKING"),
      expect.stringContaining("COMPLETED"),
    ]);
    expect(await statusAtFiona(taskId, "COMPLETED")).toContain("squareMetres");
  });

  it("can be asked back about, answered and then completed", async () => {
    const taskId = await sendToMarco();
    await marco.chat([call("mesh__accept_task", { taskId }), call("mesh__ask_back", { taskId, question: "Of which year?" })]);
    expect(await statusAtFiona(taskId, "INPUT_REQUIRED")).toContain("Of which year?");
    const answered = await fiona.chat([call("mesh__answer_task", { taskId, answer: "Of 2026." })]);
    expect(answered.results[0]).toContain(taskId);
    await until("marco has the answer", async () => {
      const item = await marco.agent.call("inbox.read", { id: taskId });
      return item.kind === "task" && item.state === "WORKING";
    });
    const { results } = await marco.chat([
      call("mesh__read_inbox_item", { id: taskId }),
      call("mesh__complete_task", { taskId, result: { squareMetres: 30 } }),
    ]);
    expect(results[0]).toContain("Of 2026.");
    expect(await statusAtFiona(taskId, "COMPLETED")).toContain("30");
  });

  it("can be taken back, and be refused with a reason", async () => {
    const [cancelled, refused] = [await sendToMarco(), await sendToMarco()];
    await fiona.chat([call("mesh__cancel_task", { taskId: cancelled, reason: "Solved." })]);
    await until("marco knows", async () => {
      const item = await marco.agent.call("inbox.read", { id: cancelled });
      return item.kind === "task" && item.state === "CANCELED";
    });
    const { results } = await marco.chat([
      call("mesh__accept_task", { taskId: cancelled }),
      call("mesh__reject_task", { taskId: refused, reason: "Ask the agency." }),
    ]);
    expect(results[0]).toMatch(/^STATE_CONFLICT: /);
    expect(await statusAtFiona(refused, "REJECTED")).toContain("Ask the agency.");
    expect((await marco.agent.gaggle(["inbox"])).stdout).not.toContain(cancelled);
  });

  it("can be a mere message", async () => {
    const { results } = await fiona.chat([
      call("mesh__notify", { targetRole: "marketing", message: "October is closed.", severity: "warning" }),
    ]);
    expect(results[0]).toMatch(/^The message is/);
    await until("it shows", async () =>
      (await marco.agent.gaggle(["inbox"])).stdout.includes("warning  fiona.berg (finance): October is closed."),
    );
  });
});

describe("an approval", () => {
  beforeAll(everyoneIsThere);

  const request = call("mesh__request_approval", { targetRole: "executive", stepId: "pay", payload: { invoice: "R-17", total: "120.00" } });
  const stateOf = async (approvalId: string): Promise<string> => {
    const view = await fiona.agent.call("status.fetch", { id: approvalId });
    return view.kind === "approval" ? view.state : "";
  };
  const askEdward = async (): Promise<string> => {
    const { results } = await fiona.chat([request]);
    const approvalId = idIn(results[0], "approvalId");
    await until("edward is asked", async () => (await edward.agent.gaggle(["inbox"])).stdout.includes(approvalId));
    return approvalId;
  };

  it("is explained by the executive's Goose and signed by the person with `gaggle approve`", async () => {
    const approvalId = await askEdward();
    const { results } = await edward.chat([call("mesh__list_inbox", { kind: "approval" }), call("mesh__open_approval", { approvalId })]);
    expect(results[1]).toContain("R-17");
    expect(results[1]).toContain(`gaggle approve ${approvalId}`);
    const wrong = await edward.agent.gaggle(["approve", approvalId, "--passphrase-stdin"], "not the passphrase\n");
    expect(wrong).toMatchObject({ code: 1, stderr: expect.stringMatching(/passphrase/i) });
    expect(await stateOf(approvalId)).toBe("PENDING");
    const signed = await edward.agent.gaggle(["approve", approvalId, "--passphrase-stdin"], `${PASSPHRASE}\n`);
    expect(signed).toMatchObject({ code: 0, stdout: expect.stringMatching(/R-17[\s\S]*Approved and signed/) });
    await until("fiona has the decision", async () => (await stateOf(approvalId)) === "APPROVED");
    expect((await fiona.chat([call("mesh__fetch_status", { approvalId })])).results[0]).toContain("APPROVED");
  });

  it("can be rejected with a reason, once", async () => {
    const approvalId = await askEdward();
    const args = ["--reason", "Too dear.", "--passphrase-stdin"];
    expect((await edward.agent.gaggle(["reject", approvalId, ...args], `${PASSPHRASE}\n`)).code).toBe(0);
    await until("fiona has the decision", async () => (await stateOf(approvalId)) === "REJECTED");
    expect((await fiona.chat([call("mesh__fetch_status", { approvalId })])).results[0]).toContain("Too dear.");
    const again = await edward.agent.gaggle(["approve", approvalId, ...args], `${PASSPHRASE}\n`);
    expect(again).toMatchObject({ code: 1, stderr: expect.stringContaining("STATE_CONFLICT") });
  });
});

describe("the privacy guard", () => {
  it("finds, masks and restores in a chat, and the model sees no address", async () => {
    const text = "Write to ada@example.com.";
    const { results } = await fiona.chat([
      call("privacy-guard__detect", { text }),
      call("privacy-guard__process", { text }),
      (before) => ({
        calls: [{ tool: "privacy-guard__restore", input: { masked: idIn(before[1], "masked"), mapRef: idIn(before[1], "mapRef") } }],
      }),
    ]);
    expect(results[0]).toContain('"label":"EMAIL"');
    // The guard before the model stands in between: it marks the token as one that it did not make, and masks what was restored.
    expect(results[1]).toMatch(/"masked":"Write to LITERAL_\w+\."/);
    expect(results[2]).toMatch(/"text":"Write to EMAIL_\w+\."/);
    expect(JSON.stringify(fiona.model.requests)).not.toContain("ada@example.com");
  });
});

describe("what goes wrong", () => {
  beforeAll(everyoneIsThere);

  const stranger = `12D3KooW${"A".repeat(44)}`;
  it.each([
    [
      "an agent that nobody knows",
      call("mesh__send_task", { agentId: stranger, task: "x" }),
      /^(NO_ROUTE|INVALID_INPUT): .*(list_agents|gaggle peers)/,
    ],
    ["a role that policy keeps apart", call("mesh__send_task", { targetRole: "legal", task: "x" }), /^(POLICY_DENIED|NO_ROUTE): /],
    ["a task that there is not", call("mesh__fetch_status", { id: "01890000-0000-7000-8000-000000000000" }), /^NOT_FOUND: /],
    ["a task of nobody's inbox", call("mesh__accept_task", { taskId: "01890000-0000-7000-8000-000000000000" }), /^NOT_FOUND: /],
  ])("%s is told to the model with the fix", async (_name, turn, expected) => {
    const { results } = await fiona.chat([turn]);
    expect(results[0]).toMatch(expected);
  });
});

describe("a tool that the policy denies", () => {
  const touch = (file: string): ScriptTurn => call("shell", { command: `touch ${join(fiona.goose.root, file)}` });

  it("is not run by `goose run` in auto mode, and the refusal names the policy", async () => {
    const { results } = await fiona.chat([touch("escaped-run"), call("delegate", { instructions: "touch it for me" })]);
    expect(existsSync(join(fiona.goose.root, "escaped-run"))).toBe(false);
    for (const result of results) expect(result).toMatch(/polic/i);
  });

  it("is not run over ACP in auto mode either", async () => {
    fiona.model.play([touch("escaped-acp"), call("delegate", { instructions: "touch it for me" }), call("policy__whoami")]);
    const env = { ...fiona.goose.env, ...fiona.env };
    const { stopReason, permissionsAsked } = await acpChat({ env, cwd: fiona.goose.root, mode: "auto", prompt: "Go." });
    expect({ stopReason, permissionsAsked }).toEqual({ stopReason: "end_turn", permissionsAsked: 0 });
    expect(existsSync(join(fiona.goose.root, "escaped-acp"))).toBe(false);
    const [shell, delegate, me] = fiona.model.results();
    expect(shell).toMatch(/polic/i);
    expect(delegate).toMatch(/polic/i);
    expect(me).toContain("This is the agent of");
  });
});

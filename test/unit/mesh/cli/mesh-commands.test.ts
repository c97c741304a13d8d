import { describe, expect, it } from "vitest";
import { saveFiles } from "../../../../mesh/cli/artifact-commands.ts";
import { type DaemonCalls, showInbox, showStatus } from "../../../../mesh/cli/mesh-commands.ts";
import { cancelMessage, retryDead, showDead, showOutbox } from "../../../../mesh/cli/outbox.ts";
import { createOutput } from "../../../../mesh/cli/output.ts";
import { readChoices, sendTask, showRecord } from "../../../../mesh/cli/send-task.ts";
import type { DaemonResult, TaskView } from "../../../../mesh/contract/daemon-api.ts";
import type { SessionView } from "../../../../mesh/contract/session.ts";
import type { TaskState } from "../../../../mesh/contract/message.ts";
import { captureOutput } from "../../../support/captured-output.ts";
import { idleStatus } from "../../../support/idle-status.ts";

const ESCAPE = "\u001b";
const TASK = "0190b0c8-0000-7000-8000-000000000000";
const marco = { agentId: `12D3KooW${"B".repeat(44)}`, subject: "marco.diaz", role: "marketing", department: "marketing" };

const view = (state: TaskState, change: Partial<TaskView> = {}): TaskView => ({
  kind: "task",
  taskId: TASK,
  side: "asker",
  peer: marco,
  state,
  task: "October",
  context: {},
  createdAt: "2026-10-31T08:00:00.000Z",
  updatedAt: "2026-10-31T08:00:00.000Z",
  history: [{ at: "2026-10-31T08:00:00.000Z", state: "SUBMITTED" }],
  ...change,
});

/** A daemon that gives prepared answers, one after the other, and writes down what it was asked. */
function daemonWith(...answers: unknown[]) {
  const asked: [method: string, params: unknown][] = [];
  const call = (async (method: string, params: unknown) => {
    asked.push([method, params]);
    return answers.shift();
  }) as DaemonCalls["call"];
  return { asked, call };
}

const request = { target: { targetRole: "marketing" }, task: "October", context: {}, idempotencyKey: "k" };
const sent = { taskId: TASK, agentId: marco.agentId, state: "SUBMITTED" };

describe("gaggle status", () => {
  const status = (bootstrap: DaemonResult<"daemon.status">["bootstrap"]) => ({
    ...marco,
    ...idleStatus("2026-10-31T08:00:00.000Z"),
    pid: 1,
    bootstrap,
    peersConnected: 0,
  });
  const url = "http://127.0.0.1:4870";

  it.each([
    ["not asked yet", { url, reachable: false, asked: false }],
    ["reachable", { url, reachable: true, asked: true }],
    ["not reachable; work with known colleagues goes on", { url, reachable: false, asked: true }],
    ["refuses this agent (REVOKED); see gaggle doctor", { url, reachable: true, asked: true, refused: "REVOKED" }],
  ])("says of the bootstrap node: %s", async (words, bootstrap) => {
    const { out, text } = captureOutput();
    await showStatus(daemonWith(status(bootstrap)), out, Date.parse("2026-10-31T09:00:00.000Z"));
    expect(text()).toContain(`  bootstrap node  ${url} ${words}\n`);
  });
});

describe("gaggle send", () => {
  it("without waiting gives the id, and asks nothing more", async () => {
    const { out, text } = captureOutput();
    const daemon = daemonWith(sent);
    await sendTask(daemon, out, { ...request, wait: false });
    expect(text()).toContain(`gaggle status ${TASK}`);
    expect(daemon.asked).toEqual([["task.send", request]]);
  });

  it("waiting tells each new state once, and gives the result", async () => {
    const { out, text } = captureOutput();
    const daemon = daemonWith(sent, view("SUBMITTED"), view("SUBMITTED"), view("WORKING"), view("COMPLETED", { result: { n: 1 } }));
    await sendTask(daemon, out, { ...request, wait: true });
    expect(text().match(/SUBMITTED|WORKING|COMPLETED/g)).toEqual(["SUBMITTED", "WORKING", "COMPLETED"]);
    expect(text()).toContain('"n": 1');
    expect(daemon.asked.slice(1, 3)).toEqual([
      ["status.fetch", { id: TASK, waitMs: 0 }],
      ["status.fetch", { id: TASK, waitMs: 20_000 }],
    ]);
  });

  it.each(["FAILED", "REJECTED", "CANCELED"] as const)("fails where the task ends as %s, with what the colleague said", async (state) => {
    const { out, result } = captureOutput(true);
    const sending = sendTask(daemonWith(sent, view(state, { message: "No." })), out, { ...request, wait: true });
    await expect(sending).rejects.toMatchObject({ code: "EXECUTOR_FAILED", message: `The task ended as ${state} at marco.diaz. No.` });
    expect(result()).toMatchObject({ state });
  });
});

const word = (seq: number, note: string) => ({ progress: { seq, note, fraction: seq / 10, at: "2026-10-31T08:00:00.000Z" } });

describe("the progress of a task", () => {
  it("is a line that is redrawn in a terminal, and what stays is the end", async () => {
    const raw: string[] = [];
    const out = createOutput({ write: (text: string) => void raw.push(text), isTTY: true, columns: 60 }, false);
    const daemon = daemonWith(
      sent,
      view("WORKING"),
      view("WORKING", word(1, "Uses ledger__accruals. ".repeat(9))),
      view("COMPLETED", { result: 1 }),
    );
    await sendTask(daemon, out, { ...request, wait: true });
    expect(raw).toHaveLength(4);
    expect(raw[1]?.startsWith(`\r${ESCAPE}[2K`)).toBe(true);
    expect(raw[1]).not.toContain("\n");
    expect(raw[1]?.length).toBeLessThanOrEqual(59 + 5);
    expect(raw[2]).toMatch(/COMPLETED\n$/);
  });

  it("is a line for each change where there is no terminal", async () => {
    const { out, text } = captureOutput();
    const daemon = daemonWith(
      sent,
      view("WORKING", word(1, "one")),
      view("WORKING", word(1, "one")),
      view("WORKING", word(2, "two")),
      view("COMPLETED"),
    );
    await sendTask(daemon, out, { ...request, wait: true });
    expect(text().match(/one \(10 %\)|two \(20 %\)/g)).toEqual(["one (10 %)", "two (20 %)"]);
  });

  it("is one JSON document a line for programs, the whole task in the last", async () => {
    const { out, text } = captureOutput(true);
    await sendTask(daemonWith(sent, view("WORKING", word(1, "one")), view("COMPLETED", { result: 7 })), out, { ...request, wait: true });
    const lines = text()
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(lines).toMatchObject([
      { state: "WORKING", progress: { note: "one" } },
      { state: "COMPLETED", result: 7, task: "October" },
    ]);
    expect(lines[0]).not.toHaveProperty("task");
  });
});

describe("gaggle status of a task", () => {
  it("says in words who, how it stands since when, where it is, how far, and what came of it", async () => {
    const { out, text } = captureOutput();
    const now = Date.parse("2026-10-31T08:02:00.000Z");
    const history = [
      { at: "2026-10-31T08:00:00.000Z", state: "SUBMITTED" },
      { at: "2026-10-31T08:01:00.000Z", state: "WORKING" },
      { at: "2026-10-31T08:01:30.000Z", state: "WORKING", note: "read" },
    ];
    await showRecord(
      daemonWith(view("WORKING", { ...word(3, "Uses ledger__accruals."), history, delivery: "stored", skill: "accruals" })),
      out,
      TASK,
      now,
    );
    for (const words of [
      /asked of +marco\.diaz \(marketing\)/,
      /WORKING for 1 min/,
      /delivery +delivered/,
      /Uses ledger__accruals\. \(30 %\)/,
    ])
      expect(text()).toMatch(words);
    const asked = captureOutput();
    await showRecord(daemonWith(view("INPUT_REQUIRED", { message: "Which year?", delivery: "stored" })), asked.out, TASK, now);
    expect(asked.text()).toMatch(/asks +Which year\?[\s\S]*gaggle answer 0190b0c8/);
    const ended = captureOutput();
    await showRecord(daemonWith(view("COMPLETED", { result: { n: 1 }, spent: { tokens: 1200, usd: "0.5" } })), ended.out, TASK, now);
    expect(ended.text()).toMatch(/used +1200 tokens, 0\.5 USD[\s\S]*"n": 1/);
  });
});

describe("gaggle send with a wrong choice", () => {
  const good = { priority: "P2" };
  it.each([
    [{ priority: "P9" }, "--priority is P0 (most urgent), P1, P2 or P3."],
    [{ ...good, start: "yesterday" }, "--start is a time with its zone"],
    [{ ...good, expires: "2026-11-02" }, "--expires is a time with its zone"],
  ])("names the option as it is typed: %o", (given, words) => {
    expect(() => readChoices(given)).toThrow(expect.objectContaining({ code: "INVALID_INPUT", message: expect.stringContaining(words) }));
    expect(readChoices({ ...good, start: "2026-11-02T08:00:00+01:00" })).toEqual({ priority: "P2", startAt: "2026-11-02T08:00:00+01:00" });
  });
});

describe("gaggle inbox of one item", () => {
  const shown = async (item: object): Promise<string> => {
    const { out, text } = captureOutput();
    await showInbox(daemonWith(item), out, { id: TASK, all: false });
    return text();
  };
  const approval = { kind: "approval", approvalId: TASK, peer: marco, payloadHash: "a".repeat(64), payload: { total: 1 }, history: [] };

  it("says what a person can do about it, and nothing where there is nothing to do any more", async () => {
    expect(await shown(view("SUBMITTED", { side: "worker" }))).toContain(`gaggle inbox complete ${TASK} --result`);
    expect(await shown(view("COMPLETED", { side: "worker" }))).not.toContain("gaggle inbox complete");
    expect(await shown({ ...approval, side: "approver", state: "PENDING" })).toContain(`gaggle approve ${TASK}  or  gaggle reject ${TASK}`);
    expect(await shown({ ...approval, side: "approver", state: "APPROVED" })).not.toContain("gaggle approve");
  });
});

describe("gaggle status of a task that was asked of several", () => {
  it.each([
    [{ mode: "all" as const }, "everybody to complete it"],
    [{ mode: "any" as const }, "whoever accepts it first"],
    [{ mode: "quorum" as const, n: 2 }, "2 to complete it"],
  ])("names all of them, what it needs, and how each stands: %o", async (mode, needs) => {
    const ingrid = { ...marco, subject: "ingrid.sandberg" };
    const child = (peer: typeof marco, state: TaskState) => ({ taskId: TASK, peer, state });
    const group = { ...mode, children: [child(marco, "WORKING"), child(ingrid, "SUBMITTED")] };
    const { out, text } = captureOutput();
    await showRecord(daemonWith(view("WORKING", { group, result: [] })), out, TASK, Date.parse("2026-10-31T08:02:00.000Z"));
    expect(text()).not.toContain("[]");
    expect(text()).toContain("asked of   marco.diaz (marketing), ingrid.sandberg (marketing)\n");
    expect(text()).toContain(`needs      ${needs}`);
    expect(text()).toContain(`part       ${TASK} ingrid.sandberg SUBMITTED\n`);
  });
});

describe("a session in words", () => {
  it("says who owns it, who takes part and has what, and how its tasks stand; nothing that a colleague wrote steers the terminal", async () => {
    const session: SessionView = {
      sessionId: TASK,
      state: "OPEN",
      mine: "owner",
      participation: "joined",
      owner: { ...marco, subject: "fiona.berg", role: "finance" },
      epoch: 1,
      purpose: `Close${ESCAPE}[2J October`,
      scope: {},
      createdAt: "2026-10-31T08:00:00.000Z",
      expiresAt: "2026-11-07T08:00:00.000Z",
      participants: [{ ...marco, state: "joined", shards: [{ id: "plan", version: 2, delivery: "queued" }] }],
      shards: [{ id: "plan", version: 2, title: "Plan", classes: ["internal"], visibility: {}, bytes: 12 }],
      handingTo: marco,
      offered: false,
      totals: { tasks: { WORKING: 2, COMPLETED: 1 }, openQuestions: 1, approvalsPending: 0, spent: { tokens: 40, usd: "0.01" }, agents: 2 },
    };
    const { out, text } = captureOutput();
    await showRecord(daemonWith({ kind: "session", sessionId: TASK, session, tasks: [], approvals: [] }), out, TASK, 0);
    for (const words of [
      /owner +fiona\.berg \(finance\), you/,
      /offered to marco\.diaz/,
      /2 WORKING, 1 COMPLETED; 1 open questions/,
      /40 tokens, 0\.01 USD/,
    ])
      expect(text()).toMatch(words);
    expect(text()).toMatch(/marco\.diaz +marketing +joined +plan@2 \(queued\)/);
    expect(text()).toContain("Close\\u001b[2J October");
  });
});

describe("lists", () => {
  it("say when there is nothing", async () => {
    const { out, text } = captureOutput();
    await showInbox(daemonWith({ items: [] }), out, { all: false });
    await showOutbox(daemonWith({ items: [], total: 0 }), out, 0);
    await showDead(daemonWith({ items: [], total: 0 }), out);
    expect(text().trim().split("\n")).toEqual(["Nothing waits for you.", "Everything has been delivered.", "There are no dead letters."]);
  });

  it("for programs are the items alone, also when there are none", async () => {
    const { out, result } = captureOutput(true);
    await showInbox(daemonWith({ items: [] }), out, { all: true });
    expect(result()).toEqual([]);
  });

  it("show a session with all its tasks and approvals", async () => {
    const { out, text } = captureOutput();
    const session = { kind: "session", sessionId: "s", tasks: [view("WORKING"), view("COMPLETED", { side: "worker" })], approvals: [] };
    await showRecord(daemonWith(session), out, "s", 0);
    expect(text()).toBe(
      `${TASK}  WORKING  task for marco.diaz (marketing): October\n${TASK}  COMPLETED  task from marco.diaz (marketing): October\n`,
    );
  });
});

describe("what colleagues wrote", () => {
  it("can't steer the terminal that shows it", async () => {
    const evil = `${ESCAPE}[2J${ESCAPE}]0;gone\u0007\rapproved`;
    const raw: string[] = [];
    const out = createOutput({ write: (text: string) => void raw.push(text) }, false);
    await showRecord(daemonWith(view("COMPLETED", { task: evil, history: [{ at: "t", state: "WORKING", note: evil }] })), out, TASK, 0);
    await showInbox(daemonWith({ ...view("SUBMITTED", { side: "worker", task: evil, context: { evil } }) }), out, { id: TASK, all: false });
    await showInbox(
      daemonWith({ items: [{ kind: "notification", id: TASK, peer: marco, message: evil, severity: "info", createdAt: "t" }] }),
      out,
      {
        all: false,
      },
    );
    // The command's own colours are the only controls that may be there.
    const shown = raw.join("\n").replaceAll(new RegExp(`${ESCAPE}\\[\\d+m`, "g"), "");
    expect([...shown].filter((character) => character < " " && character !== "\n")).toEqual([]);
    expect(raw.join("")).toContain("approved");
  });
});

describe("gaggle outbox and gaggle dead", () => {
  const item = { id: TASK, to: marco.agentId, type: "task.request", priority: "P2", attempts: 3, createdAt: "2026-11-02T08:00:00.000Z" };
  const now = Date.parse("2026-11-02T08:01:00.000Z");
  const agents = { agents: [marco] };

  it("say in words what waits, for whom, since when, how often it was tried, and where else it lies", async () => {
    const { out, text } = captureOutput();
    const waiting = { ...item, lastError: "PEER_UNREACHABLE", nextAttemptAt: "2026-11-02T08:01:30.000Z", depositedAt: item.createdAt };
    await showOutbox(daemonWith({ items: [waiting], total: 3 }, agents), out, now);
    expect(text()).toMatch(
      /task +P2 +marco\.diaz \(marketing\) +1 min +tried 3 times \(PEER_UNREACHABLE\), again in 30\.0 s, also waits, sealed/,
    );
    expect(text()).toContain("and 2 more");
  });

  it("name the reason of a dead letter, and how to send it again", async () => {
    const { out, text } = captureOutput();
    await showDead(daemonWith({ items: [{ ...item, lastError: "ENVELOPE_EXPIRED" }], total: 1 }, agents), out);
    expect(text()).toMatch(/marco\.diaz[\s\S]*ENVELOPE_EXPIRED[\s\S]*gaggle dead retry --all/);
  });

  it("say whether a message was taken back or only its task canceled, and what was sent again", async () => {
    const { out, text } = captureOutput();
    await cancelMessage(daemonWith({ withdrawn: true }), out, TASK);
    await cancelMessage(daemonWith({ withdrawn: false }), out, TASK);
    await retryDead(daemonWith({ ok: true }), out, TASK);
    await retryDead(daemonWith({ sent: 2, kept: 1 }), out, undefined);
    expect(text()).toMatch(/taken back[\s\S]*asked to cancel[\s\S]*on its way[\s\S]*2 on their way again; 1 stay/);
  });
});

describe("gaggle inbox save", () => {
  const request = { taskId: TASK, to: "came", cwd: "/home/marco" };
  const refused = [{ name: `all${ESCAPE}[2J.zip`, code: "GUARD_REFUSED", reason: "It can't be looked through." }];

  it("names what was saved, what was refused and why, and what is not here yet, and ends with the code of what was refused", async () => {
    const { out, text } = captureOutput();
    const daemon = daemonWith({ saved: [{ path: "/home/marco/came/a.csv", bytes: 7 }], missing: ["b.csv"], refused });
    await expect(saveFiles(daemon, out, request)).rejects.toMatchObject({
      code: "GUARD_REFUSED",
      message: expect.stringContaining("1 of its files"),
      details: { saved: 1, refused: 1, missing: 1 },
    });
    expect(daemon.asked).toEqual([["artifact.save", { taskId: TASK, dir: "/home/marco/came" }]]);
    expect(text()).toMatch(/came\/a\.csv {2}7 B\nall\\u001b\[2J\.zip {2}not saved: It can't be looked through\.\nb\.csv {2}not here yet\n/);
  });

  it("ends well where all are saved, and not where one is away", async () => {
    await saveFiles(daemonWith({ saved: [{ path: "/a.csv", bytes: 7 }], missing: [] }), captureOutput().out, request);
    const away = saveFiles(daemonWith({ saved: [], missing: ["b.csv"] }), captureOutput().out, request);
    await expect(away).rejects.toMatchObject({ code: "PEER_UNREACHABLE" });
  });
});

/**
 * Approvals by several people and up the org chart, between running daemons: who signs, who counts, and what comes with it to whoever acts. Real processes
 * from dist/ and real signatures, in one world.
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { DaemonResult } from "../../mesh/contract/daemon-api.ts";
import { signApproval } from "../../mesh/identity/approval.ts";
import { statementOn } from "../support/approval-statement.ts";
import { type DaemonWorld, foundWorld, INSTALL_DIR, type WorldAgent } from "../support/daemon-world.ts";
import { until } from "../support/until.ts";

type Approval = Extract<DaemonResult<"status.fetch">, { kind: "approval" }>;

/**
 * How long an approval has, and how far ahead a clock is by which half of that is over. Colleagues believe clocks that differ by less than 120 s, the
 * seconds included that a hello takes between starved processes.
 */
const TIME_MS = 200_000;
const AHEAD_MS = 105_000;
/** Each daemon's guard loads its model with the first text that it looks through. */
const FIRST_LOOK_MS = 60_000;
/** For a program whose clock is ahead: Gaggle reads the time by Date.now alone. */
const AHEAD = ["--import", `data:text/javascript,let%20now=Date.now;Date.now=()=>now()+${AHEAD_MS}`] as const;
/** What finance asks of marketing has to be approved by two executives; marketing checks that itself. */
const TWO_SIGNATURES = `@id("test-two-signatures") @approval("executive") @approval_quorum("2")
permit (principal in Role::"finance", action in [Action::"task.send", Action::"task.receive"], resource)
when { context.target in Role::"marketing" && resource != Task::"accruals" };
`;
const LIST = "account,amount\nDE89370400440532013000,1250.00\n";

let world: DaemonWorld;
let fiona: WorldAgent;
let marco: WorldAgent;
let amelie: WorldAgent;
let edward: WorldAgent;
const ahead = new Set<string>();
const PEOPLE = { "fiona.berg": "finance", "marco.diaz": "marketing", "amelie.garnier": "executive", "edward.lindqvist": "executive" };

beforeAll(async () => {
  world = await foundWorld({
    people: PEOPLE,
    approvers: ["amelie.garnier", "edward.lindqvist"],
    prepare: (profiles) => writeFileSync(join(profiles, "policies", "two-signatures.cedar"), TWO_SIGNATURES),
    daemon: (subject) => ({ args: [...(ahead.has(subject) ? AHEAD : []), join(INSTALL_DIR, "dist", "gaggle.js"), "agent"], env: {} }),
  });
  [fiona, marco, amelie, edward] = Object.keys(PEOPLE).map(world.agent) as [WorldAgent, WorldAgent, WorldAgent, WorldAgent];
  await Promise.all([fiona, marco, amelie, edward].map((agent) => agent.start()));
  await world.meet(Object.keys(PEOPLE));
});
afterAll(() => world?.close());

const approvalAt = async (agent: WorldAgent, id: string): Promise<Approval> => {
  const view = await agent.call("status.fetch", { id });
  if (view.kind !== "approval") throw new Error("this is no approval");
  return view;
};

/** Signs what waits for somebody with their rostered key, once it is there, and hands it to their daemon. */
async function approve(agent: WorldAgent, approvalId: string): Promise<void> {
  const item = await until(`${agent.subject} is asked`, () => approvalAt(agent, approvalId), FIRST_LOOK_MS);
  const signer = world.approvalKeys.get(agent.subject);
  if (signer === undefined) throw new Error("the world has no such approval key");
  const by = { org: agent.config.org, subject: agent.subject, role: agent.role, now: Date.now() };
  const decision = signApproval({ signer, statement: statementOn(item, by) });
  await agent.call("approval.decide", { approvalId, decision });
}

const votesOf = ({ asked = [] }: Approval): string[] => asked.flatMap(({ to, decision }) => (decision === undefined ? [] : [to.subject]));

it("a task waits for two executives, leaves with both signatures, and its receiver counts them and gets the file that they approved", async () => {
  const path = join(world.dir, "list.csv");
  writeFileSync(path, LIST);
  const artifact = await fiona.call("artifact.add", { path });
  const { taskId, state } = await fiona.call("task.send", {
    target: { agentId: marco.agentId },
    task: "Book what is on the list.",
    artifacts: [artifact],
    idempotencyKey: "list",
  });
  expect(state).toBe("AUTH_REQUIRED");
  const waits = await until(
    "amelie is asked",
    async () => (await amelie.call("inbox.list", { kind: "approval" })).items.find((item) => JSON.stringify(item).includes(taskId)),
    FIRST_LOOK_MS,
  );
  const { approvalId } = waits as Approval;
  await approve(amelie, approvalId);
  const one = await until("the first signature is counted", async () => {
    const view = await approvalAt(fiona, approvalId);
    return votesOf(view).length > 0 && view;
  });
  expect([one.state, votesOf(one)]).toEqual(["PENDING", ["amelie.garnier"]]);
  await approve(edward, approvalId);
  await until("the task is at its receiver", () => marco.call("inbox.read", { id: taskId }), FIRST_LOOK_MS);

  expect(await approvalAt(fiona, approvalId)).toMatchObject({ state: "APPROVED", quorum: 2 });
  const checks = (await marco.audit("approval.check")).filter(({ target }) => target === `approval:${approvalId}`);
  expect(checks.map(({ result, details }) => [result, details["approver"]])).toEqual([
    ["ok", "amelie.garnier"],
    ["ok", "edward.lindqvist"],
  ]);
  const dir = join(world.dir, "saved");
  mkdirSync(dir);
  const saved = await until("the file is there", async () => (await marco.call("artifact.save", { taskId, dir })).saved[0]);
  expect(readFileSync(saved.path, "utf8")).toBe(LIST);
});

it("an executive who lets half of the time pass is passed over after a restart too: the manager above is asked, and their signature counts", async () => {
  const { approvalId } = await fiona.call("approval.request", {
    target: { agentId: amelie.agentId },
    payload: { post: "entries" },
    stepId: "post",
    deadline: new Date(Date.now() + TIME_MS).toISOString(),
    escalate: true,
    idempotencyKey: "post",
  });
  await until("amelie is asked", () => approvalAt(amelie, approvalId));
  await fiona.stop();
  ahead.add(fiona.subject);
  await fiona.start();
  const because = "amelie.garnier did not decide in half of the time left";
  await until("edward is asked as well", async () => {
    const { asked } = await approvalAt(fiona, approvalId);
    expect(asked?.map((one) => [one.to.subject, one.because])).toEqual([
      ["amelie.garnier", "asked"],
      ["edward.lindqvist", because],
    ]);
    return true;
  });
  await approve(edward, approvalId);
  const done = await until("fiona has edward's signature", async () => {
    const view = await approvalAt(fiona, approvalId);
    return view.state === "APPROVED" && view;
  });
  expect(done.approver).toEqual({ subject: "edward.lindqvist", role: "executive" });
  await until("amelie is told that it is over", async () => (await approvalAt(amelie, approvalId)).state === "ENDED");
  expect(await fiona.audit("approval.escalate")).toMatchObject([
    { target: `approval:${approvalId}`, result: "ok", details: { peerSubject: "amelie.garnier", toSubject: "edward.lindqvist", because } },
  ]);
});

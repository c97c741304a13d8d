/**
 * The sample's close with real Gooses, real recipes, the real ledger and the rehearsal model, each Goose behind a guard of its own. The mesh in between is played in memory behind
 * finance's real socket: a task runs the department's recipe in the real executor, an approval is decided as the test says.
 */
import { cpSync, existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { socketPathFor } from "../../mesh/client/socket-path.ts";
import type { Skill } from "../../mesh/contract/bundle.ts";
import type { ApprovalView, TaskView } from "../../mesh/contract/daemon-api.ts";
import { GaggleError } from "../../mesh/contract/errors.ts";
import { newUuid } from "../../mesh/contract/ids.ts";
import { canonicalHash, type JsonObject, parseJson } from "../../mesh/contract/json.ts";
import { startModelTap } from "../../mesh/demo/model-tap.ts";
import { startRehearsalModel } from "../../mesh/demo/rehearsal/rehearsal-model.ts";
import { sampleScripts } from "../../mesh/demo/rehearsal/scripts/sample-scripts.ts";
import { createExecutor, type Executor } from "../../mesh/executor/create-executor.ts";
import { prepareRun } from "../../mesh/recipe/prepare-run.ts";
import { REPOSITORY, writeProvider } from "./executor-world.ts";
import { GATEWAY_TOKEN, startGuardGateway } from "./guard-gateway.ts";
import { createRealClock, realRandom } from "./real-clock.ts";
import { type GooseRoot, gooseBinary, gooseRoot } from "./real-goose.ts";
import { startStandIn, type StandInHandlers, type StandInState } from "./stand-in-daemon.ts";
import { tempFolder } from "./temp-home.ts";

/** The departments that finance asks. */
const DEPARTMENTS = ["marketing", "engineering", "hr"] as const;
type Department = (typeof DEPARTMENTS)[number];

/** How the executive decides; `null`: not yet. */
export type Decision = "approved" | "rejected" | null;

/** Result of one of the recipes that a person starts: `month-end-close` and `review-close`. Parts of the other one are undefined. */
export type RecipeResult = Readonly<Record<string, string | string[] | undefined>>;

/** The world of one close. */
export interface CloseWorld {
  /** The sample company's files by department; finance's are also written to. */
  readonly books: string;
  /** What the model's side got; see model-tap.ts. */
  readonly modelRequests: string;
  readonly finance: GooseRoot;
  readonly state: StandInState;
  /** Departments whose recipe was run, in order. */
  readonly runs: Department[];
  /** Departments whose next run fails. */
  readonly failNext: Set<Department>;
  decide(decision: Decision): void;
  /** Runs a recipe in finance's Goose as a person would; the last message's JSON. */
  runRecipe(recipe: string, params: Readonly<Record<string, string>>): Promise<RecipeResult>;
}

const now = (): string => new Date().toISOString();
const agentIdOf = (letter: string): string => `12D3KooW${letter.repeat(44)}`;
const PEERS = {
  marketing: { agentId: agentIdOf("A"), subject: "marco.diaz", role: "marketing", department: "marketing" },
  engineering: { agentId: agentIdOf("B"), subject: "elena.novak", role: "engineering", department: "engineering" },
  hr: { agentId: agentIdOf("C"), subject: "hanna.okoye", role: "hr", department: "hr" },
  executive: { agentId: agentIdOf("D"), subject: "edward.lindqvist", role: "executive", department: "executive" },
};
const SKILLS: Readonly<Record<Department, string>> = { marketing: "accruals", engineering: "accruals", hr: "payroll-accrual" };

/** Starts the world; everything ends with the test. */
export async function closeWorld(): Promise<CloseWorld> {
  if (!existsSync(join(REPOSITORY, "dist/extensions/ledger.js"))) throw new Error("dist/ is missing: run npm run build first.");
  const folder = tempFolder();
  const books = join(folder, "books");
  for (const department of [...DEPARTMENTS, "finance"])
    cpSync(join(REPOSITORY, "profiles/sample/data", department), join(books, department), { recursive: true });
  const model = await startRehearsalModel({ scripts: sampleScripts, clock: createRealClock() });
  const home = join(folder, "home");
  mkdirSync(home);
  const state: StandInState = { sessions: new Map(), tasks: new Map(), approvals: new Map(), keys: new Map(), notes: [], asked: [] };
  const runs: Department[] = [];
  const failNext = new Set<Department>();
  let decision: Decision = "approved";
  const modelRequests = join(folder, "model-requests.jsonl");
  const tap = await startModelTap({ clock: createRealClock() }, { upstream: model.url, file: modelRequests });
  for (const agent of [...DEPARTMENTS, "finance"]) {
    const { gateway } = await startGuardGateway(tap.url);
    writeProvider(join(folder, `goose-${agent}`), `${gateway.url}/v1`, { authorization: `Bearer ${GATEWAY_TOKEN}` });
  }
  const executors = new Map(DEPARTMENTS.map((department) => [department, departmentExecutor(folder, department, books, home)]));
  const work = async (department: Department, context: JsonObject): Promise<Partial<TaskView>> => {
    runs.push(department);
    if (failNext.delete(department)) return { state: "FAILED", message: "The run was ended." };
    return runTask(executors.get(department), department, context);
  };
  const daemon = await startStandIn(socketPathFor(home), { ...taskHandler(state, work), ...approvalHandler(state, () => decision) }, state);
  onTestFinished(async () => {
    await daemon.close();
    await Promise.all([...executors.values()].map((executor) => executor.close()));
    await tap.close();
    await model.close();
  });
  const finance = gooseRoot(join(folder, "goose-finance"));
  const runRecipe: CloseWorld["runRecipe"] = async (recipe, params) => {
    const given = Object.entries(params).flatMap(([key, value]) => ["--params", `${key}=${value}`]);
    const args = ["run", "-q", "--recipe", recipe, ...given, "--no-session", "--max-turns", "60", "--output-format", "json"];
    const env = {
      GOOSE_PROVIDER: "privacy_guard",
      GOOSE_MODEL: "gaggle-rehearsal",
      GOOSE_MODE: "auto",
      GAGGLE_HOME: home,
      GAGGLE_BOOKS: join(books, "finance"),
    };
    const { stdout, stderr, code } = await finance.run(args, env, 100_000);
    return lastJson(stdout, `goose ended with ${code}: ${stderr.slice(-500)}`);
  };
  const decide = (next: Decision): void => {
    decision = next;
  };
  return { books, modelRequests, finance, state, runs, failNext, runRecipe, decide };
}

function departmentExecutor(folder: string, department: Department, books: string, home: string): Executor {
  const root = join(folder, `goose-${department}`);
  return createExecutor(
    {
      clock: createRealClock(),
      random: realRandom,
      register: { add: () => Promise.resolve(), remove: () => Promise.resolve(), list: () => Promise.resolve([]) },
      prepare: (text, context) => prepareRun({ text, context, installDir: REPOSITORY, node: process.execPath }),
      authorise: ({ tool }) => ({ allowed: tool.startsWith("ledger__"), reason: "test" }),
      registerSession: () => undefined,
      onProgress: () => undefined,
    },
    {
      goose: gooseBinary(),
      gooseRoot: root,
      workDir: join(folder, "work", department),
      model: "gaggle-rehearsal",
      env: { ...process.env, HOME: root },
      extraEnv: { GAGGLE_HOME: home, GAGGLE_BOOKS: join(books, department) },
      maxOutputBytes: 33_554_432,
    },
  );
}

async function runTask(executor: Executor | undefined, department: Department, context: JsonObject): Promise<Partial<TaskView>> {
  const recipe = `recipes/${department}/${SKILLS[department]}.yaml`;
  const skill: Skill = { id: SKILLS[department], description: "d", recipe, restart: "safe", timeoutSeconds: 60, maxTurns: 20 };
  try {
    const outcome = await executor?.run({
      taskId: newUuid(Date.now(), realRandom),
      skill,
      recipeText: readFileSync(join(REPOSITORY, recipe), "utf8"),
      task: "Report.",
      context,
      from: { subject: "fiona.berg", role: "finance" },
    });
    return outcome === undefined ? { state: "FAILED" } : { state: "COMPLETED", result: outcome.result };
  } catch (error) {
    return { state: "FAILED", message: error instanceof GaggleError ? `${error.code}: ${error.message}` : "not a GaggleError" };
  }
}

function taskHandler(
  state: StandInState,
  work: (department: Department, context: JsonObject) => Promise<Partial<TaskView>>,
): Pick<StandInHandlers, "task.send"> {
  return {
    "task.send": ({ target, task, context, idempotencyKey }) => {
      const department = DEPARTMENTS.find((one) => one === target.targetRole);
      if (department === undefined || target.skill !== SKILLS[department])
        throw new GaggleError("NO_ROUTE", "No agent matches the target.");
      const peer = PEERS[department];
      const known = state.keys.get(idempotencyKey);
      if (known !== undefined) return { taskId: known, agentId: peer.agentId, state: state.tasks.get(known)?.state ?? "SUBMITTED" };
      const taskId = newUuid(Date.now(), realRandom);
      state.keys.set(idempotencyKey, taskId);
      const view: TaskView = {
        kind: "task",
        taskId,
        side: "asker",
        peer,
        state: "SUBMITTED",
        skill: target.skill,
        task,
        context,
        delivery: "stored",
        createdAt: now(),
        updatedAt: now(),
        history: [],
      };
      state.tasks.set(taskId, view);
      void work(department, context).then((change) => state.tasks.set(taskId, { ...view, ...change, updatedAt: now() }));
      return { taskId, agentId: peer.agentId, state: "SUBMITTED" };
    },
  };
}

function approvalHandler(
  state: StandInState,
  decisionNow: () => Decision,
): Pick<StandInHandlers, "approval.request" | "status.fetch" | "approval.open"> {
  const open = (approvalId: string): ApprovalView => {
    const view = state.approvals.get(approvalId);
    if (view === undefined) throw new GaggleError("NOT_FOUND", "No such approval.");
    const decision = decisionNow();
    if (view.state === "PENDING" && decision !== null) state.approvals.set(approvalId, decided(view, decision));
    return state.approvals.get(approvalId) ?? view;
  };
  return {
    "approval.request": ({ target, payload, stepId, idempotencyKey }) => {
      if (target.targetRole !== "executive") throw new GaggleError("NO_ROUTE", "No agent matches the target.");
      const payloadHash = canonicalHash(payload);
      const known = state.keys.get(idempotencyKey);
      if (known !== undefined) return { approvalId: known, agentId: PEERS.executive.agentId, payloadHash };
      const approvalId = newUuid(Date.now(), realRandom);
      state.keys.set(idempotencyKey, approvalId);
      state.approvals.set(approvalId, {
        kind: "approval",
        approvalId,
        side: "requester",
        peer: PEERS.executive,
        state: "PENDING",
        payload,
        payloadHash,
        stepId,
        createdAt: now(),
        updatedAt: now(),
        history: [],
      });
      return { approvalId, agentId: PEERS.executive.agentId, payloadHash };
    },
    "approval.open": ({ approvalId }) => open(approvalId),
    "status.fetch": async ({ id, waitMs }) => {
      if (state.approvals.has(id)) return open(id);
      const before = state.tasks.get(id);
      if (before === undefined) throw new GaggleError("NOT_FOUND", "No such task.");
      const end = performance.now() + waitMs;
      const settled = (): boolean => state.tasks.get(id)?.state !== "SUBMITTED";
      while (!settled() && performance.now() < end) await new Promise((resolve) => setTimeout(resolve, 20));
      return state.tasks.get(id) ?? before;
    },
  };
}

/** The view after the decision. The ledger reads the statement; that its signature holds is the real daemon's to check. */
function decided(view: ApprovalView, decision: "approved" | "rejected"): ApprovalView {
  const approver = { subject: PEERS.executive.subject, role: PEERS.executive.role };
  const statement = {
    v: 1,
    org: `org_${"a".repeat(26)}`,
    approvalId: view.approvalId,
    requester: agentIdOf("E"),
    payloadHash: view.payloadHash,
    decision,
    reason: "",
    approver,
    decidedAt: now(),
  };
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  const jws = [part({ alg: "EdDSA", typ: "gaggle-approval+jws" }), part(statement), "A".repeat(86)].join(".");
  return { ...view, state: decision === "approved" ? "APPROVED" : "REJECTED", decision: jws, approver, updatedAt: now() };
}

/** The JSON of the last message of `goose run --output-format json`. */
function lastJson(stdout: string, problem: string): RecipeResult {
  const start = stdout.indexOf("{");
  if (start === -1) throw new Error(problem);
  const { messages } = parseJson(stdout.slice(start), "Goose's output") as unknown as {
    messages: { content: { type: string; text?: string }[] }[];
  };
  const text = messages.at(-1)?.content.find((part) => part.type === "text")?.text ?? "";
  if (!text.startsWith("{")) throw new Error(`The run gave no result but: ${text.slice(0, 500)}`);
  return JSON.parse(text) as RecipeResult;
}

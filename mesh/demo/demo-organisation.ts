/** Makes the demo's organisation by Gaggle's own commands, as an admin and five people would, and keeps its processes running. */
import { randomBytes } from "node:crypto";
import { renameSync, writeFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { freePort } from "../agent/free-port.ts";
import { connectDaemon } from "../client/connect-daemon.ts";
import { GaggleError } from "../contract/errors.ts";
import { agentId } from "../contract/ids.ts";
import { DEMO_AGENTS, type DemoAgent, demoPaths, type DemoState } from "./demo-folder.ts";
import { type GaggleProgram, runGaggle } from "./gaggle-command.ts";
import type { ModelChoice } from "./choose-model.ts";
import { createSupervisor, type Supervisor } from "./supervisor.ts";

/** Where and with what the demo runs. */
export interface DemoSetting {
  readonly dir: string;
  readonly program: GaggleProgram;
  /** Environment of the demo itself; what its processes get is made from it. */
  readonly env: NodeJS.ProcessEnv;
  readonly state: DemoState;
  /** Tells a step in words. */
  say(text: string): void;
}

/** Variable that carries the vendor's key to `gaggle join` and `gaggle model`; no other process gets it. */
const MODEL_KEY_VARIABLE = "GAGGLE_DEMO_MODEL_KEY";
/** Time for the agents to find each other. */
const MEET_MS = 60_000;
const POLL_MS = 100;

/** A fresh state: ports that are free now, and a passphrase for the executive's approval key. */
export const newDemoState = async (): Promise<DemoState> => ({
  v: 1,
  apiPort: await freePort(),
  peerPort: await freePort(),
  passphrase: randomBytes(18).toString("base64url"),
});

/** Environment of an agent's processes: its own home and books, and none of the vendor's keys. */
export function agentEnvironment({ dir, env }: DemoSetting, { subject, books }: DemoAgent): NodeJS.ProcessEnv {
  const paths = demoPaths(dir);
  const { OPENAI_API_KEY: _openAi, ANTHROPIC_API_KEY: _anthropic, ...rest } = env;
  return {
    ...rest,
    GAGGLE_HOME: paths.home(subject),
    GOOSE_PATH_ROOT: paths.gooseRoot(subject),
    ...(books === undefined ? {} : { GAGGLE_BOOKS: join(paths.books, books) }),
  };
}

/** Environment of a person's own Goose in the demo. */
export const personEnvironment = (setting: DemoSetting, agent: DemoAgent): NodeJS.ProcessEnv => ({
  ...agentEnvironment(setting, agent),
  GOOSE_MODE: "auto",
  GOOSE_DISABLE_KEYRING: "1",
  GOOSE_DISABLE_SESSION_NAMING: "true",
  CONTEXT_FILE_NAMES: "[]",
});

const apiUrl = ({ state }: DemoSetting): string => `http://127.0.0.1:${state.apiPort}`;

/** Makes the organisation and lets five people join. @param modelUrl where the guards send model calls */
export async function foundOrganisation(setting: DemoSetting, supervisor: Supervisor, model: ModelChoice, modelUrl: string): Promise<void> {
  const { dir, program, env, state, say } = setting;
  const { org } = demoPaths(dir);
  const admin = (args: string[]): Promise<unknown> => runGaggle(program, args, { env, cwd: dir });
  say("Admin: makes the organisation, puts the executive's approval key on the roster, signs the profile bundles");
  await admin(["org", "init", "--dir", org]);
  await putApproverOnRoster(setting, admin);
  await admin(["org", "sign", "--dir", org]);
  startBootstrapNode(setting, supervisor);
  await waitForBootstrapNode(setting);
  say("Five people join with one-time invitations and set up their Goose");
  for (const agent of DEMO_AGENTS) {
    const invited = await admin(["org", "invite", "--dir", org, "--role", agent.role, "--user", agent.subject, "--url", apiUrl(setting)]);
    await joinAndSetUp(setting, agent, z.object({ link: z.string() }).parse(invited).link, model, modelUrl);
  }
  await writeFile(demoPaths(dir).state, `${JSON.stringify(state)}\n`, { mode: 0o600 });
}

/** The executive makes an approval key; the admin puts its public part on the roster. */
async function putApproverOnRoster(setting: DemoSetting, admin: (args: string[]) => Promise<unknown>): Promise<void> {
  const { dir, program, state } = setting;
  const executive = DEMO_AGENTS.find(({ role }) => role === "executive");
  if (executive === undefined) throw new GaggleError("INTERNAL", "The demo has no executive.");
  const options = { env: agentEnvironment(setting, executive), cwd: dir, input: `${state.passphrase}\n` };
  const made = z
    .object({ key: z.unknown(), agent: z.string() })
    .parse(await runGaggle(program, ["approval-key", "--passphrase-stdin"], options));
  const { subject, role } = executive;
  const who = ["--subject", subject, "--role", role, "--agent", made.agent, "--key", JSON.stringify(made.key)];
  await admin(["org", "approver", "--dir", demoPaths(dir).org, ...who]);
}

/** One person joins and sets up their Goose. */
async function joinAndSetUp(
  setting: DemoSetting,
  agent: DemoAgent,
  invitation: string,
  model: ModelChoice,
  modelUrl: string,
): Promise<void> {
  const { dir, program } = setting;
  const env = { ...agentEnvironment(setting, agent), ...(model.apiKey === undefined ? {} : { [MODEL_KEY_VARIABLE]: model.apiKey }) };
  const key = model.apiKey === undefined ? [] : ["--model-key-env", MODEL_KEY_VARIABLE];
  const listen = ["--listen", "/ip4/127.0.0.1/tcp/0", "--no-mdns"];
  const goose = ["--goose-root", demoPaths(dir).gooseRoot(agent.subject)];
  await runGaggle(program, ["join", "-", ...listen, ...goose, "--model-url", modelUrl, "--model", model.model, ...key], {
    env,
    cwd: dir,
    input: `${invitation}\n`,
  });
  await runGaggle(program, ["setup"], { env, cwd: dir });
}

/** The agents of an earlier demo get the model of this one. */
export async function changeModel(setting: DemoSetting, model: ModelChoice, modelUrl: string): Promise<void> {
  const { dir, program } = setting;
  const key = model.apiKey === undefined ? [] : ["--key-env", MODEL_KEY_VARIABLE];
  for (const agent of DEMO_AGENTS) {
    const env = { ...agentEnvironment(setting, agent), ...(model.apiKey === undefined ? {} : { [MODEL_KEY_VARIABLE]: model.apiKey }) };
    await runGaggle(program, ["model", "--url", modelUrl, "--name", model.model, ...key], { env, cwd: dir });
    await runGaggle(program, ["setup"], { env, cwd: dir });
  }
}

/** A supervisor that writes down which processes run, so that anyone can end one and see what happens. */
export function createDemoSupervisor(dir: string, onRestart: (name: string, ended: string) => void): Supervisor {
  const pids: Record<string, number> = {};
  return createSupervisor(({ name, pid, ended }) => {
    pids[name] = pid;
    // At once and in one piece: several start together, and others read the file meanwhile.
    const { processes } = demoPaths(dir);
    writeFileSync(`${processes}.new`, `${JSON.stringify(pids, null, 2)}\n`);
    renameSync(`${processes}.new`, processes);
    if (ended !== undefined) onRestart(name, ended);
  });
}

/** Starts the bootstrap node under the supervisor. */
export function startBootstrapNode(setting: DemoSetting, supervisor: Supervisor): void {
  const { dir, program, env, state } = setting;
  const { org, logs } = demoPaths(dir);
  const where = [
    "--dir",
    join(org, "bootstrap"),
    "--port",
    String(state.apiPort),
    "--peer-listen",
    `/ip4/127.0.0.1/tcp/${state.peerPort}`,
    "--no-mdns",
    "--end-with-stdin",
  ];
  const args = [program.entry, "bootstrap", ...where];
  supervisor.start({ name: "bootstrap", command: program.node, args, env, cwd: dir, logFile: join(logs, "bootstrap.log") });
}

/** Waits until the bootstrap node answers. @throws GaggleError TIMEOUT */
export async function waitForBootstrapNode(setting: DemoSetting): Promise<void> {
  await poll("The bootstrap node did not start; its log is in the demo's logs folder.", async () => {
    const answer = await fetch(`${apiUrl(setting)}/healthz`, { signal: AbortSignal.timeout(1_000) });
    return answer.ok;
  });
}

/** Starts the five daemons under the supervisor. */
export function startAgents(setting: DemoSetting, supervisor: Supervisor): void {
  const { dir, program } = setting;
  for (const agent of DEMO_AGENTS) {
    const logFile = join(demoPaths(dir).logs, `${agent.subject}.log`);
    supervisor.start({
      name: agent.subject,
      command: program.node,
      args: [program.entry, "agent", "--end-with-stdin"],
      env: agentEnvironment(setting, agent),
      cwd: dir,
      logFile,
    });
  }
}

/** Waits until every agent sees the four others online; gives the titles that the directory knows. @throws GaggleError TIMEOUT */
export async function waitUntilMet({ dir }: DemoSetting): Promise<Map<string, { agentId: string; title: string }>> {
  const found = new Map<string, { agentId: string; title: string }>();
  for (const { subject } of DEMO_AGENTS) {
    await poll(`${subject}'s agent did not find the others; its log is in the demo's logs folder.`, async () => {
      const daemon = await connectDaemon({ home: demoPaths(dir).home(subject), program: "demo", timeoutMs: 2_000 });
      try {
        const { agents } = await daemon.call("directory.agents", {});
        for (const agent of agents) found.set(agent.subject, { agentId: agentId.parse(agent.agentId), title: agent.title });
        return DEMO_AGENTS.every((other) => agents.some((agent) => agent.subject === other.subject && agent.online));
      } finally {
        daemon.close();
      }
    });
  }
  return found;
}

/**
 * Has every agent's audit collected now: on a busy machine an agent may be ended before its last batch has been taken. One that does not answer sends
 * what it has at its end.
 */
export async function collectEvents({ dir }: DemoSetting): Promise<void> {
  await Promise.allSettled(
    DEMO_AGENTS.map(async ({ subject }) => {
      const daemon = await connectDaemon({ home: demoPaths(dir).home(subject), program: "demo", timeoutMs: 10_000 });
      try {
        await daemon.call("audit.ship", {}, { timeoutMs: 30_000 });
      } finally {
        daemon.close();
      }
    }),
  );
}

/** Asks every agent to end in order, so that its last audit events are collected; also those that an extension brought back. */
export async function stopAgents({ dir }: DemoSetting, supervisor: Supervisor): Promise<void> {
  await Promise.all(
    DEMO_AGENTS.map(async ({ subject }) => {
      await supervisor.stop(subject);
      const home = demoPaths(dir).home(subject);
      // Nothing answers where the supervisor's process was the daemon: that is the usual case.
      const daemon = await connectDaemon({ home, program: "demo", timeoutMs: 200 }).catch(() => undefined);
      await daemon?.call("daemon.stop", {}).catch(() => undefined);
      daemon?.close();
    }),
  );
}

/** Asks until it is so. What throws counts as not yet. @throws GaggleError TIMEOUT */
async function poll(message: string, isSo: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + MEET_MS;
  while (Date.now() < deadline) {
    if (await isSo().catch(() => false)) return;
    await sleep(POLL_MS);
  }
  throw new GaggleError("TIMEOUT", message);
}

/**
 * An organisation as its admin and its people run it, on loopback alone: real `gaggle bootstrap` and `gaggle agent` processes from dist/, each
 * agent with a home of its own. Everything is ended by process id, whatever a test did.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, openSync, closeSync, readdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { type AgentConfig, homePaths, readAgentConfig } from "../../mesh/agent/agent-config.ts";
import { ensureHomeKeys } from "../../mesh/agent/become-member.ts";
import { freePort } from "../../mesh/agent/free-port.ts";
import { joinOrganisation } from "../../mesh/agent/join-organisation.ts";
import { systemClock, systemRandom } from "../../mesh/agent/system.ts";
import { orgApprover } from "../../mesh/cli/org/org-approver.ts";
import { orgInit } from "../../mesh/cli/org/org-init.ts";
import { orgInvite } from "../../mesh/cli/org/org-invite.ts";
import { orgSign } from "../../mesh/cli/org/org-sign.ts";
import { createOutput } from "../../mesh/cli/output.ts";
import { connectDaemon } from "../../mesh/client/connect-daemon.ts";
import { socketPathFor } from "../../mesh/client/socket-path.ts";
import type { AuditEvent } from "../../mesh/contract/audit.ts";
import type { DaemonMethod, DaemonParams, DaemonResult } from "../../mesh/contract/daemon-api.ts";
import type { Signer } from "../../mesh/contract/ports.ts";
import { createSigner, generateSigningKey } from "../../mesh/identity/keys.ts";
import { sharedEnv } from "./shared-env.ts";

/** Repository root, which is also an install folder. */
export const INSTALL_DIR = join(import.meta.dirname, "..", "..");
const ENTRY = join(INSTALL_DIR, "dist", "gaggle.js");
const POLL_MS = 50;
/** Longest wait for a daemon's start, on a machine that does other work too. */
const START_MS = 60_000;

/** What a finished `gaggle` command said. */
export interface CommandOutcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A person's agent: its home, and its daemon while one runs. */
export interface WorldAgent {
  readonly subject: string;
  readonly role: string;
  readonly home: string;
  readonly agentId: string;
  readonly config: AgentConfig;
  /** Environment of its processes. */
  readonly env: NodeJS.ProcessEnv;
  /** Starts `gaggle agent` and waits until it answers. */
  start(): Promise<void>;
  /** kill -9 on every daemon of this home. */
  kill(): Promise<void>;
  /** Asks the daemon to end, and waits until it has. */
  stop(): Promise<void>;
  /** Ids of the processes that serve this home as daemons. */
  daemonPids(): number[];
  /** One call on the local socket; starts nothing. */
  call<M extends DaemonMethod>(method: M, params: DaemonParams<M>): Promise<DaemonResult<M>>;
  /** Runs a `gaggle` command in this home, or in another environment. */
  gaggle(args: readonly string[], input?: string, env?: NodeJS.ProcessEnv): Promise<CommandOutcome>;
  /** The agent's audit events, of one action where it is named. */
  audit(action?: string): Promise<AuditEvent[]>;
}

/** The bootstrap node's process. */
export interface WorldBootstrap {
  readonly url: string;
  /** Starts it and waits until its API answers. */
  start(): Promise<void>;
  /** Starts it on a machine of its own instead, on all networks of it; its API is only there. Who is on them finds it. */
  startOn(machine: readonly string[]): void;
  kill(): Promise<void>;
}

/** The organisation. */
export interface DaemonWorld {
  readonly dir: string;
  readonly orgDir: string;
  readonly bootstrap: WorldBootstrap;
  /** Approval keys of those named in `approvers`, by subject. */
  readonly approvalKeys: ReadonlyMap<string, Signer>;
  agent(subject: string): WorldAgent;
  /** Invites a person and lets them join; nothing is started. `device` names a further machine of a person, and its home. */
  join(subject: string, role: string, device?: string): Promise<WorldAgent>;
  /** Signs a new version and publishes it. */
  sign(): Promise<number>;
  /** Waits until each of the named agents sees the others online. */
  meet(subjects: readonly string[]): Promise<void>;
  close(): Promise<void>;
}

/** What to found. */
export interface WorldRequest {
  /** People by subject, with their roles in the sample organisation. */
  readonly people: Readonly<Record<string, string>>;
  /** Whose approval keys are on the roster. */
  readonly approvers?: readonly string[];
  /** Where agents listen, and whether they look for each other on the LAN; default: loopback, no. */
  readonly lan?: { readonly listen: readonly string[] };
  /** The command with which a program is run on a person's machine, where each has one of its own (a network namespace). */
  readonly machineOf?: (subject: string) => readonly string[];
  /** Last hand on the organisation's profiles before they are signed. */
  readonly prepare?: (profilesDir: string) => void;
  /** How a person's daemon is started where it is not by `gaggle agent`: arguments for Node, and what is added to its environment. */
  readonly daemon?: (subject: string) => { readonly args: readonly string[]; readonly env: NodeJS.ProcessEnv };
  /** Address of the node as members are told it, where a test stands in between. */
  readonly via?: (url: string) => Promise<string>;
}

/** Finance may hand marketing and executive work for a person, which the sample's policy does not need. */
const WORK_FOR_PEOPLE = `@id("test-work-for-people")
permit (principal in Role::"finance", action in [Action::"task.send", Action::"task.receive"], resource)
when { context.target in Role::"marketing" || context.target in Role::"executive" };
`;

const silent = createOutput({ write: () => undefined }, false);
const deps = { clock: systemClock, random: systemRandom, fetch: globalThis.fetch };

/** Waits until something is so; what throws counts as not yet. */
export async function until<T>(
  what: string,
  look: () => Promise<T | undefined | false> | T | undefined | false,
  timeoutMs = 30_000,
): Promise<T> {
  const deadline = performance.now() + timeoutMs;
  let last: unknown;
  for (;;) {
    try {
      const found = await look();
      if (found !== undefined && found !== false) return found;
    } catch (error) {
      last = error;
    }
    if (performance.now() > deadline) throw new Error(`${what}: not within ${timeoutMs} ms`, { cause: last });
    await sleep(POLL_MS);
  }
}

/** Whether a process runs. */
export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return !readFileSync(`/proc/${pid}/stat`, "utf8").includes(") Z ");
  } catch {
    return false;
  }
}

/** Founds an organisation, starts its bootstrap node and lets its people join. Their daemons are not started yet. */
export async function foundWorld(request: WorldRequest): Promise<DaemonWorld> {
  if (!existsSync(ENTRY)) throw new Error("dist/ is missing: run npm run build first.");
  const dir = realpathSync(mkdtempSync(join(tmpdir(), "gaggle-world-")));
  const orgDir = join(dir, "org");
  const children = new Set<ChildProcess>();
  const agents = new Map<string, WorldAgent>();
  const approvalKeys = new Map<string, Signer>();

  const env = (home: string): NodeJS.ProcessEnv => ({
    ...sharedEnv(),
    HOME: dir,
    TMPDIR: process.env["TMPDIR"],
    GAGGLE_HOME: home,
    GAGGLE_LOG: "debug",
    NO_COLOR: "1",
  });

  const launch = (
    args: readonly string[],
    home: string,
    logName: string,
    machine: readonly string[] = [],
    other?: ReturnType<NonNullable<WorldRequest["daemon"]>>,
  ): ChildProcess => {
    const log = openSync(join(dir, logName), "a");
    const [program = "", ...rest] = [...machine, process.execPath, ...(other?.args ?? [ENTRY, ...args])];
    const child = spawn(program, rest, { env: { ...env(home), ...other?.env }, cwd: dir, stdio: ["ignore", log, log] });
    closeSync(log);
    children.add(child);
    child.once("exit", () => children.delete(child));
    return child;
  };

  const bootstrap = await startBootstrap();
  async function startBootstrap(): Promise<WorldBootstrap> {
    const [apiPort, peerPort] = [await freePort(), await freePort()];
    const url = `http://127.0.0.1:${apiPort}`;
    let child: ChildProcess | undefined;
    const command = ["bootstrap", "--dir", join(orgDir, "bootstrap"), "--port", String(apiPort), "--peer-listen"];
    return {
      url,
      async start() {
        child = launch([...command, `/ip4/127.0.0.1/tcp/${peerPort}`, "--no-mdns"], dir, "bootstrap.log");
        await until("the bootstrap node answers", async () => (await fetch(`${url}/healthz`)).ok);
      },
      startOn(machine) {
        child = launch([...command, "/ip4/0.0.0.0/tcp/0"], dir, "bootstrap.log", machine);
      },
      async kill() {
        if (child !== undefined) await killAndWait(child.pid);
      },
    };
  }

  const enrol = async (subject: string, role: string, device = subject): Promise<WorldAgent> => {
    const home = join(dir, "agents", device);
    const url = request.via === undefined ? bootstrap.url : await request.via(bootstrap.url);
    const invitation = await orgInvite({ dir: orgDir, role, user: subject, url }, silent, deps);
    const upstream = { protocol: "openai", baseUrl: "http://127.0.0.1:9/v1", local: false, model: "none" } as const;
    await joinOrganisation(deps, {
      home,
      invitation,
      listen: [...(request.lan?.listen ?? ["/ip4/127.0.0.1/tcp/0"])],
      mdns: request.lan !== undefined,
      gooseRoot: join(dir, "goose", device),
      upstream,
    });
    const agent = agentOf(subject, role, home, await readAgentConfig(home));
    agents.set(device, agent);
    return agent;
  };

  const agentOf = (subject: string, role: string, home: string, config: AgentConfig): WorldAgent => {
    const call: WorldAgent["call"] = async (method, params) => {
      const daemon = await connectDaemon({ home, program: "test", timeoutMs: 1_000, reconnectMs: 1_000 });
      try {
        return await daemon.call(method, params);
      } finally {
        daemon.close();
      }
    };
    const daemonPids = (): number[] =>
      processesOf(home)
        .filter(({ args }) => args.includes("agent"))
        .map(({ pid }) => pid);
    return {
      subject,
      role,
      home,
      agentId: config.agentId,
      config,
      env: env(home),
      call,
      daemonPids,
      async start() {
        launch(["agent"], home, `${subject}.log`, request.machineOf?.(subject), request.daemon?.(subject));
        const answers = async (): Promise<boolean> => (await call("policy.check", { action: "task.send" })) !== undefined;
        // Where each has a machine of its own, all start at once, on the few cores of this one.
        await until(`${subject}'s daemon answers`, answers, request.machineOf === undefined ? START_MS : 150_000).catch((error: Error) => {
          // The folder with its log is gone when somebody reads of it.
          const log = readFileSync(join(dir, `${subject}.log`), "utf8");
          throw new Error(`${error.message}; its log ends:\n${log.slice(-2_000)}`, { cause: error });
        });
      },
      kill: async () => void (await Promise.all(daemonPids().map(killAndWait))),
      async stop() {
        await call("daemon.stop", {});
        await until(`${subject}'s daemon ends`, () => daemonPids().length === 0);
      },
      async gaggle(args, input = "", environment = env(home)) {
        const child = spawn(process.execPath, [ENTRY, ...args], { env: environment, cwd: dir, stdio: ["pipe", "pipe", "pipe"] });
        children.add(child);
        child.once("exit", () => children.delete(child));
        child.stdin.end(input);
        const code = new Promise<number | null>((resolve) => child.once("close", resolve));
        const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
        return { code: await code, stdout, stderr };
      },
      async audit(action) {
        const { events } = await call("audit.list", { limit: 5_000 });
        return action === undefined ? events : events.filter((event) => event.action === action);
      },
    };
  };

  const agent = (subject: string): WorldAgent => {
    const found = agents.get(subject);
    if (found === undefined) throw new Error(`${subject} has not joined this world`);
    return found;
  };

  const close = async (): Promise<void> => {
    const left = [...children].map(({ pid }) => pid).concat([...agents.values()].flatMap((one) => one.daemonPids()));
    await Promise.all(left.map(killAndWait));
    // What a command started in its last moment; the homes are this world's own.
    await Promise.all([...agents.values()].flatMap(({ home }) => processesOf(home)).map(({ pid }) => killAndWait(pid)));
    for (const { home } of agents.values()) rmSync(socketPathFor(home), { force: true });
    rmSync(dir, { recursive: true, force: true });
  };

  const sign = async (): Promise<number> => (await orgSign({ dir: orgDir, publish: bootstrap.url }, silent, deps)).version;

  try {
    await orgInit({ dir: orgDir, installDir: INSTALL_DIR, content: "sample" }, silent, deps);
    writeFileSync(join(orgDir, "profiles", "policies", "test.cedar"), WORK_FOR_PEOPLE);
    request.prepare?.(join(orgDir, "profiles"));
    for (const subject of request.approvers ?? []) {
      const signer = createSigner(generateSigningKey(systemRandom));
      approvalKeys.set(subject, signer);
      const { agentId } = await ensureHomeKeys(join(dir, "agents", subject), deps);
      const role = request.people[subject] ?? "executive";
      await orgApprover({ dir: orgDir, subject, role, key: signer.publicJwk, agent: agentId }, silent);
    }
    await orgSign({ dir: orgDir }, silent, deps);
    await bootstrap.start();
    for (const [subject, role] of Object.entries(request.people)) await enrol(subject, role);
  } catch (error) {
    await close();
    throw error;
  }

  return {
    dir,
    orgDir,
    bootstrap,
    approvalKeys,
    agent,
    join: enrol,
    sign,
    async meet(subjects) {
      for (const subject of subjects) {
        await until(`${subject} sees the others online`, async () => {
          const { agents: known } = await agent(subject).call("directory.agents", {});
          return subjects.every((other) => known.some((one) => one.subject === other && one.online));
        });
      }
    },
    close,
  };
}

/** Where the agent listens, with its peer id. */
export async function peerAddressOf(agent: WorldAgent): Promise<string> {
  const [address] = (await agent.call("daemon.status", {})).listening;
  if (address === undefined) throw new Error(`${agent.subject} listens nowhere`);
  return address;
}

/** The stored membership credential of an agent. */
export const credentialOf = (agent: WorldAgent): string => readFileSync(homePaths(agent.home).credential, "utf8");

/** Ends a process at once and waits until it is gone; one that is gone already is fine. */
export async function killAndWait(pid: number | undefined): Promise<void> {
  if (pid === undefined) return;
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    return;
  }
  await until(`process ${pid} is gone`, () => !isRunning(pid));
}

/** The processes that were started with this home, other than the test itself. */
function processesOf(home: string): { pid: number; args: string[] }[] {
  const found: { pid: number; args: string[] }[] = [];
  for (const name of readdirSync("/proc")) {
    const pid = Number(name);
    if (!Number.isInteger(pid) || pid === process.pid) continue;
    try {
      const env = readFileSync(`/proc/${name}/environ`, "utf8").split("\0");
      if (!env.includes(`GAGGLE_HOME=${home}`) || !isRunning(pid)) continue;
      found.push({
        pid,
        args: readFileSync(`/proc/${name}/cmdline`, "utf8")
          .split("\0")
          .filter((arg) => arg !== ""),
      });
    } catch {
      // The process ended while it was looked at, or is another user's.
    }
  }
  return found;
}

/**
 * An organisation as its admin and its people run it, on loopback alone: real `gaggle bootstrap` and `gaggle agent` processes from dist/, each
 * agent with a home of its own. Everything is ended by process id, whatever a test did.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, openSync, closeSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { TestRunner } from "vitest";
import { type AgentConfig, homePaths, readAgentConfig } from "../../mesh/agent/agent-config.ts";
import { ensureHomeKeys } from "../../mesh/agent/become-member.ts";
import { joinOrganisation } from "../../mesh/agent/join-organisation.ts";
import { systemClock, systemRandom } from "../../mesh/agent/system.ts";
import { orgApprover } from "../../mesh/cli/org/org-approver.ts";
import { orgInit } from "../../mesh/cli/org/org-init.ts";
import { orgInvite } from "../../mesh/cli/org/org-invite.ts";
import { orgSign } from "../../mesh/cli/org/org-sign.ts";
import { createOutput } from "../../mesh/cli/output.ts";
import { connectDaemon, type DaemonClient } from "../../mesh/client/connect-daemon.ts";
import { socketPathFor } from "../../mesh/client/socket-path.ts";
import type { AuditEvent } from "../../mesh/contract/audit.ts";
import type { DaemonMethod, DaemonParams, DaemonResult } from "../../mesh/contract/daemon-api.ts";
import type { Signer } from "../../mesh/contract/ports.ts";
import { createSigner, generateSigningKey } from "../../mesh/identity/keys.ts";
import { killAllIn, killAndWait, killChild, processesIn } from "./home-processes.ts";
import { sharedEnv } from "./shared-env.ts";
import { testPort } from "./test-port.ts";
import { until } from "./until.ts";

/** Repository root, which is also an install folder. */
export const INSTALL_DIR = join(import.meta.dirname, "..", "..");
const ENTRY = join(INSTALL_DIR, "dist", "gaggle.js");
/** Longest wait for the start of a daemon or the node, on a machine that does other work too. */
const START_MS = 60_000;
/** Longest wait for daemons to find each other: those that missed each other at first try ever less often, up to each minute. */
const MEET_MS = 90_000;
/** One try to reach a daemon, and how long one that is there may take its time. */
const TRY_MS = 1_000;
const BUSY_MS = 20_000;

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
  /** One call on the local socket; starts nothing. Where no daemon is, it fails at once; one that is there may be busy. */
  call<M extends DaemonMethod>(method: M, params: DaemonParams<M>): Promise<DaemonResult<M>>;
  /**
   * Runs a `gaggle` command in this home, or in another environment; it ends with the test at the latest.
   * `heard` gets what it writes to stdout as it comes.
   */
  gaggle(args: readonly string[], input?: string, env?: NodeJS.ProcessEnv, heard?: (text: string) => void): Promise<CommandOutcome>;
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

  /** The folder with the logs is gone when somebody reads of a failure. */
  const withLog = (name: string) => (error: Error) => {
    throw new Error(`${error.message}; its log ends:\n${readFileSync(join(dir, name), "utf8").slice(-2_000)}`, { cause: error });
  };

  const bootstrap = await startBootstrap();
  async function startBootstrap(): Promise<WorldBootstrap> {
    const [apiPort, peerPort] = [await testPort(), await testPort()];
    const url = `http://127.0.0.1:${apiPort}`;
    let child: ChildProcess | undefined;
    const command = ["bootstrap", "--dir", join(orgDir, "bootstrap"), "--port", String(apiPort), "--peer-listen"];
    return {
      url,
      async start() {
        child = launch([...command, `/ip4/127.0.0.1/tcp/${peerPort}`, "--no-mdns"], dir, "bootstrap.log");
        const answers = async (): Promise<boolean> => (await fetch(`${url}/healthz`)).ok;
        await until("the bootstrap node answers", answers, START_MS).catch(withLog("bootstrap.log"));
      },
      startOn(machine) {
        child = launch([...command, "/ip4/0.0.0.0/tcp/0"], dir, "bootstrap.log", machine);
      },
      async kill() {
        if (child !== undefined) await killChild(child);
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
      gatewayPort: await testPort(),
      gooseRoot: join(dir, "goose", device),
      upstream,
    });
    const agent = agentOf(subject, role, home, await readAgentConfig(home));
    agents.set(device, agent);
    return agent;
  };

  const agentOf = (subject: string, role: string, home: string, config: AgentConfig): WorldAgent => {
    const connect = async (): Promise<DaemonClient> => {
      const deadline = performance.now() + BUSY_MS;
      for (;;) {
        try {
          return await connectDaemon({ home, program: "test", timeoutMs: TRY_MS, reconnectMs: TRY_MS });
        } catch (error) {
          if (performance.now() > deadline || daemonPids().length === 0) throw error;
        }
      }
    };
    const call: WorldAgent["call"] = async (method, params) => {
      const daemon = await connect();
      try {
        return await daemon.call(method, params);
      } finally {
        daemon.close();
      }
    };
    const daemons = () => processesIn(home).filter(({ args }) => args.includes("agent"));
    const daemonPids = (): number[] => daemons().map(({ pid }) => pid);
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
        const longest = request.machineOf === undefined ? START_MS : 150_000;
        await until(`${subject}'s daemon answers`, answers, longest).catch(withLog(`${subject}.log`));
      },
      kill: async () => void (await Promise.all(daemons().map(killAndWait))),
      async stop() {
        await call("daemon.stop", {});
        await until(`${subject}'s daemon ends`, () => {
          const left = daemonPids();
          if (left.length > 0) throw new Error(`still running: ${left.join(", ")}`);
          return true;
        });
      },
      async gaggle(args, input = "", environment = env(home), heard) {
        const child = spawn(process.execPath, [ENTRY, ...args], { env: environment, cwd: dir, stdio: ["pipe", "pipe", "pipe"] });
        children.add(child);
        child.once("exit", () => children.delete(child));
        // What a test that failed has left waiting must not meet the next one.
        TestRunner.getCurrentTest()?.context.onTestFinished(() => void child.kill("SIGKILL"));
        if (heard !== undefined) child.stdout.on("data", (chunk: Buffer) => heard(chunk.toString("utf8")));
        // A command that refuses before it has read leaves the pipe broken.
        child.stdin.on("error", () => undefined).end(input);
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
    await Promise.all([...children].map(killChild));
    // Daemons that commands started, also in homes that a test made.
    await killAllIn(dir);
    for (const { home } of agents.values()) rmSync(socketPathFor(home), { force: true });
    rmSync(dir, { recursive: true, force: true, maxRetries: 10 });
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
        await until(
          `${subject} sees the others online`,
          async () => {
            const { agents: known } = await agent(subject).call("directory.agents", {});
            return subjects.every((other) => known.some((one) => one.subject === other && one.online));
          },
          MEET_MS,
        );
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

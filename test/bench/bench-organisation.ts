/** A founded organisation with running daemons, all made by Gaggle's own commands, as an admin and its members would. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { homePaths } from "../../mesh/agent/agent-config.ts";
import { freePort } from "../../mesh/agent/free-port.ts";
import { connectDaemon, type DaemonClient } from "../../mesh/client/connect-daemon.ts";
import { type GaggleProgram, runGaggle } from "../../mesh/demo/gaggle-command.ts";
import type { Supervisor } from "../../mesh/demo/supervisor.ts";
import { orgPaths } from "../../mesh/cli/org/org-folder.ts";

/** Members of the sample organisation that take part: subject → role. */
const MEMBERS = { "fiona.berg": "finance", "pieter.jansen": "finance", "marco.diaz": "marketing", "hanna.okoye": "hr" } as const;
/** Someone of {@link MEMBERS}. */
export type Member = keyof typeof MEMBERS;

/** Everybody who takes part. */
export const EVERYBODY = Object.keys(MEMBERS) as Member[];

/** Lets finance send tasks that name no skill, so that no Goose starts for them: to a colleague, and to another department, where the guard masks them. */
const RULE = `@id("bench-plain-tasks")
permit (principal in Role::"finance", action in [Action::"task.send", Action::"task.receive"], resource)
when { context.target in Role::"finance" || context.target in Role::"marketing" };
`;
const READY_MS = 60_000;
const POLL_MS = 100;

/** The organisation; it runs as long as its supervisor lets it. */
export interface BenchOrganisation {
  /** A connection to a member's daemon, as an extension has one. */
  connect(member: Member): Promise<DaemonClient>;
  /** File with the bearer token of a member's gateway. */
  gatewayToken(member: Member): string;
  /** Lets every daemon send what it has, and writes the bootstrap node's export. */
  exportAudit(file: string): Promise<void>;
}

/** Where and with what it runs. `model`: what lies behind the guards. `nodeArgs`: arguments of the daemons' Node, for profiling. */
export interface BenchSetting {
  readonly folder: string;
  readonly program: GaggleProgram;
  readonly model: { readonly url: string; readonly model: string };
  readonly nodeArgs: readonly string[];
}

/** Founds the organisation and starts the bootstrap node and a daemon for each member; resolves once they are all connected. */
export async function startOrganisation(
  supervisor: Supervisor,
  { folder, program, model, nodeArgs }: BenchSetting,
): Promise<BenchOrganisation> {
  const orgDir = join(folder, "org");
  const home = (member: Member): string => join(folder, member);
  const envOf = (member?: Member): NodeJS.ProcessEnv => ({ ...process.env, GAGGLE_HOME: member === undefined ? folder : home(member) });
  const gaggle = (args: readonly string[], member?: Member): Promise<unknown> =>
    runGaggle(program, args, { env: envOf(member), cwd: folder });
  const start = (name: string, args: readonly string[], member?: Member): void =>
    supervisor.start({
      name,
      command: program.node,
      args: [...(member === undefined ? [] : nodeArgs), program.entry, ...args],
      env: envOf(member),
      cwd: folder,
      logFile: join(folder, `${name}.log`),
    });

  await gaggle(["org", "init", "--dir", orgDir]);
  await addRule(orgDir);
  await gaggle(["org", "sign", "--dir", orgDir]);
  const apiPort = await freePort();
  const url = `http://127.0.0.1:${apiPort}`;
  const listen = `/ip4/127.0.0.1/tcp/${await freePort()}`;
  const node = ["--dir", join(orgDir, "bootstrap"), "--port", String(apiPort), "--peer-listen", listen, "--no-mdns"];
  start("bootstrap", ["bootstrap", ...node]);
  await until("the bootstrap node answers", async () => (await fetch(`${url}/healthz`, { signal: AbortSignal.timeout(1_000) })).ok);
  const behindGuard = ["--model-url", model.url, "--model", model.model];
  for (const member of EVERYBODY) {
    const who = ["--role", MEMBERS[member], "--user", member, "--url", url];
    const { link } = z.object({ link: z.string() }).parse(await gaggle(["org", "invite", "--dir", orgDir, ...who]));
    await gaggle(["join", link, "--listen", "/ip4/127.0.0.1/tcp/0", "--no-mdns", ...behindGuard], member);
    start(member, ["agent"], member);
  }
  const connect = (member: Member): Promise<DaemonClient> => connectDaemon({ home: home(member), program: "bench", timeoutMs: READY_MS });
  for (const member of EVERYBODY) await untilMet(connect, member);
  const exportAudit = async (file: string): Promise<void> => {
    for (const member of EVERYBODY) await withDaemon(connect, member, (daemon) => daemon.call("audit.ship", {}));
    await gaggle(["audit", "export", file, "--org-dir", orgDir, "--url", url]);
  };
  return {
    connect,
    gatewayToken: (member) => homePaths(home(member)).gatewayToken,
    exportAudit,
  };
}

/** Adds the rule to the sources that the admin signs. */
const addRule = (orgDir: string): Promise<void> => writeFile(join(orgPaths(orgDir).profiles, "policies", "bench.cedar"), RULE);

type Connect = BenchOrganisation["connect"];

async function withDaemon(connect: Connect, member: Member, use: (daemon: DaemonClient) => Promise<unknown>): Promise<void> {
  const daemon = await connect(member);
  try {
    await use(daemon);
  } finally {
    daemon.close();
  }
}

const untilMet = (connect: Connect, member: Member): Promise<void> =>
  withDaemon(connect, member, (daemon) =>
    until(`${member} has met the others`, async () => {
      const { agents } = await daemon.call("directory.agents", {});
      return EVERYBODY.every((other) => agents.some(({ subject, online }) => subject === other && online));
    }),
  );

/** Asks until it is so; what throws counts as not yet. @throws Error after a minute */
async function until(what: string, isSo: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + READY_MS;
  while (!(await isSo().catch(() => false))) {
    if (performance.now() > deadline) throw new Error(`Waited a minute in vain until ${what}.`);
    await sleep(POLL_MS);
  }
}

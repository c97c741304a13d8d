/** `gaggle doctor`: what is wrong on this machine, and how to mend it. */
import { type AgentConfig, readAgentConfig } from "../agent/agent-config.ts";
import type { Env } from "../client/home.ts";
import { installFolder } from "../client/install-folder.ts";
import { VERSION } from "../contract/version.ts";
import { type Output, paint } from "./output.ts";
import { goosePaths } from "./setup/goose-paths.ts";
import { recallSetup } from "./setup/setup-record.ts";
import { type Check, look, ok, warn } from "./doctor/check.ts";
import { checkBypass, checkHook, checkOverrides, checkPlugin, checkRawLogs } from "./doctor/enforcement-checks.ts";
import { checkExtensions, checkProvider } from "./doctor/goose-checks.ts";
import { askDaemon, checkAlarms, checkDaemon, checkFileModes, checkGoose, checkNode, checkSocket } from "./doctor/machine-checks.ts";
import { checkKeys } from "./doctor/key-checks.ts";
import { checkBootstrap, checkBundle, checkMembership } from "./doctor/organisation-checks.ts";

/** What to look at. */
export interface DoctorRequest {
  readonly home: string;
  readonly env: Env;
  /** Milliseconds since the epoch; the system's clock where left out. */
  readonly now?: () => number;
  /** Folder in which chats would start; the process's own where left out. */
  readonly cwd?: string;
}

/** For files of Goose's that can't be read at all. */
const SETUP_AGAIN = "Mend the file that the message names, then run: gaggle setup";

async function memberChecks({ home, env, now = Date.now, cwd = process.cwd() }: DoctorRequest, config: AgentConfig): Promise<Check[]> {
  const paths = goosePaths(config.gooseRoot, env);
  const bootstrap = checkBootstrap(config, now);
  const asked = askDaemon(home);
  const daemon = await look("daemon", "Start it: gaggle agent. It says why it can't, if it can't.", async () =>
    checkDaemon((await asked).status, VERSION),
  );
  const status = await asked.then((answer) => answer.status).catch(() => undefined);
  // Without the daemon the hook denies everything, after a wait; that is said already.
  const hook = (): Check | Promise<Check> =>
    daemon.state === "fail" ? warn("hook", "Not tried, since the daemon does not answer.", "See daemon.") : checkHook(paths, env);
  return [
    await look("files", `Make ${home} yours: only you may own and read it.`, () => checkFileModes(home)),
    await look("keys", "Unlock the keychain, or name the passphrase's file in GAGGLE_PASSPHRASE_FILE.", () => checkKeys(home)),
    await look("socket", "Remove that folder or set XDG_RUNTIME_DIR, then start the daemon: gaggle agent", () => checkSocket(home)),
    daemon,
    ...(status === undefined ? [] : [checkAlarms(status)]),
    await look("bundle", "Run the daemon (gaggle agent) while the bootstrap node can be reached: it fetches a good one.", () =>
      checkBundle(home, config, now, status?.bundleRefused),
    ),
    await look("membership", "Join again with a new invitation, or by signing in.", () =>
      checkMembership(home, now, status?.bootstrap.refused),
    ),
    ...(await bootstrap),
    await look("provider", SETUP_AGAIN, () => checkProvider(paths, config, env)),
    await look("extensions", SETUP_AGAIN, () => checkExtensions(paths)),
    await look("plugin", SETUP_AGAIN, () => checkPlugin(paths, recallSetup(home, paths.configFile), env)),
    await look("project", SETUP_AGAIN, () => checkOverrides(paths, cwd)),
    await look("hook", SETUP_AGAIN, hook),
    await look("bypass", SETUP_AGAIN, () => checkBypass(paths, env)),
    await look("logs", SETUP_AGAIN, () => checkRawLogs(paths)),
  ];
}

/** Looks at everything; never throws, and starts or changes nothing. What needs a member is left out where this machine hasn't joined. */
export async function doctor(request: DoctorRequest): Promise<readonly Check[]> {
  const { home, env } = request;
  const machine = [
    checkNode(process.version),
    await look("goose", "Install Goose 1.52 or newer, or set GAGGLE_GOOSE to its path.", () =>
      checkGoose(env, installFolder(import.meta.url)),
    ),
  ];
  let config: AgentConfig | undefined;
  const joined = await look("joined", "Run: gaggle join <invitation>", async () => {
    config = await readAgentConfig(home);
    return ok("joined", `${config.subject}, ${config.role}, in ${home}`);
  });
  return [...machine, joined, ...(config === undefined ? [] : await memberChecks(request, config))];
}

const MARK = { ok: paint.good("✓"), warn: paint.warn("!"), fail: paint.bad("✗") } as const;

/** Shows the findings. @returns whether nothing failed */
export function printChecks(checks: readonly Check[], out: Output): boolean {
  const width = Math.max(...checks.map((check) => check.name.length));
  out.result({ checks });
  for (const { name, state, message, fix } of checks) {
    out.line(`${MARK[state]} ${name.padEnd(width)}  ${message}`);
    if (fix !== "") out.line(`  ${" ".repeat(width)}  ${paint.dim(`→ ${fix}`)}`);
  }
  return checks.every((check) => check.state !== "fail");
}

/** The environment of an unattended Goose: an allow-list, so that no vendor key or other secret of the daemon's environment reaches it. */
import { RUN_MARKER } from "../contract/goose-session.ts";

/** Variables that a program needs to run at all, or to find this agent's home and socket. */
const PASSED_ON = [
  "PATH",
  "HOME",
  "USER",
  "LOGNAME",
  "LANG",
  "LC_ALL",
  "LC_CTYPE",
  "TZ",
  "TMPDIR",
  "TMP",
  "TEMP",
  "XDG_DATA_HOME",
  "XDG_RUNTIME_DIR",
  "XDG_CACHE_HOME",
  "GAGGLE_HOME",
  "SystemRoot",
  "SystemDrive",
  "USERPROFILE",
  "APPDATA",
  "LOCALAPPDATA",
  "PATHEXT",
  "COMSPEC",
] as const;

/** What decides the environment of one run. */
export interface RunEnvironment {
  /** Environment of the daemon. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly gooseRoot: string;
  readonly runId: string;
  readonly maxTurns: number;
  readonly model?: string | undefined;
  /** Variables that the composition adds for extensions; what makes the run safe wins over them. */
  readonly extra: Readonly<Record<string, string>>;
}

/** The whole environment of a run's Goose, which its extensions inherit. */
export function runEnvironment({ env, gooseRoot, runId, maxTurns, model, extra }: RunEnvironment): Record<string, string> {
  const passed = PASSED_ON.flatMap((name) => (env[name] === undefined ? [] : [[name, env[name]] as const]));
  return {
    ...Object.fromEntries(passed),
    ...extra,
    GOOSE_PATH_ROOT: gooseRoot,
    GOOSE_PROVIDER: "privacy_guard",
    ...(model === undefined ? {} : { GOOSE_MODEL: model }),
    GOOSE_MODE: "approve",
    GOOSE_MAX_TURNS: String(maxTurns),
    GOOSE_DISABLE_KEYRING: "1",
    GOOSE_DISABLE_SESSION_NAMING: "true",
    // Keeps AGENTS.md and .goosehints of folders out: the recipe is all the instruction there is.
    CONTEXT_FILE_NAMES: "[]",
    [RUN_MARKER]: runId,
    // A run whose daemon is gone is an orphan; the next daemon ends it and begins anew.
    GAGGLE_AUTOSTART: "never",
  };
}

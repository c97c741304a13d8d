/** The real Goose binary with a root of its own. */
import { execFile } from "node:child_process";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { onTestFinished } from "vitest";

/** Path of the Goose binary that npm brought, or of the one on PATH. */
export function gooseBinary(): string {
  try {
    const manifest = createRequire(import.meta.url).resolve(`@aaif/goose-binary-${process.platform}-${process.arch}/package.json`);
    const binary = join(dirname(manifest), "bin", process.platform === "win32" ? "goose.exe" : "goose");
    if (existsSync(binary)) return binary;
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "MODULE_NOT_FOUND")) throw error;
  }
  return "goose";
}

/** How a run of Goose ended. */
export interface GooseRun {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A Goose root in a folder; see GOOSE_PATH_ROOT. */
export interface GooseRoot {
  readonly root: string;
  readonly configFile: string;
  /** Environment that every run has. */
  readonly env: NodeJS.ProcessEnv;
  /** Runs Goose to its end. @param input what is typed on standard input */
  run(args: readonly string[], env?: NodeJS.ProcessEnv, timeoutMs?: number, input?: string): Promise<GooseRun>;
}

/** Makes an empty Goose root in a folder, with `HOME` there too, so that nothing of the machine's user is read. */
export function gooseRoot(root: string): GooseRoot {
  mkdirSync(join(root, "config"), { recursive: true });
  const rootEnv: NodeJS.ProcessEnv = {
    PATH: process.env["PATH"],
    HOME: root,
    // Both decide where the daemon's socket lies.
    XDG_RUNTIME_DIR: process.env["XDG_RUNTIME_DIR"],
    TMPDIR: process.env["TMPDIR"],
    GOOSE_PATH_ROOT: root,
    GOOSE_DISABLE_KEYRING: "1",
    GOOSE_DISABLE_SESSION_NAMING: "true",
    GOOSE_TELEMETRY_ENABLED: "false",
    CONTEXT_FILE_NAMES: "[]",
  };
  const run: GooseRoot["run"] = (args, env = {}, timeoutMs = 60_000, input = "") =>
    new Promise((resolve) => {
      const child = execFile(
        gooseBinary(),
        args,
        {
          cwd: root,
          timeout: timeoutMs,
          maxBuffer: 67_108_864,
          env: { ...rootEnv, ...env },
        },
        (_error, stdout, stderr) => resolve({ code: child.exitCode ?? -1, stdout, stderr }),
      );
      child.stdin?.on("error", () => undefined).end(input);
      onTestFinished(() => void child.kill("SIGKILL"));
    });
  return { root, configFile: join(root, "config", "config.yaml"), env: rootEnv, run };
}

/** Points a Goose root at a model server without any guard in between. */
export function useModel(goose: GooseRoot, url: string): void {
  const providers = join(goose.root, "config", "custom_providers");
  mkdirSync(providers, { recursive: true });
  const provider = {
    name: "scripted",
    engine: "openai",
    display_name: "Scripted",
    base_url: url,
    models: [{ name: "m", context_limit: 128_000 }],
    requires_auth: false,
    supports_streaming: true,
    dynamic_models: false,
  };
  writeFileSync(join(providers, "scripted.json"), JSON.stringify(provider));
}

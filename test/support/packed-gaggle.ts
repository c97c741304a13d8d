/** The repository as its users get it: packed by npm, and installed from the tarball into an empty folder of somebody with an empty home. */
import { execFile } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { homedir, tmpdir } from "node:os";
import { delimiter, dirname, join, relative, sep } from "node:path";

const REPOSITORY = join(import.meta.dirname, "..", "..");
/** What is made from the repository, and so must be made anew when it is packed. */
const MADE = new Set([".git", ".cache", ".gaggle-demo", "coverage", "dist", "node_modules"]);
const NPM_TIMEOUT_MS = 240_000;

/** How a command ended. */
export interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** The installed package. */
export interface PackedGaggle {
  /** The tarball's size in bytes. */
  readonly bytes: number;
  /** Folder of the installed package. */
  readonly folder: string;
  /** Its files, as paths with `/`, and their sizes in bytes. */
  readonly files: ReadonlyMap<string, number>;
  /** Working folder of the person who installed it; also their home. */
  readonly home: string;
  /** The environment of that person, with this Node first on PATH. */
  env(node: string): NodeJS.ProcessEnv;
  /** Runs `npx gaggle …` with this Node. */
  npx(node: string, args: readonly string[], env?: NodeJS.ProcessEnv): Promise<Ended>;
  remove(): void;
}

/** PATH without what npm put there for this repository's own scripts. */
const machinePath = (): string[] => (process.env["PATH"] ?? "").split(delimiter).filter((folder) => !folder.startsWith(REPOSITORY));

/** The Node that people of this machine get when they type `node`, if any. */
export const machineNode = (): string | undefined =>
  machinePath()
    .map((folder) => join(folder, process.platform === "win32" ? "node.exe" : "node"))
    .find((path) => existsSync(path));

function run(file: string, args: readonly string[], cwd: string, env: NodeJS.ProcessEnv, timeout: number): Promise<Ended> {
  return new Promise((resolve) => {
    const child = execFile(file, args, { cwd, env, timeout, maxBuffer: 67_108_864 }, (error, stdout, stderr) =>
      resolve({ code: child.exitCode ?? -1, stdout, stderr: child.exitCode === null ? `${stderr}${error?.message}` : stderr }),
    );
    child.stdin?.end();
  });
}

async function npm(args: readonly string[], cwd: string, env: NodeJS.ProcessEnv): Promise<string> {
  const { code, stdout, stderr } = await run("npm", args, cwd, env, NPM_TIMEOUT_MS);
  if (code !== 0) throw new Error(`npm ${args[0]} ended with ${code}: ${stdout.slice(-2_000)}${stderr.slice(-2_000)}`);
  return stdout;
}

/** Whether npm's registry answers. */
export async function registryAnswers(): Promise<boolean> {
  const { code } = await run("npm", ["ping", "--fetch-retries=0", "--fetch-timeout=10000"], tmpdir(), process.env, 30_000);
  return code === 0;
}

/** A copy of the sources in which npm can build without touching this `dist/` or these packages. */
function copySources(to: string): void {
  cpSync(REPOSITORY, to, { recursive: true, filter: (path) => dirname(path) !== REPOSITORY || !MADE.has(relative(REPOSITORY, path)) });
  const packages = join(to, "node_modules");
  mkdirSync(packages);
  for (const name of readdirSync(join(REPOSITORY, "node_modules"))) {
    if (!name.startsWith(".") || name === ".bin") symlinkSync(join(REPOSITORY, "node_modules", name), join(packages, name));
  }
  // npm's own record, which says that everything is installed.
  cpSync(join(REPOSITORY, "node_modules", ".package-lock.json"), join(packages, ".package-lock.json"));
}

function filesIn(folder: string): Map<string, number> {
  const found = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const paths = found.map((entry) => join(entry.parentPath, entry.name));
  return new Map(paths.map((path) => [relative(folder, path).split(sep).join("/"), statSync(path).size]));
}

/** Packs, and installs with the machine's own Node. Call `remove` in the end. */
export async function packGaggle(): Promise<PackedGaggle> {
  const dir = realpathSync(mkdtempSync(join(tmpdir(), "gaggle-packed-")));
  const home = join(dir, "home");
  const env = (node: string): NodeJS.ProcessEnv => ({
    PATH: [dirname(node), ...machinePath()].join(delimiter),
    HOME: home,
    TMPDIR: process.env["TMPDIR"],
    NODE_EXTRA_CA_CERTS: process.env["NODE_EXTRA_CA_CERTS"],
    // Only the cache of what was downloaded before; nothing else of this user's.
    // Only what is installed here may run, nothing of the same name from the registry.
    npm_config_yes: "false",
    npm_config_cache: process.env["npm_config_cache"] ?? join(homedir(), ".npm"),
    NO_COLOR: "1",
    // As the README says: the model's runtime would download libraries for graphics cards, which Gaggle doesn't use.
    ONNXRUNTIME_NODE_INSTALL: "skip",
  });
  const npx: PackedGaggle["npx"] = (node, args, more = {}) => {
    return run("npx", ["gaggle", ...args], home, { ...env(node), ...more }, 110_000);
  };
  const remove = (): void => rmSync(dir, { recursive: true, force: true, maxRetries: 10 });
  try {
    mkdirSync(home);
    writeFileSync(join(home, "package.json"), "{}\n");
    const sources = join(dir, "sources");
    copySources(sources);
    await npm(["pack", "--pack-destination", dir], sources, env(process.execPath));
    const tarball = readdirSync(dir).find((name) => name.endsWith(".tgz"));
    if (tarball === undefined) throw new Error("npm pack left no tarball");
    await npm(["install", "--no-audit", "--no-fund", join(dir, tarball)], home, env(machineNode() ?? process.execPath));
    const folder = join(home, "node_modules", "gaggle");
    return { bytes: statSync(join(dir, tarball)).size, folder, files: filesIn(folder), home, env, npx, remove };
  } catch (error) {
    remove();
    throw error;
  }
}

/** Packages that a bench compares with and that are no part of Gaggle: fetched on demand into a folder for temporary files, kept for the next run. */
import { spawn } from "node:child_process";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Runs a program to its end. @throws Error with the end of what it said */
export function runProgram(command: string, args: readonly string[], env: NodeJS.ProcessEnv, cwd: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd,
      env: { ...process.env, ...env },
      stdio: ["ignore", "pipe", "pipe"],
      shell: process.platform === "win32",
    });
    let said = "";
    for (const stream of [child.stdout, child.stderr])
      stream.on("data", (part: Buffer) => (said = `${said}${part.toString()}`.slice(-400)));
    child.once("error", reject);
    child.once("close", (code) => (code === 0 ? resolve() : reject(new Error(`${command} ended with ${code}: ${said.trim()}`))));
  });
}

/**
 * Installs exact versions from npm, without running install scripts.
 * @param packages `name@version`
 * @returns the folder in whose `node_modules` they lie
 * @throws Error where npm can't have them
 */
export async function fetchPackages(name: string, packages: readonly string[]): Promise<string> {
  const folder = join(tmpdir(), `gaggle-bench-${name}`);
  const list = join(folder, "fetched.json");
  const wanted = JSON.stringify(packages);
  await mkdir(folder, { recursive: true });
  if ((await readFile(list, "utf8").catch(() => "")) === wanted) return folder;
  await writeFile(join(folder, "package.json"), '{"private":true}\n');
  const args = ["install", "--no-save", "--no-audit", "--no-fund", "--ignore-scripts", "--legacy-peer-deps", ...packages];
  await runProgram("npm", args, { ONNXRUNTIME_NODE_INSTALL: "skip" }, folder);
  await writeFile(list, wanted);
  return folder;
}

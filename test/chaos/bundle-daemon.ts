/** Bundles the chaos daemon as `dist/` is bundled: a start from hundreds of sources takes seconds, and a chaos run starts hundreds of daemons. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { rolldown } from "rolldown";

/** Packages with native code, workers or files of their own; scripts/build.mjs has the same. */
const OUTSIDE = ["level", "onnxruntime-node", "@huggingface/tokenizers", "fastify", "pino"];

/** Builds it. @returns the program's path, inside the repository, so that packages are found from there */
export async function bundleDaemon(root: string): Promise<string> {
  const dir = join(root, ".cache", "chaos", String(process.pid));
  mkdirSync(dir, { recursive: true });
  const build = await rolldown({
    input: join(import.meta.dirname, "daemon-process.ts"),
    cwd: root,
    platform: "node",
    external: (id) => OUTSIDE.some((name) => id === name || id.startsWith(`${name}/`)),
  });
  await build.write({ dir, format: "esm", entryFileNames: "daemon.mjs", chunkFileNames: "[name]-[hash].mjs" });
  await build.close();
  return join(dir, "daemon.mjs");
}

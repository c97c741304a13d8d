/**
 * Builds `dist/`: the `gaggle` program and the guard's worker (packages with native code or files of their own stay outside) and the programs that
 * Goose starts (one self-contained file each, for start-up speed and for Node 20). docs/decisions/0072-bundled-packages.md. Every program is a small entry that turns on Node's compile cache and loads the bundle beside it.
 * Files are replaced one by one by renaming, the entries last, because running programs read this folder.
 *
 * Usage: node scripts/build.mjs [--strict] [--clean]
 *   --strict   a missing entry point is an error
 *   --clean    removes at once what no longer belongs to dist/; without it, files of the last hour stay for running programs
 */
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { rolldown } from "rolldown";
import { buildStamp, sourceHash } from "./set-up.mjs";
import { thirdPartyNotices } from "./third-party-notices.mjs";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const dist = join(root, "dist");
const STALE_AFTER_MS = 3_600_000;

/** @typedef {{name: string, source: string, selfContained: boolean}} Program */

/** @type {readonly Program[]} what to build: `dist/<name>.js` from `source` */
const PROGRAMS = [
  { name: "gaggle", source: "mesh/cli/main.ts", selfContained: false },
  { name: "guard-worker", source: "guard/detect/worker/scan-worker.ts", selfContained: false },
  { name: "extensions/mesh", source: "extensions/mesh/main.ts", selfContained: true },
  { name: "extensions/privacy-guard", source: "extensions/privacy-guard/main.ts", selfContained: true },
  { name: "extensions/policy", source: "extensions/policy/main.ts", selfContained: true },
  { name: "extensions/ledger", source: "extensions/ledger/main.ts", selfContained: true },
  { name: "hook", source: "extensions/hook/main.ts", selfContained: true },
];

/**
 * The entry of a program. Its cache lies in the user's own folder, never in a temporary folder that others can write to: Node runs what it finds there.
 * The cache is written soon after the start, since Goose may kill an extension rather than let it end.
 * @param {string} bundle file name of the bundle beside the entry
 * @returns {string} its source
 */
const entrySource = (bundle) => `import module from "node:module";
import { homedir } from "node:os";
import { join } from "node:path";
const cache = process.env.LOCALAPPDATA || process.env.XDG_CACHE_HOME || join(homedir(), ".cache");
module.enableCompileCache?.(join(cache, "gaggle", "compile"));
await import("./${bundle}");
setTimeout(() => module.flushCompileCache?.(), 1000).unref();
`;

/** Packages that stay outside: those with native code, workers or files of their own. All others are bundled: resolving hundreds of files took most of a start. */
const OUTSIDE = ["@napi-rs/keyring", "level", "onnxruntime-node", "@huggingface/tokenizers", "fastify", "pino", "@cedar-policy/cedar-wasm"];

/** @param {string} id as imported */
const isOutside = (id) => OUTSIDE.some((name) => id === name || id.startsWith(`${name}/`));

/**
 * @param {Program} program
 * @returns {Promise<{files: Map<string, string>, modules: string[]}>} path in dist/ → content, and the modules that went into it
 */
const bundle = async ({ name, source, selfContained }) => {
  const build = await rolldown({
    input: { [name]: join(root, source) },
    cwd: root,
    platform: "node",
    external: selfContained ? [] : isOutside,
    transform: { target: selfContained ? "node20" : "node22.18" },
    treeshake: true,
    onLog: (level, log, defaultHandler) => {
      if (level === "warn" && log.code === "UNRESOLVED_IMPORT") throw new Error(log.message);
      defaultHandler(level, log);
    },
  });
  const { output } = await build.generate({
    format: "esm",
    entryFileNames: "[name].bundle.js",
    chunkFileNames: "chunks/[name]-[hash].js",
    codeSplitting: !selfContained,
    minify: selfContained,
  });
  await build.close();
  const chunks = output.filter((part) => part.type === "chunk");
  return {
    files: new Map(chunks.map((chunk) => [chunk.fileName, chunk.code])),
    modules: chunks.flatMap((chunk) => Object.keys(chunk.modules)),
  };
};

/**
 * @param {string} path in dist/
 * @param {string} content
 */
const replaceFile = (path, content) => {
  const target = join(dist, path);
  mkdirSync(dirname(target), { recursive: true });
  const temporary = `${target}.${process.pid}.tmp`;
  writeFileSync(temporary, content);
  renameSync(temporary, target);
};

/**
 * @param {ReadonlySet<string>} kept paths in dist/ that belong there
 * @param {number} olderThanMs what is younger stays
 */
const removeStale = (kept, olderThanMs) => {
  for (const file of readdirSync(dist, { recursive: true, withFileTypes: true })) {
    const path = join(file.parentPath, file.name);
    if (!file.isFile() || kept.has(relative(dist, path).split(sep).join("/"))) continue;
    if (Date.now() - statSync(path).mtimeMs >= olderThanMs) rmSync(path);
  }
};

const { values: options } = parseArgs({ options: { strict: { type: "boolean" }, clean: { type: "boolean" } } });
const missing = PROGRAMS.filter(({ source }) => !existsSync(join(root, source)));
for (const { source } of missing) process.stderr.write(`build: there is no ${source} yet, so it is left out\n`);
if (options.strict && missing.length > 0) {
  process.stderr.write("build: with --strict every program must be there\n");
  process.exit(1);
}

const stamp = sourceHash(root);
const programs = PROGRAMS.filter((program) => !missing.includes(program));
const built = await Promise.all(programs.map(bundle));
const files = new Map(built.flatMap((part) => [...part.files]));
const shipped = built.flatMap((part) => part.modules);
files.set("THIRD-PARTY-LICENSES.txt", thirdPartyNotices(shipped));
for (const { name } of programs) files.set(`${name}.js`, entrySource(`${name.split("/").at(-1)}.bundle.js`));
for (const [path, content] of files) replaceFile(path, content);
removeStale(new Set(files.keys()), options.clean ? 0 : STALE_AFTER_MS);
if (missing.length === 0) writeFileSync(buildStamp(root), stamp);
const kib = Math.round([...files.values()].reduce((sum, content) => sum + Buffer.byteLength(content), 0) / 1024);
process.stdout.write(`build: ${programs.length} programs, ${files.size} files, ${kib} KiB in dist/\n`);

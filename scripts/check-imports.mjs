/**
 * Checks the import rules: which folder may import which. They point one way, so that each part can be read and tested by itself.
 * A linter's pattern sees only the text of an import (`../x.ts`), which says nothing about the folder it comes from; this resolves it.
 *
 * Usage: node scripts/check-imports.mjs [root]
 */
import { readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join, relative, resolve, sep } from "node:path";
import { fileURLToPath } from "node:url";

const CONTRACT = "mesh/contract";

/** @type {Readonly<Record<string, readonly string[] | "all">>} part → the other parts that it may import; the longest fitting name counts */
const ALLOWED = {
  "mesh/contract": [],
  "mesh/store": [CONTRACT],
  "mesh/identity": [CONTRACT, "mesh/store"],
  "mesh/audit": [CONTRACT, "mesh/identity", "mesh/store"],
  "mesh/peer": [CONTRACT, "mesh/identity", "mesh/resilience"],
  "mesh/delivery": [CONTRACT, "mesh/enforcement", "mesh/identity", "mesh/resilience", "mesh/store"],
  "mesh/artifact": [CONTRACT],
  "mesh/mailbox": [CONTRACT, "mesh/identity", "mesh/delivery"],
  "mesh/session": [CONTRACT, "mesh/enforcement", "mesh/identity", "mesh/store"],
  "mesh/sign-in": [CONTRACT],
  "mesh/directory": [CONTRACT, "mesh/identity"],
  "mesh/recipe": [CONTRACT],
  "mesh/executor": [CONTRACT, "mesh/recipe"],
  "mesh/resilience": [CONTRACT],
  "mesh/enforcement": [CONTRACT, "mesh/resilience"],
  "mesh/client": [CONTRACT],
  "mesh/telemetry": [CONTRACT],
  "guard/detect": [CONTRACT],
  "guard/policy": [CONTRACT, "mesh/client"],
  "guard/pseudonym": [CONTRACT, "guard/detect"],
  "guard/boundary": [CONTRACT, "guard/detect", "guard/pseudonym"],
  "guard/eval": [CONTRACT, "guard/detect"],
  guard: [CONTRACT, "guard/detect", "guard/pseudonym"],
  "guard/gateway": [CONTRACT, "guard/detect", "guard/pseudonym", "guard"],
  "guard/routes": [CONTRACT, "mesh/resilience", "guard/gateway"],
  "profiles/sample": [CONTRACT],
  "profiles/bundle": [CONTRACT, "mesh/identity", "mesh/store", "guard/policy"],
  extensions: [CONTRACT, "mesh/client"],
  "mesh/agent": "all",
  "mesh/demo": "all",
  "bootstrap-node": "all",
  "mesh/cli": "all",
};

/** What nobody imports, but itself and the parts named here. */
const ENTRY_PARTS = {
  extensions: [],
  "mesh/cli": [],
  "bootstrap-node": ["mesh/cli", "mesh/demo"],
  "mesh/agent": ["mesh/cli", "mesh/demo"],
  "mesh/demo": ["mesh/cli"],
};

const IMPORT = /(?:^|[^\w.$])(?:import|export)\s*(?:type\s+)?(?:[\w$*{}\s,]+?\sfrom\s*)?\(?\s*["'](\.[^"']+)["']/g;

/**
 * @param {string} path relative to the root, with `/`
 * @returns {string | undefined} the part it belongs to; undefined for what has no rules (tests, scripts)
 */
const partOf = (path) =>
  Object.keys(ALLOWED)
    .filter((part) => path.startsWith(`${part}/`))
    .sort((a, b) => b.length - a.length)[0];

/**
 * @param {string} from part that imports
 * @param {string} to part that is imported
 * @returns {boolean}
 */
const mayImport = (from, to) => {
  if (from === to) return true;
  const askers = Object.entries(ENTRY_PARTS).find(([part]) => part === to)?.[1];
  if (askers !== undefined) return askers.some((part) => part === from);
  const allowed = ALLOWED[from];
  return allowed === "all" || (allowed?.includes(to) ?? false);
};

/**
 * @param {string} path of a source file, relative to the root, with `/`
 * @param {string} source its text
 * @returns {string[]} what breaks a rule, one line each
 */
export const brokenImports = (path, source) => {
  const from = partOf(path);
  if (from === undefined) return [];
  return [...source.matchAll(IMPORT)].flatMap(([, specifier = ""]) => {
    const target = relative(resolve("/"), resolve("/", dirname(path), specifier))
      .split(sep)
      .join("/");
    if (target === "package.json") return [];
    const to = partOf(target);
    if (to !== undefined && mayImport(from, to)) return [];
    return [`${path} imports ${target}: ${from} must not import ${to ?? "what is outside the parts"}`];
  });
};

/**
 * @param {string} folder
 * @returns {string[]} the TypeScript files under it
 */
const sourcesUnder = (folder) =>
  readdirSync(folder).flatMap((name) => {
    const path = join(folder, name);
    if (statSync(path).isDirectory()) return sourcesUnder(path);
    return path.endsWith(".ts") ? [path] : [];
  });

/**
 * @param {string} root of the repository
 * @returns {{files: number, broken: string[]}} how many files were read, and what breaks a rule
 */
export const checkImports = (root) => {
  const tops = ["bootstrap-node", "extensions", "guard", "mesh", "profiles"].map((top) => join(root, top));
  const files = tops.filter((top) => statSync(top, { throwIfNoEntry: false }) !== undefined).flatMap(sourcesUnder);
  const broken = files.flatMap((file) => brokenImports(relative(root, file).split(sep).join("/"), readFileSync(file, "utf8")));
  return { files: files.length, broken };
};

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { files, broken } = checkImports(process.argv[2] ?? dirname(dirname(fileURLToPath(import.meta.url))));
  for (const line of broken) process.stdout.write(`${line}\n`);
  process.stdout.write(`import rules: ${files} files, ${broken.length} broken\n`);
  if (broken.length > 0 || files === 0) process.exitCode = 1;
}

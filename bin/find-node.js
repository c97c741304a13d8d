/**
 * Which Node runs Gaggle: the one that started us where it is new enough, else the one that npm brought as a package.
 * Plain JavaScript for old Nodes (18 and newer): it runs before anything is built or checked.
 */
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

/** The oldest Node that runs TypeScript sources and libp2p; the same as `engines` in package.json. */
export const OLDEST_NODE = "22.18.0";

/**
 * @param {string} version such as `v22.18.0` or `20.20.2`
 * @param {string} [oldest] the version it must reach
 * @returns {boolean} true where `version` is `oldest` or newer
 */
export const isNewEnough = (version, oldest = OLDEST_NODE) => {
  const have = version.replace(/^v/, "").split(".").map(Number);
  const want = oldest.split(".").map(Number);
  const differs = want.findIndex((part, index) => have[index] !== part);
  return differs === -1 || (have[differs] ?? 0) > (want[differs] ?? 0);
};

/**
 * The Node binary that npm installed for this system, looked up the way Node resolves packages, so that hoisted installs are found too.
 * @param {string} from a path inside the package that asks
 * @param {{platform: string, arch: string}} system
 * @returns {string | undefined} absolute path of the binary
 */
export const packagedNode = (from, { platform, arch }) => {
  const name = `node-${platform === "win32" ? "win" : platform}-${arch}`;
  const binary = platform === "win32" ? "node.exe" : "node";
  try {
    const path = join(dirname(createRequire(from).resolve(`${name}/package.json`)), "bin", binary);
    return existsSync(path) ? path : undefined;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "MODULE_NOT_FOUND") return undefined;
    throw error;
  }
};

/**
 * @param {string} from a path inside the package that asks
 * @param {{version: string, execPath: string, platform: string, arch: string}} [self] the running Node
 * @returns {string} absolute path of a Node that is new enough
 * @throws {Error} whose message names the fix, where there is none
 */
export const findNode = (from, self = process) => {
  if (isNewEnough(self.version)) return self.execPath;
  const packaged = packagedNode(from, self);
  if (packaged !== undefined) return packaged;
  throw new Error(
    `Gaggle needs Node ${OLDEST_NODE} or newer, and this is ${self.version}. For ${self.platform} ${self.arch} npm has no package that brings one: ` +
      "install Node 24 from https://nodejs.org (or your package manager) and run this again.",
  );
};

/** Where the daemon of a home listens. Source: docs/decisions/0010-local-socket.md. */
import { createHash } from "node:crypto";
import { lstatSync, mkdirSync, realpathSync } from "node:fs";
import { tmpdir } from "node:os";
import { isAbsolute, join, resolve } from "node:path";
import { GaggleError, systemCode } from "../contract/errors.ts";
import type { Env } from "./home.ts";

/** The kernel's limit is 108 bytes on Linux and 104 on macOS, the final zero included. */
const MAX_SOCKET_PATH_BYTES = 100;

/** Two ways to the same folder, such as a symlink, must lead to the same socket. */
function canonicalHome(home: string): string {
  try {
    return realpathSync(home);
  } catch (error) {
    if (systemCode(error) === "ENOENT") return resolve(home);
    throw error;
  }
}

/** This user's id. `userInfo()` would fail for one that has no entry in the user database, as in many containers. Not called on Windows. */
const userId = (): number => process.getuid?.() ?? -1;

/** The folder for sockets: the session's own runtime folder, else one per user among the temporary files. */
function socketFolder(env: Env, fileName: string): string {
  const fits = (folder: string): boolean => Buffer.byteLength(join(folder, fileName)) <= MAX_SOCKET_PATH_BYTES;
  const runtime = env["XDG_RUNTIME_DIR"];
  if (runtime !== undefined && isAbsolute(runtime) && fits(join(runtime, "gaggle"))) return join(runtime, "gaggle");
  const name = `gaggle-${userId()}`;
  const temporary = env["TMPDIR"] ?? tmpdir();
  return isAbsolute(temporary) && fits(join(temporary, name)) ? join(temporary, name) : join("/tmp", name);
}

/**
 * Path of the socket (or Windows named pipe) of the daemon of a home. Creates and checks nothing.
 * @param home the agent's folder; see `gaggleHome`
 */
export function socketPathFor(home: string, env: Env = process.env): string {
  const hash = createHash("sha256").update(canonicalHome(home)).digest("hex").slice(0, 24);
  if (process.platform === "win32") return `\\\\.\\pipe\\gaggle-${hash}`;
  const fileName = `${hash}.sock`;
  return join(socketFolder(env, fileName), fileName);
}

/**
 * Makes the folder of a socket (0700) where it is missing, and checks that nobody else can put a socket there.
 * A client checks before it speaks, a daemon before it listens. Does nothing for a named pipe.
 * @throws GaggleError DAEMON_UNREACHABLE where the folder is a symlink, another user's, or open to others
 */
export function secureSocketFolder(folder: string): void {
  if (process.platform === "win32") return;
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const found = lstatSync(folder);
  const problem = !found.isDirectory()
    ? "is not a folder"
    : found.uid !== userId()
      ? "belongs to another user"
      : (found.mode & 0o077) !== 0
        ? "is open to other users"
        : undefined;
  if (problem === undefined) return;
  throw new GaggleError(
    "DAEMON_UNREACHABLE",
    `The socket folder ${folder} ${problem}. Remove it, or set XDG_RUNTIME_DIR to a folder of your own.`,
  );
}

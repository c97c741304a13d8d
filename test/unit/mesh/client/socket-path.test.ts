import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, statSync, symlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { secureSocketFolder, socketPathFor } from "../../../../mesh/client/socket-path.ts";
import { tempFolder } from "../../../support/temp-home.ts";

const SOCKET_PATH = join(import.meta.dirname, "../../../../mesh/client/socket-path.ts");

describe.skipIf(process.platform === "win32")("socketPathFor", () => {
  it("lies in the session's runtime folder and differs by home", () => {
    const env = { XDG_RUNTIME_DIR: "/run/user/1000" };
    const one = socketPathFor("/home/ada/one", env);
    expect(one).toMatch(/^\/run\/user\/1000\/gaggle\/[0-9a-f]{24}\.sock$/);
    expect(socketPathFor("/home/ada/two", env)).not.toBe(one);
  });

  it("is the same through a symlink", () => {
    const folder = tempFolder();
    mkdirSync(join(folder, "home"));
    symlinkSync(join(folder, "home"), join(folder, "link"));
    expect(socketPathFor(join(folder, "link"))).toBe(socketPathFor(join(folder, "home")));
  });

  it("can be told by a user without an entry in the user database", () => {
    const script = `import { socketPathFor } from ${JSON.stringify(SOCKET_PATH)}; console.log(socketPathFor("/home/ada", {}));`;
    // Only root can become another user; everybody else at least runs it as themselves.
    const uid = process.getuid?.() === 0 ? 54_321 : process.getuid?.();
    const { stdout, stderr } = spawnSync(process.execPath, ["--input-type=module", "--eval", script], { encoding: "utf8", uid });
    expect(stdout, stderr).toContain(`gaggle-${uid}/`);
  });

  it("fits into a socket address however long the folders' names are", () => {
    const long = `/${"x".repeat(120)}`;
    for (const env of [{ XDG_RUNTIME_DIR: long }, { TMPDIR: long }, { XDG_RUNTIME_DIR: "relative" }]) {
      expect(Buffer.byteLength(socketPathFor(long, env))).toBeLessThanOrEqual(100);
    }
  });
});

describe.skipIf(process.platform === "win32")("secureSocketFolder", () => {
  it("makes the folder for its owner alone", () => {
    const folder = join(tempFolder(), "run", "gaggle");
    secureSocketFolder(folder);
    expect(statSync(folder).mode & 0o777).toBe(0o700);
    expect(() => secureSocketFolder(folder)).not.toThrow();
  });

  it("refuses a folder that others can open", () => {
    const folder = join(tempFolder(), "gaggle");
    mkdirSync(folder);
    chmodSync(folder, 0o777);
    expect(() => secureSocketFolder(folder)).toThrow(
      expect.objectContaining({ code: "DAEMON_UNREACHABLE", message: expect.stringContaining("open to other users") }),
    );
  });

  it("refuses a symlink in its place", () => {
    const folder = tempFolder();
    symlinkSync(dirname(folder), join(folder, "gaggle"));
    expect(() => secureSocketFolder(join(folder, "gaggle"))).toThrow(expect.objectContaining({ code: "DAEMON_UNREACHABLE" }));
  });
});

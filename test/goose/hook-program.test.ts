/** The hook as Goose starts it: the built program, a payload on its stdin, its exit code. 2 denies; 0 lets pass; Goose denies on every other too. */
import { execFile } from "node:child_process";
import { existsSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { homePaths } from "../../mesh/agent/agent-config.ts";
import { secureSocketFolder, socketPathFor } from "../../mesh/client/socket-path.ts";
import { INSTALL_DIR, joinedHome } from "../support/joined-home.ts";
import { startStandIn } from "../support/stand-in-daemon.ts";
import { tempFolder } from "../support/temp-home.ts";

const HOOK = join(INSTALL_DIR, "dist", "hook.js");

beforeAll(() => {
  if (!existsSync(HOOK)) throw new Error("dist/ is missing: run npm run build first.");
});

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the hook to its end; it may start no daemon. */
const hook = (home: string, payload: string): Promise<Ended> =>
  new Promise((resolve) => {
    const env = { ...process.env, GAGGLE_AUTOSTART: "never" };
    const child = execFile(process.execPath, [HOOK, "--home", home], { env }, (_error, stdout, stderr) =>
      resolve({ code: child.exitCode, stdout, stderr }),
    );
    child.stdin?.on("error", () => undefined).end(payload);
  });

/** A home whose daemon answers as the stand-in does, or not at all. */
async function homeWith(change?: Parameters<typeof startStandIn>[1]): Promise<{ home: string; calls: string[] }> {
  const { home } = await joinedHome(join(tempFolder(), "home"));
  const path = socketPathFor(home);
  secureSocketFolder(dirname(path));
  const daemon = await startStandIn(path, change);
  onTestFinished(() => daemon.close());
  return { home, calls: daemon.state.asked };
}

const payloadOf = (tool: string, more: object = {}): string =>
  JSON.stringify({ event: "PreToolUse", session_id: "20261120_1", tool_name: tool, tool_input: {}, ...more });

describe("the hook's program", () => {
  it("lets pass what the daemon allows, whatever the size of the arguments, and says nothing", async () => {
    const { home, calls } = await homeWith();
    const huge = payloadOf("mesh__notify", { tool_input: { message: "x".repeat(30_000_000) } });
    expect(await hook(home, payloadOf("mesh__notify"))).toEqual({ code: 0, stdout: "", stderr: "" });
    expect(await hook(home, huge)).toEqual({ code: 0, stdout: "", stderr: "" });
    expect(calls).toEqual(["mesh__notify", "mesh__notify"]);
  });

  it("denies what the daemon denies, with its reason", async () => {
    const { home } = await homeWith();
    expect(await hook(home, payloadOf("delegate"))).toMatchObject({ code: 2, stdout: "", stderr: "The role may not use this tool.\n" });
  });

  it.each([
    ["nothing", ""],
    ["no JSON", '{"event":"PreToolUse","session_id":"Ada Lovelace"'],
    ["no object", "7"],
    ["no session", JSON.stringify({ event: "PreToolUse", tool_name: "mesh__notify" })],
    ["no tool", JSON.stringify({ event: "PreToolUse", session_id: "s" })],
    ["a session's name that is far too long", payloadOf("mesh__notify", { session_id: "s".repeat(5_000) })],
    ["a tool's name that is far too long", payloadOf("t".repeat(5_000))],
  ])("denies a payload with %s, and quotes nothing of it", async (_what, payload) => {
    const { home, calls } = await homeWith();
    const { code, stderr } = await hook(home, payload);
    expect({ code, calls }).toEqual({ code: 2, calls: [] });
    expect(stderr).toMatch(/^Gaggle did not allow this \(INVALID_INPUT\)/);
    expect(stderr).not.toMatch(/Ada|ssssss|tttttt/);
  });

  it("denies where no daemon answers, and on a machine that has not joined", async () => {
    const { home } = await joinedHome(join(tempFolder(), "home"));
    expect(await hook(home, payloadOf("mesh__notify"))).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("DAEMON_UNREACHABLE") as unknown,
    });
    rmSync(homePaths(home).config);
    expect(await hook(home, payloadOf("mesh__notify"))).toMatchObject({ code: 2 });
  });

  it("denies where the daemon fails or answers something else", async () => {
    const failing = await homeWith({
      "hook.decide": () => {
        throw new Error("disk of Ada");
      },
    });
    const { code, stderr } = await hook(failing.home, payloadOf("mesh__notify"));
    expect({ code, told: stderr.includes("Ada") }).toEqual({ code: 2, told: false });
  });

  it("lets a turn end where no daemon answers", async () => {
    const { home } = await joinedHome(join(tempFolder(), "home"));
    expect(await hook(home, JSON.stringify({ event: "Stop", session_id: "s" }))).toEqual({ code: 0, stdout: "", stderr: "" });
  });
});

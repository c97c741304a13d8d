import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from "vitest";
import { connectDaemon, type DaemonClient, type DaemonClientConfig } from "../../../../mesh/client/connect-daemon.ts";
import { secureSocketFolder, socketPathFor } from "../../../../mesh/client/socket-path.ts";
import { startLogPath } from "../../../../mesh/client/start-daemon.ts";
import { processesIn, seen, type SeenProcess, signalSeen } from "../../../support/home-processes.ts";
import { until } from "../../../support/until.ts";
import { type StandInDaemon, startStandIn } from "../../../support/stand-in-daemon.ts";
import { tempFolder } from "../../../support/temp-home.ts";

const AGENT_PROGRAM = fileURLToPath(new URL("../../../support/stand-in-agent.ts", import.meta.url));

let home: string;
const clients: DaemonClient[] = [];
const servers: (StandInDaemon | Server)[] = [];
const daemons = new Map<number, SeenProcess>();

beforeEach(() => {
  home = tempFolder();
  writeFileSync(join(home, "config.json"), "{}");
});
afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  await Promise.all(servers.splice(0).map(async (server) => server.close()));
  for (const daemon of daemons.values()) signalSeen(daemon, "SIGKILL");
  daemons.clear();
  rmSync(socketPathFor(home), { force: true });
});

async function open(config: Partial<DaemonClientConfig> = {}): Promise<DaemonClient> {
  const client = await connectDaemon({ home, program: "test", ...config });
  clients.push(client);
  return client;
}

const autoStart = (env: NodeJS.ProcessEnv = process.env): Pick<DaemonClientConfig, "autoStart"> => ({
  autoStart: { node: process.execPath, entry: AGENT_PROGRAM, env },
});

/** The daemon's process, which is ended after the test. */
async function pidOf(client: DaemonClient): Promise<number> {
  const { pid } = await client.call("daemon.status", {});
  if (pid !== process.pid) daemons.set(pid, seen(pid));
  return pid;
}

async function serve(change: Parameters<typeof startStandIn>[1] = {}): Promise<StandInDaemon> {
  const path = socketPathFor(home);
  secureSocketFolder(dirname(path));
  const server = await startStandIn(path, change);
  servers.push(server);
  return server;
}

/** A program on the socket that is not our daemon. */
async function serveRaw(answer: (line: string) => string | undefined): Promise<void> {
  const path = socketPathFor(home);
  secureSocketFolder(dirname(path));
  const server = createServer((socket) =>
    // A client that has given up is gone when it is answered.
    socket
      .on("error", () => undefined)
      .on("data", (chunk) => {
        const reply = answer(chunk.toString());
        if (reply === undefined) socket.destroy();
        else socket.write(reply);
      }),
  );
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(path, resolve));
}

describe("a call", () => {
  it("gets the daemon's answer", async () => {
    await serve();
    const client = await open();
    expect(await client.call("policy.check", { action: "task.send" })).toMatchObject({ allowed: true });
  });

  it("gets the daemon's error with its code", async () => {
    await serve();
    const client = await open();
    await expect(client.call("status.fetch", { id: "nothing" })).rejects.toMatchObject({ name: "GaggleError", code: "NOT_FOUND" });
  });

  it("ends when its signal aborts, and the client goes on", async () => {
    await serve({ "audit.ship": () => new Promise(() => undefined) });
    const client = await open();
    const abort = new AbortController();
    const call = client.call("audit.ship", {}, { signal: abort.signal });
    abort.abort(new Error("cancelled"));
    await expect(call).rejects.toThrow("cancelled");
    expect(await client.call("dead.list", {})).toEqual({ items: [], total: 0 });
  });

  it("fails with TIMEOUT where no answer comes", async () => {
    await serve({ "audit.ship": () => new Promise(() => undefined) });
    const client = await open();
    await expect(client.call("audit.ship", {}, { timeoutMs: 50 })).rejects.toMatchObject({ code: "TIMEOUT" });
  });

  it("still finds its connection open after the time for connecting is over", async () => {
    await serve();
    const time = new AbortController();
    vi.spyOn(AbortSignal, "timeout").mockReturnValueOnce(time.signal);
    onTestFinished(() => void vi.restoreAllMocks());
    const client = await open();
    let lost = 0;
    client.onDisconnect(() => {
      lost += 1;
    });
    time.abort(new DOMException("The time is over.", "TimeoutError"));
    expect(await client.call("dead.list", {})).toEqual({ items: [], total: 0 });
    expect(lost).toBe(0);
  });

  it("after close fails at once", async () => {
    await serve();
    const client = await open();
    client.close();
    await expect(client.call("dead.list", {})).rejects.toMatchObject({ code: "DAEMON_UNREACHABLE" });
  });
});

describe("notifications", () => {
  it("reach listeners until they leave", async () => {
    const event = { seq: 3 };
    await serve({
      "events.subscribe": (_params, connection) => {
        connection.notify("audit.event", event as never);
        return { ok: true };
      },
    });
    const client = await open();
    const heard: unknown[] = [];
    const leave = client.onEvent((name, params) => heard.push([name, params]));
    await client.call("events.subscribe", {});
    leave();
    await client.call("events.subscribe", {});
    expect(heard).toEqual([["audit.event", event]]);
  });
});

describe("without a daemon", { timeout: 60_000 }, () => {
  it("an error says how to start one", async () => {
    await expect(open({ timeoutMs: 150 })).rejects.toMatchObject({
      code: "DAEMON_UNREACHABLE",
      message: expect.stringContaining("gaggle agent"),
    });
  });

  it("none is started where the environment says that something else does", async () => {
    await expect(open({ ...autoStart({ ...process.env, GAGGLE_AUTOSTART: "never" }), timeoutMs: 200 })).rejects.toMatchObject({
      code: "DAEMON_UNREACHABLE",
      message: expect.stringContaining("gaggle agent"),
    });
    expect(existsSync(startLogPath(home))).toBe(false);
  });

  it("a home that has not joined is told so at once", async () => {
    home = join(home, "none");
    await expect(open({ timeoutMs: 60_000, ...autoStart() })).rejects.toMatchObject({ code: "NOT_JOINED" });
  });

  it("one is started, and outlives the client", async () => {
    const client = await open(autoStart());
    const pid = await pidOf(client);
    client.close();
    expect(await pidOf(await open())).toBe(pid);
  });

  it("several clients at once end up with the same one", async () => {
    const all = await Promise.all(Array.from({ length: 4 }, () => open(autoStart())));
    expect(new Set(await Promise.all(all.map(pidOf))).size).toBe(1);
  });

  it("one that is still starting when another answers is ended, so that it takes no home over later", async () => {
    const opening = open(autoStart({ ...process.env, STAND_IN_WAITS: "1" }));
    await until("it is starting", () => processesIn(home).length === 1);
    await serve();
    expect(await pidOf(await opening)).toBe(process.pid);
    await until("it is ended", () => processesIn(home).length === 0);
  });

  it("one that can't start is given up, and the error names the log", async () => {
    const failing = open({ timeoutMs: 20_000, ...autoStart({ ...process.env, STAND_IN_FAILS: "1" }) });
    await expect(failing).rejects.toMatchObject({ code: "DAEMON_UNREACHABLE", message: expect.stringContaining(startLogPath(home)) });
    expect(readFileSync(startLogPath(home), "utf8")).toContain("told to fail");
  });

  it.each([
    [
      "is told with the error",
      "info line\nDUPLICATE_AGENT  Another machine goes on as this agent.\n",
      "start: DUPLICATE_AGENT  Another machine",
    ],
    [
      "is left to the log where it is none of ours",
      "DUPLICATE_AGENT  Earlier.\n    at somewhere (file.ts:1:1)\n",
      "start; the reason is in",
    ],
    ["is left to the log where it could act on a terminal", "DUPLICATE_AGENT  \u001b[2J\n", "start; the reason is in"],
  ])("why one can't start %s", async (_title, says, told) => {
    const failing = open({ timeoutMs: 20_000, ...autoStart({ ...process.env, STAND_IN_SAYS: says }) });
    await expect(failing).rejects.toMatchObject({ code: "DAEMON_UNREACHABLE", message: expect.stringContaining(`It did not ${told}`) });
  });

  it("a socket that a killed one left does not matter", async () => {
    const first = await open(autoStart());
    const pid = await pidOf(first);
    first.close();
    signalSeen(seen(pid), "SIGKILL");
    expect(await pidOf(await open(autoStart()))).not.toBe(pid);
  });
});

describe("a daemon that goes away", { timeout: 60_000 }, () => {
  it("is found again, and the call that was cut off is made again", async () => {
    const server = await serve({ "audit.ship": () => new Promise(() => undefined) });
    const client = await open();
    const call = client.call("audit.ship", {});
    await client.call("dead.list", {});
    await server.close();
    await serve();
    expect(await call).toEqual({ seq: 0, shipped: 0 });
  });

  it("is started again where the client may", async () => {
    const client = await open(autoStart());
    const pid = await pidOf(client);
    signalSeen(seen(pid), "SIGKILL");
    expect(await pidOf(client)).not.toBe(pid);
  });

  it("because it was stopped is not started again for a call that waited, which ends with what to do; the next call starts it", async () => {
    const server = await serve({ "audit.ship": () => new Promise(() => undefined) });
    const client = await open({ ...autoStart(), reconnectMs: 300 });
    const waiting = client.call("audit.ship", {});
    await client.call("dead.list", {});
    await server.close();
    await expect(waiting).rejects.toMatchObject({ code: "DAEMON_UNREACHABLE", message: expect.stringContaining("gaggle agent") });
    expect(existsSync(startLogPath(home))).toBe(false);
    // In so short a time it may not find what it has started.
    await client.call("dead.list", {}).catch(() => undefined);
    expect(existsSync(startLogPath(home))).toBe(true);
    expect(await pidOf(await open(autoStart()))).not.toBe(process.pid);
  });

  it("because it failed is started again for a call that waited", async () => {
    const server = await serve({ "daemon.status": () => new Promise(() => undefined) });
    const client = await open(autoStart());
    const waiting = pidOf(client);
    await client.call("dead.list", {});
    await server.close({ failed: true });
    expect(await waiting).not.toBe(process.pid);
  });

  it("for good ends calls with an error after a bounded time", async () => {
    const server = await serve();
    const client = await open({ reconnectMs: 150 });
    await server.close();
    await expect(client.call("dead.list", {})).rejects.toMatchObject({ code: "DAEMON_UNREACHABLE" });
  });

  it("is noticed", async () => {
    const server = await serve();
    const client = await open();
    let lost = 0;
    client.onDisconnect(() => void lost++);
    await server.close();
    await expect.poll(() => lost).toBe(1);
  });

  it("was told to stop is not started to be told again", async () => {
    const client = await open({ ...autoStart(), reconnectMs: 150 });
    await pidOf(client);
    expect(await client.call("daemon.stop", {})).toEqual({ ok: true });
  });
});

describe("what answers on the socket", () => {
  it("with another version is refused with what to do", async () => {
    await serveRaw(() => `${JSON.stringify({ jsonrpc: "2.0", id: 1, result: { apiVersion: 99, version: "9.9.9", pid: 4_711 } })}\n`);
    await expect(open()).rejects.toMatchObject({ code: "DAEMON_VERSION", message: expect.stringContaining("4711") });
  });

  it("with garbage is not a daemon", async () => {
    await serveRaw(() => "hello there\n");
    await expect(open({ timeoutMs: 150 })).rejects.toMatchObject({ code: "DAEMON_UNREACHABLE" });
  });

  it("by hanging up is not a daemon", async () => {
    await serveRaw(() => undefined);
    await expect(open({ timeoutMs: 150 })).rejects.toMatchObject({ code: "DAEMON_UNREACHABLE" });
  });

  it("with silence is waited for no longer than asked", async () => {
    await serveRaw(() => "");
    await expect(open({ timeoutMs: 150 })).rejects.toMatchObject({ code: "DAEMON_UNREACHABLE" });
  });
});

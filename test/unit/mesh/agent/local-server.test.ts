import { existsSync, statSync, writeFileSync } from "node:fs";
import { connect, createServer, Server } from "node:net";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, describe, expect, it, vi } from "vitest";
import { GaggleError } from "../../../../mesh/contract/errors.ts";
import { MAX_LOCAL_REQUEST_BYTES } from "../../../../mesh/contract/limits.ts";
import { type StandInDaemon, type StandInHandlers, startStandIn } from "../../../support/stand-in-daemon.ts";
import { tempFolder } from "../../../support/temp-home.ts";

/** Talks to the socket in raw lines. */
interface RawClient {
  send(text: string | Buffer): void;
  /** The next line as an object. */
  next(): Promise<Record<string, unknown>>;
  readonly closed: Promise<void>;
  end(): void;
}

function rawClient(path: string): RawClient {
  const socket = connect(path);
  const lines: string[] = [];
  const waiting: ((line: string) => void)[] = [];
  let rest = "";
  socket.setEncoding("utf8").on("data", (chunk: string) => {
    const parts = (rest + chunk).split("\n");
    rest = parts.pop() ?? "";
    for (const part of parts) {
      const take = waiting.shift();
      if (take === undefined) lines.push(part);
      else take(part);
    }
  });
  socket.on("error", () => socket.destroy());
  return {
    send: (text) => void socket.write(text),
    next: async () =>
      JSON.parse(lines.shift() ?? (await new Promise<string>((resolve) => waiting.push(resolve)))) as Record<string, unknown>,
    closed: new Promise((resolve) => socket.once("close", () => resolve())),
    end: () => void socket.destroy(),
  };
}

const request = (id: number | string, method: string, params: unknown = {}): string =>
  `${JSON.stringify({ jsonrpc: "2.0", id, method, params })}\n`;
const hello = request("hello", "hello", { apiVersion: 1, program: "test" });

const servers: StandInDaemon[] = [];
const clients: RawClient[] = [];
afterEach(async () => {
  for (const client of clients.splice(0)) client.end();
  await Promise.all(servers.splice(0).map((server) => server.close()));
});

async function start(
  change: Partial<StandInHandlers> = {},
): Promise<{ path: string; server: StandInDaemon; open(): RawClient; greeted(): Promise<RawClient> }> {
  const path = join(tempFolder(), "test.sock");
  const server = await startStandIn(path, change);
  servers.push(server);
  const open = (): RawClient => {
    const client = rawClient(path);
    clients.push(client);
    return client;
  };
  const greeted = async (): Promise<RawClient> => {
    const client = open();
    client.send(hello);
    await client.next();
    return client;
  };
  return { path, server, open, greeted };
}

const errorOf = (reply: Record<string, unknown>): { code: number; message: string; data: { code: string } } => reply["error"] as never;

describe.skipIf(process.platform === "win32")("the socket", () => {
  it("can be opened by its user alone", async () => {
    const { path } = await start();
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  it("replaces a socket that a killed daemon left", async () => {
    const path = join(tempFolder(), "test.sock");
    writeFileSync(path, "");
    servers.push(await startStandIn(path));
    const client = rawClient(path);
    clients.push(client);
    client.send(hello);
    expect(await client.next()).toMatchObject({ id: "hello", result: { apiVersion: 1 } });
  });

  it("goes on where the system could not hand over a connection", async () => {
    const listen = vi.spyOn(Server.prototype, "listen");
    const { greeted } = await start();
    (listen.mock.contexts.at(-1) as Server).emit("error", Object.assign(new Error("accept ENFILE"), { code: "ENFILE" }));
    listen.mockRestore();
    const client = await greeted();
    client.send(request("after", "dead.list"));
    expect(await client.next()).toMatchObject({ id: "after" });
  });

  it("does not take a socket away from a program that answers", async () => {
    const path = join(tempFolder(), "test.sock");
    const other = createServer().listen(path);
    await new Promise((resolve) => other.once("listening", resolve));
    await expect(startStandIn(path)).rejects.toMatchObject({ code: "CONFLICT" });
    expect(existsSync(path)).toBe(true);
    await new Promise((resolve) => other.close(resolve));
  });

  it("is gone after close, and connections end", async () => {
    const { path, server, greeted } = await start();
    const client = await greeted();
    await server.close();
    await client.closed;
    expect(existsSync(path)).toBe(false);
  });

  it("lets a call end that is under way when it closes", async () => {
    let finish: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => {
      finish = resolve;
    });
    const { server, greeted } = await start({
      "audit.ship": async () => {
        await gate;
        return { seq: 7, shipped: 7 };
      },
    });
    const client = await greeted();
    client.send(request(1, "audit.ship"));
    client.send(request(2, "dead.list"));
    await client.next();
    const closed = server.close();
    finish();
    expect(await client.next()).toMatchObject({ id: 1, result: { seq: 7 } });
    await closed;
  });
});

describe.skipIf(process.platform === "win32")("hello", () => {
  it("comes first", async () => {
    const { open } = await start();
    const client = open();
    client.send(request(1, "dead.list"));
    expect(errorOf(await client.next())).toMatchObject({ data: { code: "INVALID_INPUT" } });
    client.send(hello);
    expect(await client.next()).toMatchObject({ result: { version: "0.1.0", pid: process.pid } });
  });

  it("refuses another version and says what to do", async () => {
    const { open } = await start();
    const client = open();
    client.send(request(1, "hello", { apiVersion: 2, program: "test" }));
    const error = errorOf(await client.next());
    expect(error.data.code).toBe("DAEMON_VERSION");
    expect(error.message).toContain(`End process ${process.pid}`);
    client.send(request(2, "dead.list"));
    expect(errorOf(await client.next()).data.code).toBe("INVALID_INPUT");
  });
});

describe.skipIf(process.platform === "win32")("calls", () => {
  it("are checked before a handler sees them", async () => {
    const { greeted, server } = await start();
    const client = await greeted();
    client.send(request(1, "session.register", { sessionId: "" }));
    const error = errorOf(await client.next());
    expect(error).toMatchObject({ code: -32_602, data: { code: "INVALID_INPUT" } });
    expect(error.message).toContain("sessionId");
    expect(server.state.sessions.size).toBe(0);
  });

  it("of unknown methods, also of a prototype's, are answered -32601", async () => {
    const { greeted } = await start();
    const client = await greeted();
    for (const method of ["nope", "constructor", "toString"]) {
      client.send(request(1, method));
      expect(errorOf(await client.next()).code).toBe(-32_601);
    }
  });

  it("run at once: a slow one does not hold up the next", async () => {
    let finish: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => {
      finish = resolve;
    });
    const { greeted } = await start({
      "audit.ship": async () => {
        await gate;
        return { seq: 1, shipped: 1 };
      },
    });
    const client = await greeted();
    client.send(request("slow", "audit.ship"));
    client.send(request("quick", "dead.list"));
    expect(await client.next()).toMatchObject({ id: "quick" });
    finish();
    expect(await client.next()).toMatchObject({ id: "slow" });
  });

  it("beyond the limit at once are answered BUSY", async () => {
    let finish: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => {
      finish = resolve;
    });
    const { greeted } = await start({
      "audit.ship": async () => {
        await gate;
        return { seq: 1, shipped: 1 };
      },
    });
    const client = await greeted();
    for (let id = 0; id <= 256; id++) client.send(request(id, "audit.ship"));
    expect(errorOf(await client.next()).data.code).toBe("BUSY");
    finish();
  });

  it("keep an error's code, and its details", async () => {
    const { greeted } = await start({
      "daemon.stop": () => {
        throw new GaggleError("DISK_FULL", "Free some space.", { details: { freeBytes: 12 } });
      },
    });
    const client = await greeted();
    client.send(request(1, "daemon.stop"));
    expect(errorOf(await client.next())).toEqual({
      code: -32_000,
      message: "Free some space.",
      data: { code: "DISK_FULL", details: { freeBytes: 12 } },
    });
  });

  it("hide what an unknown error says, in the answer and in the log", async () => {
    const { greeted, server } = await start({
      "daemon.stop": () => {
        throw new Error("the salary of ada@example.com");
      },
    });
    const client = await greeted();
    client.send(request(1, "daemon.stop"));
    expect(errorOf(await client.next())).toMatchObject({ code: -32_603, data: { code: "INTERNAL" } });
    expect(server.logged).toHaveLength(1);
    expect(server.logged[0]).toContain("daemon.stop");
    expect(server.logged.join()).not.toContain("ada@example.com");
  });

  it("can go on speaking until the connection ends", async () => {
    let ended = 0;
    const { greeted } = await start({
      "events.subscribe": (_params, connection) => {
        connection.onClose(() => void ended++);
        connection.notify("audit.event", { seq: 5 } as never);
        return { ok: true };
      },
    });
    const client = await greeted();
    client.send(request(1, "events.subscribe"));
    expect(await client.next()).toEqual({ jsonrpc: "2.0", method: "audit.event", params: { seq: 5 } });
    expect(await client.next()).toMatchObject({ id: 1, result: { ok: true } });
    client.end();
    await expect.poll(() => ended).toBe(1);
  });
});

describe.skipIf(process.platform === "win32")("lines", () => {
  it("may come in pieces", async () => {
    const { greeted } = await start();
    const client = await greeted();
    const bytes = Buffer.from(request("é", "dead.list"));
    for (const byte of bytes) client.send(Buffer.from([byte]));
    expect(await client.next()).toMatchObject({ id: "é", result: { items: [] } });
  });

  it("that are too long are refused and end the connection", async () => {
    const { greeted } = await start();
    const client = await greeted();
    client.send(Buffer.alloc(MAX_LOCAL_REQUEST_BYTES + 1, "x"));
    expect(errorOf(await client.next()).data.code).toBe("TOO_LARGE");
    await client.closed;
  });

  it("of garbage are answered with an error that does not quote them, and the next call works", async () => {
    const { greeted } = await start();
    const client = await greeted();
    for (const garbage of [
      "secret garbage",
      "[]",
      "null",
      "1",
      '{"jsonrpc":"1.0","id":1,"method":"hello"}',
      '{"jsonrpc":"2.0","method":"hello"}',
      "",
    ]) {
      client.send(`${garbage}\n`);
      const reply = await client.next();
      expect(errorOf(reply).data.code).toBe("INVALID_INPUT");
      expect(JSON.stringify(reply)).not.toContain("secret");
    }
    client.send(request(9, "dead.list"));
    expect(await client.next()).toMatchObject({ id: 9 });
  });

  it("that are nested without end are refused before they are read, and the next call works", async () => {
    const client = await (await start()).greeted();
    client.send(`{"jsonrpc":"2.0","id":1,"method":"status","params":${"[".repeat(500_000)}${"]".repeat(500_000)}}\n`);
    expect(errorOf(await client.next())).toMatchObject({
      message: expect.stringContaining("levels deep"),
      data: { code: "INVALID_INPUT" },
    });
    client.send(request(2, "status"));
    expect(await client.next()).toMatchObject({ id: 2 });
  });

  it("of any JSON get exactly one answer each", async () => {
    const { greeted } = await start();
    const client = await greeted();
    await fc.assert(
      fc.asyncProperty(fc.jsonValue(), async (value) => {
        client.send(`${JSON.stringify(value)}\n`);
        expect(await client.next()).toHaveProperty("error");
        client.send(request("after", "dead.list"));
        expect(await client.next()).toMatchObject({ id: "after" });
      }),
      { numRuns: 200 },
    );
  });
});

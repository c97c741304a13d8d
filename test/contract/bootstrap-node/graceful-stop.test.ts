import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, it } from "vitest";
import { systemClock, systemRandom } from "../../../mesh/agent/system.ts";
import { orgInit } from "../../../mesh/cli/org/org-init.ts";
import { orgSign } from "../../../mesh/cli/org/org-sign.ts";
import { createOutput } from "../../../mesh/cli/output.ts";

const installDir = fileURLToPath(new URL("../../../", import.meta.url));
const out = createOutput({ write: () => undefined }, true);
const deps = { clock: systemClock, random: systemRandom, fetch };

let home: string;
let child: ChildProcess;
let url: URL;
let ops: string;

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), "gaggle-stop-"));
  const dir = join(home, "org");
  await orgInit({ dir, installDir, content: "sample" }, out, deps);
  await orgSign({ dir }, out, deps);
  const options = ["--dir", join(dir, "bootstrap"), "--port", "0", "--peer-listen", "/ip4/127.0.0.1/tcp/0", "--no-mdns", "--json"];
  const env = { ...process.env, GAGGLE_LOG: "silent", GAGGLE_KEY_PROTECTION: "none" };
  child = spawn(process.execPath, [join(installDir, "mesh/cli/main.ts"), "bootstrap", ...options], {
    env,
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [chunk] = (await once(child.stdout ?? expect.unreachable(), "data")) as [Buffer];
  const told = JSON.parse(chunk.toString("utf8")) as { url: string; ops: string };
  [url, ops] = [new URL(told.url), told.ops];
});
afterAll(async () => {
  if (child.exitCode === null && child.signalCode === null) child.kill("SIGKILL");
  await rm(home, { recursive: true, force: true });
});

const open = async (): Promise<Socket> => {
  const socket = connect(Number(url.port), url.hostname);
  await once(socket, "connect");
  return socket;
};

it("answers what is no HTTP with a problem, and goes on", async () => {
  const socket = await open();
  socket.write("nonsense\r\n\r\n");
  const answer = await text(socket);
  expect(answer).toContain("HTTP/1.1 400");
  expect(answer).toContain("application/problem+json");
  expect((await fetch(new URL("/healthz", url))).status).toBe(200);
});

it("ends at SIGTERM once its running request is answered, turns new ones away with a time to come back, and serves metrics to this machine meanwhile", async () => {
  expect((await fetch(new URL("/readyz", url))).status).toBe(200);
  expect(await (await fetch(`${ops}/metrics`)).text()).toContain('gaggle_node_ready{part="peer"} 1');
  expect((await fetch(new URL("/metrics", url))).status).toBe(404);
  const body = JSON.stringify({ bundle: { manifest: "e30.e30.e30", files: {} } });
  const running = await open();
  const answered = text(running);
  running.write(
    `POST /api/v1/bundles HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\nconnection: close\r\n\r\n${body.slice(0, 10)}`,
  );
  // So that the node has seen the headers, in the order in which connections came.
  await fetch(new URL("/healthz", url));
  const exited = once(child, "exit");
  child.kill("SIGTERM");
  await expect.poll(async () => (await fetch(new URL("/healthz", url))).status).toBe(503);
  const refused = await fetch(new URL("/api/v1/usage", url));
  expect(refused.headers.get("retry-after")).toBe("5");
  expect(await refused.json()).toMatchObject({ status: 503, code: "BUSY" });
  running.write(body.slice(10));
  expect(await answered).toContain('"code":"BUNDLE_SIGNATURE"');
  expect(await exited).toEqual([0, null]);
});

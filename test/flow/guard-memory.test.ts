/** What the guard found in texts that come again outlives the daemon: a new one looks through none of them. Real processes from dist/. */
import { existsSync, readFileSync, statSync } from "node:fs";
import { afterAll, beforeAll, expect, it } from "vitest";
import { homePaths } from "../../mesh/agent/agent-config.ts";
import { type DaemonWorld, foundWorld, type WorldAgent } from "../support/daemon-world.ts";
import { until } from "../support/until.ts";
import { startRecordingUpstream } from "../support/recording-upstream.ts";

/** Stands for Goose's system prompt, the same in every call. */
const SYSTEM = `You help Dana Okafor of Lisbon, dana.okafor@example.com.\n${"Answer briefly, use the tools that you have. ".repeat(40)}`;
const BODY = JSON.stringify({
  model: "m",
  messages: [
    { role: "system", content: SYSTEM },
    { role: "user", content: "Say hello to her." },
  ],
});

let world: DaemonWorld;
let fiona: WorldAgent;

/** One model call; resolves with the cache's counts of all calls so far, once this one is in the books. */
async function ask(calls: number): Promise<{ hits: number; misses: number }> {
  const { gatewayUrl } = await fiona.call("daemon.status", {});
  const token = readFileSync(homePaths(fiona.home).gatewayToken, "utf8").trim();
  await fiona.call("session.register", { sessionId: "20261120_1" });
  const headers = { authorization: `Bearer ${token}`, "content-type": "application/json", "agent-session-id": "20261120_1" };
  const answer = await fetch(`${gatewayUrl}/v1/chat/completions`, { method: "POST", headers, body: BODY });
  expect([answer.status, await answer.text()]).toEqual([200, expect.stringContaining("hello")]);
  const stats = await until("the call is booked", async () => {
    const found = await fiona.call("guard.stats", {});
    return found.total.calls === calls && found;
  });
  return stats.cache;
}

beforeAll(async () => {
  world = await foundWorld({ people: { "fiona.berg": "finance" } });
  fiona = world.agent("fiona.berg");
}, 120_000);
afterAll(() => world?.close());

it("masks Goose's system prompt after a restart without looking through it again, and keeps nothing of it in the clear", {
  timeout: 300_000,
}, async () => {
  const upstream = await startRecordingUpstream(() => ({ say: "hello" }));
  expect(await fiona.gaggle(["model", "--url", upstream.baseUrl, "--name", "m"])).toMatchObject({ code: 0 });
  await fiona.start();
  const first = await ask(1);
  expect(first.misses).toBeGreaterThanOrEqual(2);
  const second = await ask(2);
  expect(second.misses).toBe(first.misses);
  await fiona.stop();

  const path = homePaths(fiona.home).guardMemory;
  expect(existsSync(path)).toBe(true);
  if (process.platform !== "win32") expect(statSync(path).mode & 0o777).toBe(0o600);
  const kept = readFileSync(path, "utf8");
  expect(Buffer.from(kept, "base64").toString("latin1") + kept).not.toMatch(/okafor|lisbon|PERSON|EMAIL/i);

  await fiona.start();
  const third = await ask(3);
  expect(third).toEqual({ hits: second.hits + (second.hits - first.hits), misses: second.misses });
  expect(upstream.requests).toHaveLength(3);
  for (const { raw } of upstream.requests) expect(raw).not.toMatch(/okafor/i);
});

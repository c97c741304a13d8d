import { createServer } from "node:net";
import { expect, it } from "vitest";
import { freePort, portOf } from "../../../../mesh/agent/free-port.ts";

it("is one that nobody listens on, below those that systems give to outgoing connections", async () => {
  const ports = await Promise.all(Array.from({ length: 20 }, freePort));
  for (const port of ports) {
    expect(port).toBeGreaterThanOrEqual(20_000);
    expect(port).toBeLessThan(32_768);
  }
  const server = createServer();
  const listening = new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(ports[0], "127.0.0.1", resolve);
  });
  await expect(listening).resolves.toBeUndefined();
  await new Promise((resolve) => server.close(resolve));
});

it("is never the one of a process that begins soon before or after, however long that does not listen on it", () => {
  const pidsFrom = (length: number) => Array.from({ length }, (_, index) => 30_000 + index);
  const first = pidsFrom(12_000).map((pid) => portOf(pid, 0));
  expect(new Set(first).size).toBe(first.length);
  const ports = pidsFrom(3_000).flatMap((pid) => [0, 1, 2, 3].map((count) => portOf(pid, count)));
  expect(new Set(ports).size).toBe(ports.length);
  expect(Math.min(...ports.map(Number))).toBeGreaterThanOrEqual(20_000);
  expect(Math.max(...ports.map(Number))).toBeLessThan(32_768);
  expect(portOf(30_000, 4)).toBeUndefined();
});

import { createServer } from "node:net";
import { expect, it } from "vitest";
import { freePort } from "../../../../mesh/agent/free-port.ts";

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

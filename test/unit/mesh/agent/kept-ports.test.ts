import { describe, expect, it } from "vitest";
import { listenOnKeptPorts } from "../../../../mesh/agent/kept-ports.ts";
import { GaggleError } from "../../../../mesh/contract/errors.ts";
import { openMemoryStore } from "../../../support/memory-store.ts";

/** Starts that are written down; those on taken ports fail as the peer node does. */
function fixture() {
  const store = openMemoryStore();
  const taken = new Set<number>();
  const started: string[][] = [];
  let next = 40_000;
  const start = async (listen: string[]): Promise<string[]> => {
    started.push(listen);
    if (listen.some((address) => taken.has(Number(address.split("/").at(-1))))) throw new GaggleError("INVALID_INPUT", "taken");
    return listen;
  };
  const deps = { store, freePort: async () => ++next };
  return { taken, started, listen: (addresses: string[]) => listenOnKeptPorts(deps, addresses, start) };
}

const OPEN = ["/ip4/0.0.0.0/tcp/0", "/ip6/::/tcp/0"];

describe("listening on kept ports", () => {
  it("takes the same ports again after a restart", async () => {
    const { listen } = fixture();
    const first = await listen(OPEN);
    expect(first).toEqual(["/ip4/0.0.0.0/tcp/40001", "/ip6/::/tcp/40002"]);
    expect(await listen(OPEN)).toEqual(first);
  });

  it("takes fresh ones where a kept one is taken, and keeps those from then on", async () => {
    const { listen, taken } = fixture();
    await listen(OPEN);
    taken.add(40_001);
    const moved = await listen(OPEN);
    expect(moved).toEqual(["/ip4/0.0.0.0/tcp/40003", "/ip6/::/tcp/40004"]);
    expect(await listen(OPEN)).toEqual(moved);
  });

  it("leaves addresses that name a port alone, and says when they are taken", async () => {
    const { listen, taken, started } = fixture();
    expect(await listen(["/ip4/127.0.0.1/tcp/4871"])).toEqual(["/ip4/127.0.0.1/tcp/4871"]);
    taken.add(4871);
    await expect(listen(["/ip4/127.0.0.1/tcp/4871"])).rejects.toMatchObject({ code: "INVALID_INPUT" });
    expect(started).toHaveLength(2);
  });

  it("takes fresh ones when the configured addresses have become other ones in number", async () => {
    const { listen } = fixture();
    await listen(OPEN);
    expect(await listen(["/ip4/0.0.0.0/tcp/0"])).toEqual(["/ip4/0.0.0.0/tcp/40003"]);
  });
});

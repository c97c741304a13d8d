import type { NetworkInterfaceInfo } from "node:os";
import { describe, expect, it } from "vitest";
import { type NetworkChange, steadyInterfaces, watchNetwork } from "../../../../mesh/peer/network-watch.ts";
import { NETWORK_LOOK_MS, SLEEP_GAP_MS } from "../../../../mesh/peer/protocols.ts";
import { createVirtualClock, type VirtualClock } from "../../../support/virtual-clock.ts";

const info = (address: string): NetworkInterfaceInfo => ({
  address,
  family: "IPv4",
  internal: false,
  netmask: "255.255.255.0",
  mac: "02:00:00:00:00:01",
  cidr: `${address}/24`,
});

function watch(): {
  clock: VirtualClock;
  changes: NetworkChange[];
  interfaces: NodeJS.Dict<NetworkInterfaceInfo[]>;
  stop: () => void;
} {
  const clock = createVirtualClock();
  const changes: NetworkChange[] = [];
  const interfaces: NodeJS.Dict<NetworkInterfaceInfo[]> = { eth0: [info("192.0.2.1")] };
  const stop = watchNetwork({ interfaces: () => interfaces, clock }, (change) => changes.push(change));
  return { clock, changes, interfaces, stop };
}

describe("the watch over this machine's network", () => {
  it("tells a new address once, soon, and an interface that is gone", async () => {
    const { clock, changes, interfaces } = watch();
    interfaces["eth0"] = [info("192.0.2.2")];
    await clock.advance(NETWORK_LOOK_MS);
    expect(changes).toEqual(["addresses"]);
    delete interfaces["eth0"];
    await clock.advance(NETWORK_LOOK_MS * 5);
    expect(changes).toEqual(["addresses", "addresses"]);
  });

  it("tells that the machine slept when its timer comes late, and not that it was only busy", async () => {
    const { clock, changes } = watch();
    clock.jump(NETWORK_LOOK_MS + SLEEP_GAP_MS - 1);
    await clock.advance(0);
    expect(changes).toEqual([]);
    clock.jump(NETWORK_LOOK_MS + SLEEP_GAP_MS + 1);
    await clock.advance(0);
    expect(changes).toEqual(["woke"]);
  });

  it("goes by what the system told last while it can't tell", async () => {
    const clock = createVirtualClock();
    const changes: NetworkChange[] = [];
    let told: NodeJS.Dict<NetworkInterfaceInfo[]> | undefined = { eth0: [info("192.0.2.1")] };
    const interfaces = steadyInterfaces(() => {
      if (told === undefined) throw new Error("uv_interface_addresses returned ENOBUFS");
      return told;
    });
    watchNetwork({ interfaces, clock }, (change) => changes.push(change));
    told = undefined;
    await clock.advance(NETWORK_LOOK_MS * 2);
    expect(changes).toEqual([]);
    told = { eth0: [info("192.0.2.2")] };
    await clock.advance(NETWORK_LOOK_MS);
    expect(changes).toEqual(["addresses"]);
  });

  it("does not mind container networks, and says nothing after its end", async () => {
    const { clock, changes, interfaces, stop } = watch();
    interfaces["docker0"] = [info("172.17.0.1")];
    interfaces["veth1a2b"] = [info("172.17.0.9")];
    await clock.advance(NETWORK_LOOK_MS * 3);
    expect(changes).toEqual([]);
    stop();
    interfaces["eth0"] = [];
    await clock.advance(NETWORK_LOOK_MS * 3);
    expect(changes).toEqual([]);
  });
});

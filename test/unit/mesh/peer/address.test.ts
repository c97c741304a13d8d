import type { NetworkInterfaceInfo } from "node:os";
import { multiaddr } from "@multiformats/multiaddr";
import { describe, expect, it } from "vitest";
import { readAddresses, readPeerAddress, worthTelling, worthTellingLan } from "../../../../mesh/peer/address.ts";
import { lanServiceTag } from "../../../../mesh/peer/libp2p-node.ts";

const info = (address: string): NetworkInterfaceInfo[] => [
  { address, family: "IPv4", internal: false, netmask: "255.255.255.0", mac: "02:00:00:00:00:01", cidr: `${address}/24` },
];
const interfaces = { eth0: info("192.168.1.5"), docker0: info("172.17.0.1"), "br-0123456789ab": info("172.18.0.1") };
const all = [
  "/ip4/127.0.0.1/tcp/1",
  "/ip4/192.168.1.5/tcp/1",
  "/ip4/172.17.0.1/tcp/1",
  "/ip4/172.18.0.1/tcp/1",
  "/ip6/fe80::1/tcp/1",
  "/ip6/::1/tcp/1",
].map((text) => multiaddr(text));
const AGENT = "12D3KooWR6eNKnDQVnTjGP8RJrmzced5x6HTu6dVnciKP33xuCyv";

describe("addresses that are told to others", () => {
  it("leave out loopback, containers' networks and link-local ones", () => {
    expect(worthTelling(all, interfaces).map(String)).toEqual(["/ip4/192.168.1.5/tcp/1"]);
  });

  it("are loopback where there is nothing else, except on the LAN", () => {
    const loopback = [multiaddr("/ip4/127.0.0.1/tcp/1")];
    expect(worthTelling(loopback, interfaces).map(String)).toEqual(["/ip4/127.0.0.1/tcp/1"]);
    expect(worthTellingLan(loopback)).toEqual([]);
  });

  it("are private ones only on the LAN", () => {
    expect(worthTellingLan([multiaddr("/ip4/8.8.8.8/tcp/1"), multiaddr("/ip4/10.0.0.1/tcp/1")]).map(String)).toEqual([
      "/ip4/10.0.0.1/tcp/1",
    ]);
  });
});

describe("addresses that peers tell", () => {
  it("are taken without peer id, once each, and only over TCP", () => {
    const told = [
      `/ip4/10.0.0.1/tcp/1/p2p/${AGENT}`,
      "/ip4/10.0.0.1/tcp/1",
      "/ip4/10.0.0.1/udp/1",
      "/unix/tmp",
      "nonsense",
      "/dns4/host.test/tcp/2",
    ];
    expect(readAddresses(told)).toEqual(["/ip4/10.0.0.1/tcp/1", "/dns4/host.test/tcp/2"]);
  });

  it("need a peer id where they are dialled by hand", () => {
    expect(readPeerAddress(`/ip4/10.0.0.1/tcp/1/p2p/${AGENT}`)).toEqual({ agentId: AGENT, address: "/ip4/10.0.0.1/tcp/1" });
    expect(() => readPeerAddress("/ip4/10.0.0.1/tcp/1")).toThrow(expect.objectContaining({ code: "INVALID_INPUT" }));
  });
});

describe("the name of the service on the LAN", () => {
  it("differs between organisations, fits RFC 6763 and shows nothing of the organisation's id", () => {
    const tag = lanServiceTag("org_abcdefghijklmnopabcdefghij");
    expect(tag).toMatch(/^_gaggle-[0-9a-f]{8}\._udp\.local$/);
    expect(tag).not.toBe(lanServiceTag("org_bbcdefghijklmnopabcdefghij"));
  });
});

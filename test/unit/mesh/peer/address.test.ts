import type { NetworkInterfaceInfo } from "node:os";
import { multiaddr } from "@multiformats/multiaddr";
import { describe, expect, it } from "vitest";
import { readAddresses, readPeerAddress, worthTelling } from "../../../../mesh/peer/address.ts";

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

  it("are loopback where there is nothing else", () => {
    const loopback = [multiaddr("/ip4/127.0.0.1/tcp/1")];
    expect(worthTelling(loopback, interfaces).map(String)).toEqual(["/ip4/127.0.0.1/tcp/1"]);
  });

  it.each(["docker0", "br-0123456789ab", "veth1a2b3c", "virbr0", "cni0", "podman0"])("never are those of %s", (name) => {
    expect(worthTelling([multiaddr("/ip4/172.30.0.1/tcp/1")], { [name]: info("172.30.0.1") })).toEqual([]);
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

  it("are none of a metadata service, of nobody or of many, whatever a member says; one of a network without DHCP is one", () => {
    const hosts = ["169.254.169.254", "100.100.100.200", "0.0.0.0", "224.0.0.251"].map((host) => `/ip4/${host}/tcp/80`);
    const more = ["fd00:ec2::254", "64:ff9b::a9fe:a9fe", "::ffff:169.254.169.254", "ff02::fb"].map((host) => `/ip6/${host}/tcp/80`);
    const names = ["metadata.google.internal", "metadata"].map((host) => `/dns4/${host}/tcp/80`);
    expect(readAddresses([...hosts, ...more, ...names, "/ip4/169.254.7.9/tcp/1"])).toEqual(["/ip4/169.254.7.9/tcp/1"]);
  });

  it("need a peer id where they are dialled by hand", () => {
    expect(readPeerAddress(`/ip4/10.0.0.1/tcp/1/p2p/${AGENT}`)).toEqual({ agentId: AGENT, address: "/ip4/10.0.0.1/tcp/1" });
    expect(() => readPeerAddress("/ip4/10.0.0.1/tcp/1")).toThrow(expect.objectContaining({ code: "INVALID_INPUT" }));
  });
});

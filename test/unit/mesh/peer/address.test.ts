import type { NetworkInterfaceInfo } from "node:os";
import { multiaddr } from "@multiformats/multiaddr";
import { describe, expect, it } from "vitest";
import { ownAddresses, readAddresses, readPeerAddress, worthTelling } from "../../../../mesh/peer/address.ts";

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
      `/ip4/10.0.0.1/tcp/4001/p2p/${AGENT}`,
      "/ip4/10.0.0.1/tcp/4001",
      "/ip4/10.0.0.1/udp/4001",
      "/unix/tmp",
      "nonsense",
      "/ip6/2001:db8::2/tcp/4002",
    ];
    expect(readAddresses(told)).toEqual(["/ip4/10.0.0.1/tcp/4001", "/ip6/2001:db8::2/tcp/4002"]);
  });

  it("are none of a metadata service, of nobody or of many, whatever a member says; one of a network without DHCP is one", () => {
    const hosts = ["169.254.169.254", "100.100.100.200", "0.0.0.0", "224.0.0.251", "255.255.255.255"].map(
      (host) => `/ip4/${host}/tcp/8080`,
    );
    const more = ["fd00:ec2::254", "64:ff9b::a9fe:a9fe", "::ffff:169.254.169.254", "ff02::fb", "::"].map((host) => `/ip6/${host}/tcp/8080`);
    expect(readAddresses([...hosts, ...more, "/ip4/169.254.7.9/tcp/4001"])).toEqual(["/ip4/169.254.7.9/tcp/4001"]);
  });

  it("are no names, which could lead to anything by the time they are dialled, and no ports of the system's services", () => {
    const names = ["metadata.google.internal", "metadata", "db.northwind.example", "localhost"].map((host) => `/dns4/${host}/tcp/4001`);
    const ports = [1, 22, 25, 80, 443, 631, 1_023].map((port) => `/ip4/10.0.0.1/tcp/${port}`);
    expect(readAddresses([...names, "/dns/db.example/tcp/4001", "/dns6/db.example/tcp/4001", ...ports])).toEqual([]);
    expect(readAddresses(["/ip4/10.0.0.1/tcp/1024"])).toEqual(["/ip4/10.0.0.1/tcp/1024"]);
  });

  it("are kept of this node's own at any port, for those who have it configured", () => {
    const own = ["/ip4/10.0.0.1/tcp/443", "/ip4/0.0.0.0/tcp/443"].map((text) => multiaddr(text));
    expect(ownAddresses(own)).toEqual(["/ip4/10.0.0.1/tcp/443"]);
    expect(readPeerAddress(`/dns4/node.northwind.example/tcp/443/p2p/${AGENT}`).address).toBe("/dns4/node.northwind.example/tcp/443");
  });

  it("need a peer id where they are dialled by hand", () => {
    expect(readPeerAddress(`/ip4/10.0.0.1/tcp/1/p2p/${AGENT}`)).toEqual({ agentId: AGENT, address: "/ip4/10.0.0.1/tcp/1" });
    expect(() => readPeerAddress("/ip4/10.0.0.1/tcp/1")).toThrow(expect.objectContaining({ code: "INVALID_INPUT" }));
  });
});

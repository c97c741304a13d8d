import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { createInterface } from "node:readline";
import { afterEach, describe, expect, it, vi } from "vitest";
import { skipUnless } from "../support/machine.ts";
import { canMakeNamespaces, createTestLan, type HostOptions, type TestLan } from "../support/network-namespaces.ts";

const PROGRAM = fileURLToPath(new URL("../support/peer-process.ts", import.meta.url));
const WITHIN = { timeout: 20_000, interval: 50 };
const skip = skipUnless(canMakeNamespaces(), "the right to make network namespaces (root, and the Debian package iproute2)");

interface Host {
  readonly events: Record<string, unknown>[];
  readonly stderr: string[];
  readonly process: ChildProcessWithoutNullStreams;
  agentId(): string;
}

let lan: TestLan | undefined;
const hosts: Host[] = [];

function startHost(index: number, name: string, organisation = "northwind"): Host {
  if (lan === undefined) throw new Error("make the LAN first");
  const config = JSON.stringify({ organisation, name, mdns: true, bootstrapPeers: [] });
  const [command, args] = lan.on(index, process.execPath, PROGRAM, config);
  const child = spawn(command, args);
  const host: Host = {
    events: [],
    stderr: [],
    process: child,
    agentId: () => String(host.events.find((event) => event["event"] === "ready")?.["agentId"]),
  };
  createInterface({ input: child.stdout }).on("line", (line) => host.events.push(JSON.parse(line) as Record<string, unknown>));
  child.stderr.on("data", (data: Buffer) => host.stderr.push(data.toString()));
  hosts.push(host);
  return host;
}

/** Starting takes a busy machine its time; what follows is measured without it. */
const ready = (...of: Host[]): Promise<void> =>
  vi.waitFor(() => expect(of.every(({ events }) => events.some(({ event }) => event === "ready"))).toBe(true), {
    timeout: 60_000,
    interval: 50,
  });

const subjects = (host: Host): string[] =>
  host.events
    .filter((event) => event["event"] === "connected")
    .map((event) => String(event["subject"]))
    .toSorted();

afterEach(async () => {
  const ended = hosts.map(
    (host) => new Promise((resolve) => (host.process.exitCode === null ? host.process.once("exit", resolve) : resolve(0))),
  );
  for (const host of hosts) host.process.stdin.end();
  const killed = setTimeout(() => {
    for (const host of hosts) host.process.kill("SIGKILL");
  }, 5_000);
  await Promise.all(ended);
  clearTimeout(killed);
  hosts.length = 0;
  lan?.remove();
  lan = undefined;
});

describe.skipIf(skip)("three hosts on one LAN without a bootstrap peer", () => {
  it.each<[string, HostOptions]>([
    ["a default route", { defaultRoute: "cable" }],
    ["a VPN as default route", { defaultRoute: "vpn" }],
  ])("and %s find each other by mDNS, prove themselves and exchange a frame", async (_, host) => {
    lan = createTestLan("trio", [host, host, host]);
    const [fiona, marco, hanna] = [startHost(0, "fiona"), startHost(1, "marco"), startHost(2, "hanna")];
    await ready(fiona, marco, hanna);

    await vi.waitFor(() => {
      expect(subjects(fiona), fiona.stderr.join("")).toEqual(["hanna", "marco"]);
      expect(subjects(marco), marco.stderr.join("")).toEqual(["fiona", "hanna"]);
      expect(subjects(hanna), hanna.stderr.join("")).toEqual(["fiona", "marco"]);
    }, WITHIN);
    marco.process.stdin.write(`${JSON.stringify({ request: fiona.agentId(), text: "Grüße über die Brücke" })}\n`);

    await vi.waitFor(() => expect(marco.events).toContainEqual({ event: "answer", text: "Grüße über die Brücke" }), WITHIN);
  });

  it("of two organisations connect only within their own, and advertise neither loopback nor a container network", async () => {
    lan = createTestLan("mixed", [{ containers: true }, { containers: true }, {}]);
    const [fiona, marco, eve] = [startHost(0, "fiona"), startHost(1, "marco"), startHost(2, "eve", "contoso")];
    await ready(fiona, marco, eve);

    await vi.waitFor(() => {
      expect(subjects(fiona), fiona.stderr.join("")).toEqual(["marco"]);
      expect(subjects(marco), marco.stderr.join("")).toEqual(["fiona"]);
    }, WITHIN);

    expect(subjects(eve)).toEqual([]);
    const first = fiona.events.find((event) => event["event"] === "ready");
    expect(first?.["addresses"]).toEqual([expect.stringMatching(/^\/ip4\/10\.77\.0\.1\/tcp\/\d+\/p2p\//)]);
  });
});

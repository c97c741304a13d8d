import { describe, expect, it } from "vitest";
import { CLAIM_TTL_S } from "../../../../../mesh/peer/lan/lan-records.ts";
import { ASK_ALONE_MS, ASK_SETTLED_MS } from "../../../../../mesh/peer/lan/lan-speaker.ts";
import { createSimulatedLan, type SimulatedLan } from "../../../../support/simulated-lan.ts";
import { createVirtualClock, settleMicrotasks, type VirtualClock } from "../../../../support/virtual-clock.ts";

const HOUR_MS = 3_600_000;

function lanOf(hosts: number): { lan: SimulatedLan; clock: VirtualClock } {
  const clock = createVirtualClock(0, settleMicrotasks);
  const lan = createSimulatedLan(clock);
  for (let index = 0; index < hosts; index++) lan.add().speaker.restart();
  return { lan, clock };
}

const allConnected = ({ hosts }: SimulatedLan): boolean => hosts.every(({ connected }) => connected.size === hosts.length - 1);

/** Packets a minute over two hours, after the first ten minutes. */
async function settledRate(hosts: number): Promise<number> {
  const { lan, clock } = lanOf(hosts);
  await clock.advance(600_000);
  const before = lan.packets.length;
  await clock.advance(2 * HOUR_MS);
  return (lan.packets.length - before) / 120;
}

describe("speakers on one LAN", () => {
  it("all find each other within a second of starting together", async () => {
    const { lan, clock } = lanOf(40);
    await clock.advance(1_000);
    expect(allConnected(lan)).toBe(true);
  });

  it("find a host that comes later at once, by its announcement and its question", async () => {
    const { lan, clock } = lanOf(5);
    await clock.advance(HOUR_MS);
    lan.add().speaker.restart();
    await clock.advance(500);
    expect(allConnected(lan)).toBe(true);
  });

  it("find each other where every packet of the first three seconds was lost", async () => {
    const { lan, clock } = lanOf(4);
    lan.cut(true);
    await clock.advance(3_000);
    lan.cut(false);
    await clock.advance(10_000);
    expect(allConnected(lan)).toBe(true);
  });

  it("find the other half of a network that was joined when both halves had settled, without being told", async () => {
    const { lan, clock } = lanOf(10);
    lan.split(5);
    await clock.advance(HOUR_MS);
    expect(lan.hosts.every(({ connected }) => connected.size === 4)).toBe(true);
    lan.split(Number.POSITIVE_INFINITY);
    await clock.advance(ASK_SETTLED_MS * 1.3);
    expect(allConnected(lan)).toBe(true);
  });

  it("send packets that grow no faster than their number once they have settled, well below one a minute and host", async () => {
    const [ten, twenty, forty] = [await settledRate(10), await settledRate(20), await settledRate(40)];
    expect(forty / 40).toBeLessThan(0.2);
    expect(twenty).toBeLessThanOrEqual(2 * ten * 1.1);
    expect(forty).toBeLessThanOrEqual(2 * twenty * 1.1);
  });

  it("ask less and less: a lone host every two minutes", async () => {
    const { lan, clock } = lanOf(1);
    await clock.advance(HOUR_MS);
    const gaps = lan.packets.filter(({ type }) => type === "query").map(({ at }, index, all) => at - (all[index - 1]?.at ?? 0));
    expect(gaps.slice(1, 4).every((gap) => gap < 6_000)).toBe(true);
    expect(Math.min(...gaps.slice(-5))).toBeGreaterThan(ASK_ALONE_MS * 0.79);
    expect(Math.max(...gaps)).toBeLessThan(ASK_ALONE_MS * 1.21);
  });

  it("answer a flood of questions once a second", async () => {
    const { lan, clock } = lanOf(2);
    await clock.advance(HOUR_MS);
    const question = { type: "query", flags: 0, questions: [{ type: "PTR", name: "_gaggle-00000000._udp.local" }], answers: [] };
    const before = lan.packets.length;
    for (let index = 0; index < 5_000; index++) {
      for (const { speaker } of lan.hosts) speaker.hearQuery(question as never, "10.0.0.99");
      await clock.advance(2);
    }
    const responses = lan.packets.slice(before).filter(({ type }) => type === "response");
    expect(responses.length).toBeGreaterThan(15);
    expect(responses.length).toBeLessThanOrEqual(2 * 11);
  });

  it("do not answer who knows them already for more than half of the time, and answer who knows an old address", async () => {
    const { lan, clock } = lanOf(2);
    await clock.advance(HOUR_MS);
    const [host] = lan.hosts;
    const answer = lan.packets.findLast(({ type, from }) => type === "response" && from === 0)?.packet.answers?.[0];
    if (answer?.type !== "PTR") throw new Error("the host never answered");
    const ask = async (instance: string, ttl: number): Promise<number> => {
      const before = lan.packets.length;
      const known = { type: "PTR", name: answer.name, data: instance, ttl };
      host?.speaker.hearQuery(
        { type: "query", flags: 0, questions: [{ type: "PTR", name: answer.name }], answers: [known] } as never,
        "10.0.0.99",
      );
      await clock.advance(1_500);
      return lan.packets.slice(before).filter(({ type, from }) => type === "response" && from === 0).length;
    };
    expect(await ask(answer.data, CLAIM_TTL_S - 1)).toBe(0);
    expect(await ask(answer.data, CLAIM_TTL_S / 3)).toBe(1);
    host?.move("/ip4/10.0.9.9/tcp/4000");
    expect(await ask(answer.data, CLAIM_TTL_S - 1)).toBe(2);
  });

  it("keep their answer back where further known answers name them", async () => {
    const { lan, clock } = lanOf(1);
    await clock.advance(HOUR_MS);
    const answer = lan.packets.findLast(({ type }) => type === "response")?.packet.answers?.[0];
    if (answer?.type !== "PTR") throw new Error("the host never answered");
    const before = lan.packets.filter(({ type }) => type === "response").length;
    const [host] = lan.hosts;
    const truncated = { type: "query", flags: 1 << 9, questions: [{ type: "PTR", name: answer.name }], answers: [] };
    host?.speaker.hearQuery(truncated as never, "10.0.0.99");
    await clock.advance(10);
    host?.speaker.hearQuery({ type: "query", flags: 0, questions: [], answers: [{ ...answer, ttl: CLAIM_TTL_S }] } as never, "10.0.0.99");
    await clock.advance(2_000);
    expect(lan.packets.filter(({ type }) => type === "response").length).toBe(before);
  });

  it("take back what they said when they stop or move, and say no more", async () => {
    const { lan, clock } = lanOf(2);
    await clock.advance(HOUR_MS);
    const [moved, stopped] = lan.hosts;
    moved?.move("/ip4/10.0.9.9/tcp/4000");
    moved?.speaker.restart();
    await clock.advance(200);
    stopped?.speaker.close();
    const ttls = lan.packets
      .slice(-3)
      .map(({ packet }) => packet.answers?.[0])
      .map((record) => (record?.type === "PTR" ? record.ttl : undefined));
    expect(ttls).toContain(0);
    expect(lan.packets.at(-1)).toMatchObject({ from: 1, packet: { answers: [{ ttl: 0 }] } });
    expect(lan.hosts[1]?.claims.some(({ addresses }) => addresses.includes("/ip4/10.0.9.9/tcp/4000"))).toBe(true);
    const before = lan.packets.filter(({ from }) => from === 1).length;
    await clock.advance(HOUR_MS);
    expect(lan.packets.filter(({ from }) => from === 1).length).toBe(before);
  });
});

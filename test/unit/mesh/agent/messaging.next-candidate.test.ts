import { beforeEach, describe, expect, test } from "vitest";
import { REROUTE_AFTER_MS } from "../../../../mesh/contract/limits.ts";
import { writeMark } from "../../../../mesh/mailbox/mail-mark.ts";
import type { TargetRoute } from "../../../../mesh/session/ports.ts";
import { createWorld, startNode, type TestNode, type World } from "../../../support/messaging-node.ts";
import type { TestMember } from "../../../support/audit-fixture.ts";

let world: World;
beforeEach(() => {
  world = createWorld(1);
});

/** Finance asks marketing, where Marco stands first and Ingrid second; nobody of them runs yet. */
async function office(seemsOnline: (subject: string) => boolean = (subject) => subject === "ingrid.sandberg") {
  const asker = world.addMember("fiona.berg", "finance");
  const [marco, ingrid] = ["marco.diaz", "ingrid.sandberg"].map((name) => world.addMember(name, "marketing")) as [TestMember, TestMember];
  const route = (): TargetRoute => ({
    to: marco.principal,
    because: "first by name",
    notChosen: [],
    ranked: [marco, ingrid].map(({ principal }) => ({ principal, online: seemsOnline(principal.subject), because: "online" })),
  });
  return { finance: await startNode(world, asker, { route }), marco, ingrid };
}

const ask = (node: TestNode, target: object = { targetRole: "marketing" }) =>
  node.call("task.send", { target, task: "October", idempotencyKey: "k" });

const taskOf = async (node: TestNode, id: string) => {
  const view = await node.call("status.fetch", { id });
  if (view.kind !== "task") throw new Error("not a task");
  return view;
};

const inboxOf = async (node: TestNode): Promise<number> => (await node.call("inbox.list", {})).items.length;

const LONG = 20 * REROUTE_AFTER_MS;

describe("a request to a role whose first candidate can't be reached", () => {
  test("is given to the next one who is online, with the reason, and the first never gets it", async () => {
    const { finance, marco, ingrid } = await office();
    const second = await startNode(world, ingrid);
    const { taskId } = await ask(finance);
    await world.clock.advance(REROUTE_AFTER_MS - 100);
    expect(await inboxOf(second)).toBe(0);
    await world.clock.advance(LONG);
    expect(await inboxOf(second)).toBe(1);
    const task = await taskOf(finance, taskId);
    expect(task).toMatchObject({ peer: { subject: "ingrid.sandberg" }, delivery: "stored" });
    expect(task.route).toEqual({
      because: "marco.diaz could not be reached; online",
      notChosen: [{ agentId: marco.principal.agentId, subject: "marco.diaz", because: "could not be reached" }],
    });
    const first = await startNode(world, marco);
    finance.messaging.peerConnected(marco.principal.agentId);
    await world.clock.advance(LONG);
    expect(await inboxOf(first)).toBe(0);
    const events = await finance.chain.list({ fromSeq: 1, limit: 100 });
    expect(events.filter(({ action }) => action === "task.route").map(({ details }) => details["chosen"])).toEqual([
      "marco.diaz",
      "ingrid.sandberg",
    ]);
    expect(finance.state.errors).toEqual([]);
    await second.call("inbox.complete", { taskId, result: "done" });
    await world.clock.advance(1_000);
    expect(await taskOf(finance, taskId)).toMatchObject({ state: "COMPLETED", result: "done" });
  });

  test("stays where it is where a person's agent was named, and where nobody else is online", async () => {
    const named = await office();
    await startNode(world, named.ingrid);
    const { taskId } = await ask(named.finance, { agentId: named.marco.principal.agentId });
    await world.clock.advance(LONG);
    expect((await taskOf(named.finance, taskId)).peer.subject).toBe("marco.diaz");

    world = createWorld(2);
    const alone = await office(() => false);
    const waits = await ask(alone.finance);
    await world.clock.advance(LONG);
    const first = await startNode(world, alone.marco);
    alone.finance.messaging.peerConnected(alone.marco.principal.agentId);
    await world.clock.advance(1_000);
    expect(await inboxOf(first)).toBe(1);
    expect((await taskOf(alone.finance, waits.taskId)).delivery).toBe("stored");
  });

  test("stays where it is once it was sent, although no answer came", async () => {
    const { finance, marco, ingrid } = await office();
    await startNode(world, ingrid);
    const first = await startNode(world, marco);
    world.network.state.faults = { loseRequest: 1, loseAnswer: 0, repeat: 0, maxDelayMs: 0 };
    const { taskId } = await ask(finance);
    await world.clock.advance(10);
    first.stop();
    world.network.state.faults = { loseRequest: 0, loseAnswer: 0, repeat: 0, maxDelayMs: 0 };
    await world.clock.advance(LONG);
    expect((await taskOf(finance, taskId)).peer.subject).toBe("marco.diaz");
  });

  test("is moved after a crash of the asker too, where the disk says that it was not handed over, and only then", async () => {
    const { finance, ingrid } = await office();
    const { taskId } = await ask(finance);
    await world.clock.advance(REROUTE_AFTER_MS / 2);
    const again = await finance.restart();
    await startNode(world, ingrid);
    await world.clock.advance(LONG);
    expect((await taskOf(again, taskId)).peer.subject).toBe("ingrid.sandberg");

    world = createWorld(3);
    const other = await office();
    const first = await startNode(world, other.marco);
    world.network.state.faults = { loseRequest: 0, loseAnswer: 1, repeat: 0, maxDelayMs: 0 };
    const sent = await ask(other.finance);
    await world.clock.advance(10);
    first.stop();
    const restarted = await other.finance.restart();
    await startNode(world, other.ingrid);
    await world.clock.advance(LONG);
    expect((await taskOf(restarted, sent.taskId)).peer.subject).toBe("marco.diaz");
  });

  test("stays where it is once it is about to lie on the bootstrap node for the first", async () => {
    const { finance, ingrid } = await office();
    await startNode(world, ingrid);
    const { taskId } = await ask(finance);
    await world.clock.advance(500);
    const [item] = (await finance.call("outbox.list", { limit: 1 })).items;
    const mark = { v: 1 as const, seq: 1, depositId: "00000000-0000-7000-8000-000000000001", devices: "one" };
    await finance.queue.run((tx) => writeMark(tx, item?.id ?? "", mark));
    await world.clock.advance(LONG);
    expect((await taskOf(finance, taskId)).peer.subject).toBe("marco.diaz");
  });

  test("is not moved once its asker wants it no more", async () => {
    const { finance, ingrid } = await office();
    const second = await startNode(world, ingrid);
    const { taskId } = await ask(finance);
    await finance.call("task.cancel", { taskId, reason: "not needed" });
    await world.clock.advance(LONG);
    expect(await inboxOf(second)).toBe(0);
  });
});

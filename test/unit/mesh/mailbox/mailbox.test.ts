/** Messages for agents that are off: real messaging, real sealing, the bootstrap node's real mailbox; clock, disk and network are simulated. */
import { gzipSync } from "node:zlib";
import { beforeEach, expect, test, vi } from "vitest";
import { newUuid } from "../../../../mesh/contract/ids.ts";
import { issueMembership } from "../../../../mesh/identity/membership.ts";
import { publicJwkOf } from "../../../../mesh/identity/keys.ts";
import { sealEnvelope } from "../../../../mesh/delivery/envelope.ts";
import { sealMail } from "../../../../mesh/mailbox/sealed-mail.ts";
import type { TestMember } from "../../../support/audit-fixture.ts";
import {
  createMailWorld,
  DEPOSIT_AFTER_MS,
  type MailAgent,
  type MailWorld,
  RECHECK_MS,
  reopenMail,
  startMailAgent,
} from "../../../support/mail-world.ts";
import { startNode } from "../../../support/messaging-node.ts";

const SOON = { timeout: 8_000 };
const SECRET = "Accrue 41,250.75 EUR for Quarry & Söhne";
const DAY_MS = 86_400_000;

let world: MailWorld;
let fiona: TestMember;
let marco: TestMember;
let finance: MailAgent;
let marketing: MailAgent;

beforeEach(async () => {
  world = createMailWorld(7);
  fiona = world.addMember("fiona.berg", "finance");
  marco = world.addMember("marco.diaz", "marketing");
  finance = await startMailAgent(world, fiona);
  marketing = await startMailAgent(world, marco);
  marketing.node.stop();
});

const ask = async (key = "k1", task = SECRET): Promise<string> => {
  const target = { agentId: marco.principal.agentId };
  return (await finance.node.call("task.send", { target, task, idempotencyKey: key })).taskId;
};
/** Lets a message wait until it is due, and deposits it. */
const deposit = async (): Promise<void> => {
  await world.clock.advance(DEPOSIT_AFTER_MS);
  await finance.send();
};
const statusOf = (agent: MailAgent, id: string) => agent.node.call("status.fetch", { id });
const deliveryOf = async (id: string) => {
  const status = await statusOf(finance, id);
  return status.kind === "task" ? status.delivery : undefined;
};
/** The agent again, on what its disk kept. */
const restart = async (agent: MailAgent): Promise<MailAgent> => reopenMail(world, agent.member, await agent.node.restart());
const inbox = async (agent: MailAgent) => (await agent.node.call("inbox.list", {})).items;
const auditOf = async (agent: MailAgent, action: string) =>
  (await agent.node.chain.list({ fromSeq: 1, limit: 500 })).filter((event) => event.action === action);
const renew = (member: TestMember): void => {
  const { principal, keys } = member;
  const { org, issuer } = world.org;
  const subject = { ...principal, seal: publicJwkOf(keys.seal) };
  Object.assign(member, {
    credential: issueMembership({ org, member: subject, signer: issuer, nowMs: world.clock.now(), random: world.random }),
  });
};
const revoke = (agentId: string): void => {
  world.trust = { ...world.trust, revocations: { ...world.trust.revocations, seq: world.trust.revocations.seq + 1, agents: [agentId] } };
};

test("a recipient that is off gets its messages when the sender is off by then, and the sender gets its receipt when the recipient is off again", async () => {
  const taskId = await ask();
  expect(await deliveryOf(taskId)).toBe("queued");
  await deposit();
  expect(await deliveryOf(taskId)).toBe("deposited");
  expect((await finance.node.call("outbox.list", {})).items).toMatchObject([{ depositedAt: new Date(world.clock.now()).toISOString() }]);
  finance.node.stop();
  world.clock.jump(2 * DAY_MS);
  renew(marco);
  marketing = await restart(marketing);
  await marketing.collect();
  expect(await inbox(marketing)).toMatchObject([{ taskId, task: SECRET, peer: { subject: "fiona.berg" } }]);
  await world.clock.advance(DEPOSIT_AFTER_MS);
  await marketing.send();
  marketing.node.stop();
  renew(fiona);
  finance = await restart(finance);
  expect(await deliveryOf(taskId)).toBe("deposited");
  await finance.collect();
  expect(await deliveryOf(taskId)).toBe("stored");
  expect((await finance.node.call("outbox.list", {})).items).toEqual([]);
  expect([...finance.refusals, ...marketing.refusals, ...finance.problems, ...marketing.problems]).toEqual([]);
});

test("what lies on the bootstrap node holds no word of the message, in no encoding", async () => {
  await ask();
  await deposit();
  const disk = await world.disk();
  expect(disk).toContain(fiona.principal.agentId);
  const forms = [SECRET, JSON.stringify(SECRET).slice(1, -1), "task.request", encodeURIComponent(SECRET)];
  const encoded = [SECRET, "Quarry", "task.request"].flatMap((text) =>
    [0, 1, 2].flatMap((shift) => {
      const base64 = Buffer.from(" ".repeat(shift) + text).toString("base64url");
      // Without the characters that depend on what stands before and after.
      return base64.slice(shift === 0 ? 0 : shift + 1, -2);
    }),
  );
  for (const text of [...forms, ...encoded, gzipSync(SECRET).toString("base64url").slice(14, 30)]) expect(disk).not.toContain(text);
});

test("nothing is deposited for a recipient that is there, nor before it has waited for some seconds", async () => {
  const taskId = await ask();
  await world.clock.advance(DEPOSIT_AFTER_MS - 1);
  await finance.send();
  expect(await deliveryOf(taskId)).toBe("queued");
  marketing = await restart(marketing);
  await world.clock.advance(2);
  await finance.send();
  expect(await world.disk()).not.toContain("mail/deposit/");
});

test("a message that came directly too has its effect once", async () => {
  const taskId = await ask();
  await deposit();
  marketing = await restart(marketing);
  finance.node.messaging.peerConnected(marco.principal.agentId);
  await world.clock.advance(1_000);
  expect(await deliveryOf(taskId)).toBe("stored");
  await marketing.node.call("inbox.accept", { taskId });
  await marketing.collect();
  expect(await auditOf(marketing, "message.receive")).toHaveLength(1);
  expect(await statusOf(marketing, taskId)).toMatchObject({ state: "WORKING" });
  expect(await world.disk()).not.toContain("mail/deposit/");
});

test("a recipient that crashes before it has deleted its copy takes the message once, and the sender still gets its receipt", async () => {
  const taskId = await ask();
  await deposit();
  marketing = await restart(marketing);
  world.network.detach(fiona.principal.agentId);
  await expect(marketing.collect({ answer: () => Promise.reject(new Error("killed")) })).resolves.toBeUndefined();
  marketing = await restart(marketing);
  await marketing.collect();
  expect(await inbox(marketing)).toHaveLength(1);
  await world.clock.advance(DEPOSIT_AFTER_MS);
  await marketing.send();
  await finance.collect();
  expect(await deliveryOf(taskId)).toBe("stored");
});

test("while the node is down nothing is lost, and a deposit whose answer was lost is not made twice", async () => {
  const taskId = await ask();
  await world.clock.advance(DEPOSIT_AFTER_MS);
  world.office.down = true;
  await expect(finance.send()).rejects.toMatchObject({ code: "PEER_UNREACHABLE" });
  world.office.down = false;
  world.office.losesAnswers = true;
  await expect(finance.send()).rejects.toMatchObject({ code: "PEER_UNREACHABLE" });
  expect(await deliveryOf(taskId)).toBe("queued");
  world.office.losesAnswers = false;
  finance = await restart(finance);
  await finance.send();
  expect(await deliveryOf(taskId)).toBe("deposited");
  await finance.send();
  expect((await world.disk()).match(/mail\/deposit\//g)).toHaveLength(1);
});

test("the sender had to be a member when the node took the deposit, not when it is fetched", async () => {
  const taskId = await ask();
  await deposit();
  world.clock.jump(3 * DAY_MS);
  renew(marco);
  marketing = await restart(marketing);
  await marketing.collect();
  expect(await inbox(marketing)).toMatchObject([{ taskId }]);
  const [received] = await auditOf(marketing, "message.receive");
  expect(Number(received?.details["depositedAt"])).toBeLessThan(world.clock.now() - 2 * DAY_MS);
});

test("a sender whose membership was over when it deposited, or who is revoked by now, is not believed", async () => {
  await ask();
  world.clock.jump(3 * DAY_MS);
  await finance.send();
  marketing = await restart(marketing);
  await marketing.collect();
  expect(marketing.refusals).toEqual(["CREDENTIAL_EXPIRED"]);
  marketing.node.stop();
  renew(fiona);
  await ask("k2");
  await deposit();
  revoke(fiona.principal.agentId);
  marketing = await restart(marketing);
  await marketing.collect();
  expect(marketing.refusals).toContain("REVOKED");
  expect(await inbox(marketing)).toEqual([]);
  expect(await world.disk()).not.toContain("mail/deposit/");
});

test("mail that was altered, sealed to another key, or is another's envelope, is refused, deleted and changes nothing", async () => {
  const elena = world.addMember("elena.novak", "engineering");
  const taskId = await ask();
  await deposit();
  const to = [marco.principal.agentId];
  const sendAs = async (member: TestMember, jws: string, keys = [publicJwkOf(marco.keys.seal)]) => {
    const id = newUuid(world.clock.now(), world.random);
    const sealed = await sealMail([{ to: to[0] ?? "", jws }], keys);
    await world.mailbox.deposit({ ...member.principal }, { id, to, sealed });
  };
  const [record] = [...finance.node.messaging.mail.waiting().values()].flat().map((seq) => finance.node.messaging.mail.record(seq));
  const frame = await finance.node.messaging.mail.envelope(record ?? expect.unreachable(), marco.principal, false);
  const jws = Buffer.from(frame).toString("latin1");
  await sendAs(elena, jws);
  await sendAs(fiona, `${jws.slice(0, -8)}AAAAAAAA`);
  await sendAs(elena, "no envelope");
  await sendAs(elena, jws, [publicJwkOf(elena.keys.seal)]);
  marketing = await restart(marketing);
  await marketing.collect();
  expect(marketing.refusals).toEqual(["ENVELOPE_INVALID", "ENVELOPE_INVALID", "ENVELOPE_INVALID", "ENVELOPE_INVALID"]);
  expect(await inbox(marketing)).toMatchObject([{ taskId }]);
  expect(await world.disk()).not.toContain("mail/deposit/");
});

test("a node that hands out other mail than it stamped, or stamps with another key, is not believed", async () => {
  await ask();
  await deposit();
  marketing = await restart(marketing);
  const other = await sealMail([{ to: marco.principal.agentId, jws: "x" }], [publicJwkOf(marco.keys.seal)]);
  const self = { ...marco.principal, title: "", seal: publicJwkOf(marco.keys.seal), credential: marco.credential };
  const discarded: unknown[] = [];
  await marketing.collect({
    office: {
      async fetchMail(request) {
        const { items, more } = await world.mailbox.fetch(self, request);
        return { more, items: items.map((item) => ({ ...item, sealed: other })) };
      },
      discardMail: async ({ items }) => void discarded.push(...items),
    },
  });
  expect(marketing.refusals).toEqual(["ENVELOPE_INVALID"]);
  expect(discarded).toHaveLength(1);
  await marketing.collect({ issuers: () => [fiona.signer.publicJwk] });
  expect(marketing.refusals).toContain("CREDENTIAL_INVALID");
  expect(await inbox(marketing)).toEqual([]);
  // A bundle that is older than the node's new key may be why: the mail stays, and is taken later.
  await marketing.collect();
  expect(await inbox(marketing)).toHaveLength(1);
});

test("an envelope that is deposited twice has its effect once", async () => {
  const taskId = await ask();
  await deposit();
  const [record] = [...finance.node.messaging.mail.waiting().values()].flat().map((seq) => finance.node.messaging.mail.record(seq));
  const frame = await finance.node.messaging.mail.envelope(record ?? expect.unreachable(), marco.principal, false);
  const sealed = await sealMail(
    [{ to: marco.principal.agentId, jws: Buffer.from(frame).toString("latin1") }],
    [publicJwkOf(marco.keys.seal)],
  );
  const to = [marco.principal.agentId];
  await world.mailbox.deposit(fiona.principal, { id: newUuid(world.clock.now(), world.random), to, sealed });
  marketing = await restart(marketing);
  await marketing.collect();
  expect(await auditOf(marketing, "message.receive")).toHaveLength(1);
  expect(await inbox(marketing)).toMatchObject([{ taskId }]);
});

test("what the recipient's policy refuses becomes a dead letter at the sender, with the reason", async () => {
  const taskId = await ask();
  await deposit();
  const node = await startNode(world, marco, { trust: () => world.trust, allow: ({ action }) => action !== "task.receive" });
  marketing = await reopenMail(world, marco, node);
  await marketing.collect();
  await world.clock.advance(DEPOSIT_AFTER_MS);
  expect(await statusOf(finance, taskId)).toMatchObject({ state: "REJECTED", delivery: "dead" });
});

test("a person that has two machines gets a copy on each; the first that begins has the task, the other is told to leave it", async () => {
  const desk = world.addDevice("marco.diaz", "marketing");
  let desktop = await startMailAgent(world, desk);
  desktop.node.stop();
  const taskId = await ask();
  await deposit();
  marketing = await restart(marketing);
  await marketing.collect();
  desktop = await restart(desktop);
  await desktop.collect();
  expect(await inbox(marketing)).toMatchObject([{ taskId }]);
  expect(await inbox(desktop)).toMatchObject([{ taskId }]);
  await desktop.node.call("inbox.accept", { taskId });
  await world.clock.advance(1_000);
  expect(await statusOf(finance, taskId)).toMatchObject({ state: "WORKING", peer: { agentId: desk.principal.agentId } });
  await marketing.node.call("inbox.accept", { taskId });
  await world.clock.advance(1_000);
  expect(await statusOf(marketing, taskId)).toMatchObject({ state: "CANCELED" });
  await desktop.node.call("inbox.complete", { taskId, result: "done" });
  await world.clock.advance(1_000);
  expect(await statusOf(finance, taskId)).toMatchObject({ state: "COMPLETED", result: "done" });
});

test("a copy on another machine is never run without a person", async () => {
  const skills = { accruals: "safe" } as const;
  const desk = world.addDevice("marco.diaz", "marketing");
  const desktop = await startMailAgent(world, desk, { skills });
  desktop.node.stop();
  const target = { agentId: marco.principal.agentId, skill: "accruals" };
  const { taskId } = await finance.node.call("task.send", { target, task: "October", idempotencyKey: "k" });
  await deposit();
  const [second, first] = [await restart(desktop), await reopenMail(world, marco, await marketing.node.restart(0, { skills }))];
  await second.collect();
  await first.collect();
  await world.clock.advance(10);
  expect(second.node.state.started).toEqual([]);
  expect(first.node.state.started).toMatchObject([{ taskId }]);
});

test("when a device is lost, its messages are sealed to the person's new one and the old deposit is withdrawn", async () => {
  const taskId = await ask();
  await deposit();
  revoke(marco.principal.agentId);
  const phone = world.addDevice("marco.diaz", "marketing");
  const fresh = await startMailAgent(world, phone);
  expect(await inbox(fresh)).toEqual([]);
  fresh.node.stop();
  await finance.send();
  expect((await world.disk()).match(/mail\/deposit\//g)).toHaveLength(1);
  const again = await restart(fresh);
  await again.collect();
  expect(await inbox(again)).toMatchObject([{ taskId, task: SECRET }]);
  await world.clock.advance(1_000);
  expect(await deliveryOf(taskId)).toBe("stored");
});

test("a new device of the person gets a copy of what waits, some time after it has joined", async () => {
  const taskId = await ask();
  await deposit();
  const desk = world.addDevice("marco.diaz", "marketing");
  const desktop = await startMailAgent(world, desk);
  desktop.node.stop();
  await finance.send();
  await world.clock.advance(RECHECK_MS);
  await finance.send();
  for (const agent of [await restart(desktop), await restart(marketing)]) {
    await agent.collect();
    expect(await inbox(agent)).toMatchObject([{ taskId }]);
  }
});

test("over quota the sender keeps its messages, and none overtakes the one that was refused", async () => {
  const full = createMailWorld(9);
  const sales = full.addMember("sara.lund", "sales");
  const hr = full.addMember("hana.sato", "hr");
  const asker = await startMailAgent(full, sales);
  const worker = await startMailAgent(full, hr);
  worker.node.stop();
  const { taskId } = await asker.node.call("task.send", {
    target: { agentId: hr.principal.agentId },
    task: "x".repeat(19_000),
    idempotencyKey: "k",
  });
  await asker.node.call("task.cancel", { taskId });
  await full.clock.advance(DEPOSIT_AFTER_MS);
  const { deposit: real } = full.mailbox;
  let refused = 0;
  Object.assign(full.mailbox, {
    deposit: (...call: Parameters<typeof real>) => {
      if (call[1].sealed.ciphertext.length < 20_000) return real(...call);
      refused++;
      return real(call[0], { ...call[1], to: [] });
    },
  });
  await asker.send();
  expect(refused).toBe(1);
  expect(await full.disk()).not.toContain("mail/deposit/");
  Object.assign(full.mailbox, { deposit: real });
  await asker.send();
  expect(await full.disk()).not.toContain("mail/deposit/");
  await full.clock.advance(10_000);
  await asker.send();
  expect((await full.disk()).match(/mail\/deposit\//g)).toHaveLength(2);
});

test("a receipt counts only from the person that the message was sent to", async () => {
  const elena = world.addMember("elena.novak", "engineering");
  const taskId = await ask();
  await deposit();
  const [record] = [...finance.node.messaging.mail.waiting().values()].flat().map((seq) => finance.node.messaging.mail.record(seq));
  const ts = world.clock.now();
  const claims = {
    v: 1 as const,
    id: newUuid(ts, world.random),
    ts,
    exp: ts + 60_000,
    org: world.org.org,
    from: elena.principal.agentId,
    to: fiona.principal.agentId,
    priority: "P1" as const,
    policyHash: "a".repeat(64),
    traceparent: `00-${"1".repeat(32)}-${"2".repeat(16)}-01`,
    credential: elena.credential,
    message: { type: "mail.receipt" as const, envelopeId: record?.id ?? "", status: "stored" as const },
  };
  await finance.node.messaging.receiveFrame(sealEnvelope(claims, elena.signer), elena.principal);
  expect(await deliveryOf(taskId)).toBe("deposited");
});

test("a deposit that takes long, as where much text has to be looked through, holds up no other", async () => {
  const { mail } = finance.node.messaging;
  const real = mail.envelope;
  const slow = Promise.withResolvers<Uint8Array>();
  const first = await ask("k1");
  const second = await ask("k2");
  Object.assign(mail, { envelope: (...call: Parameters<typeof real>) => (call[0].ref === first ? slow.promise : real(...call)) });
  finance = await reopenMail(world, fiona, finance.node);
  await world.clock.advance(DEPOSIT_AFTER_MS);
  const round = finance.send();
  await vi.waitFor(() => world.clock.advance(1_000).then(() => expect(deliveryOf(second)).resolves.toBe("deposited")), SOON);
  await round;
  expect(await deliveryOf(first)).toBe("queued");
  await finance.send();
  const [seq = 0] = [...mail.waiting().values()].flat();
  slow.resolve(await real(mail.record(seq) ?? expect.unreachable(), marco.principal, false));
  await vi.waitFor(() => expect(deliveryOf(first)).resolves.toBe("deposited"), SOON);
  expect((await world.disk()).match(/mail\/deposit\//g)).toHaveLength(2);
});

import { beforeEach, describe, expect, it } from "vitest";
import { pruneByRetention } from "../../../bootstrap-node/audit/retention.ts";
import type { BundleShelf } from "../../../bootstrap-node/bundle-shelf.ts";
import { shipAudit } from "../../../mesh/agent/ship-audit.ts";
import { alarmId, signAcknowledgement, verifyAcknowledgement } from "../../../mesh/audit/acknowledge.ts";
import { openAuditChain } from "../../../mesh/audit/chain.ts";
import { OWN_CHAIN } from "../../../mesh/audit/chain-place.ts";
import { pruneChain } from "../../../mesh/audit/prune.ts";
import { createLogWatch } from "../../../mesh/audit/log-watch.ts";
import { createAuditShipper } from "../../../mesh/audit/ship.ts";
import { createCommitQueue } from "../../../mesh/store/commit-queue.ts";
import { eventHash } from "../../../mesh/audit/event-text.ts";
import { signHead } from "../../../mesh/audit/head.ts";
import { isConsistent } from "../../../mesh/audit/merkle.ts";
import { holdsEntry, verifyLogHead } from "../../../mesh/audit/receipt.ts";
import { verifyExport } from "../../../mesh/audit/verify.ts";
import { type AuditEvent, SECOND_AGENT } from "../../../mesh/contract/audit.ts";
import { publicJwkOf } from "../../../mesh/identity/keys.ts";
import { createTestOrganisation, successionOf } from "../../support/test-organisation.ts";
import { openMemoryStore } from "../../support/memory-store.ts";
import { seededRandom, seededSigner } from "../../support/seeded-keys.ts";
import { openTestBootstrap, type TestAgent, type TestBootstrap } from "../../support/test-bootstrap.ts";

const code = (name: string) => expect.objectContaining({ code: name });
const DAY_MS = 86_400_000;

describe("audit ingest", () => {
  let node: TestBootstrap;
  let agent: TestAgent;
  let events: AuditEvent[];
  const head = (last: { seq: number; hash: string }, signer = agent.signer, org = node.organisation.org) =>
    signHead({ v: 1, org, agentId: agent.agentId, seq: last.seq, hash: last.hash, ts: new Date(node.clock.now()).toISOString() }, signer);
  const send = (list: AuditEvent[], signed?: string) =>
    agent.client.ingest({ events: list, head: signed ?? head(list.at(-1) ?? { seq: 0, hash: "0".repeat(64) }) });
  /** A chain of this agent; another `variant` is another history. */
  const makeChain = async (count: number, variant = "a", action = "task.state"): Promise<AuditEvent[]> => {
    const chain = await openAuditChain(
      { store: openMemoryStore(), random: seededRandom(variant) },
      { org: node.organisation.org, agentId: agent.agentId },
    );
    const draft = {
      actor: { type: "agent", id: agent.agentId, role: "finance" },
      action,
      target: "task:01930000-0000-7000-8000-000000000001",
      result: "ok",
      traceId: "0".repeat(32),
    } as const;
    const ops = chain.link(
      Array.from({ length: count }, () => draft),
      node.clock.now(),
    );
    return ops.map((op) => JSON.parse(op.type === "put" ? op.value : "") as AuditEvent);
  };
  /** What an agent's daemon does with its audit chain. */
  const daemonOf = async (who: TestAgent) => {
    const config = { org: node.organisation.org, agentId: who.agentId };
    const store = openMemoryStore();
    const chain = await openAuditChain({ store, random: seededRandom(who.agentId), signer: who.signer }, config);
    const onEffectError = (error: unknown): void => expect.unreachable(String(error));
    const queue = createCommitQueue({ store, clock: node.clock, audit: chain, freeBytes: () => Number.MAX_SAFE_INTEGER, onEffectError });
    const draft = {
      actor: { type: "agent", id: who.agentId, role: "finance" },
      target: "task:1",
      result: "ok",
      traceId: "0".repeat(32),
    } as const;
    const watch = createLogWatch(
      {
        store,
        queue,
        issuers: () => [node.organisation.issuer.publicJwk],
        prove: async (first, second) => (await who.client.auditLog({ first, second })).consistency,
        event: (said) => ({ ...draft, ...said }),
      },
      config,
    );
    const shipper = createAuditShipper({ store, queue, chain, signer: who.signer, clock: node.clock }, { ...config, maxEvents: 3 });
    const work = async (count: number, client = who.client): Promise<void> => {
      for (let i = 0; i < count; i++) await queue.run((tx) => tx.audit({ ...draft, action: "task.state" }));
      await shipAudit(shipper, chain, client, watch);
    };
    /** Forgets what is older than some days and shipped, as its daemon does. */
    const forget = (days: number) =>
      pruneChain({ store, queue }, OWN_CHAIN, { beforeMs: node.clock.now() - days * DAY_MS, upTo: shipper.shipped() }, () => undefined);
    return { watch, work, forget, chain, shipped: shipper.shipped };
  };

  const at = (index: number): AuditEvent => events[index] ?? expect.unreachable();
  const alarms = async (): Promise<number> =>
    (await node.chain.list({ fromSeq: 1, limit: 100 })).filter(({ action }) => action === "audit.fork").length;

  beforeEach(async () => {
    node = await openTestBootstrap();
    await node.publish(1);
    agent = node.agent("laptop");
    await agent.join(node.invite({ subject: "fiona.berg", role: "finance" }));
    events = await makeChain(10);
  });

  it("takes a chain in parts and says where it ends", async () => {
    expect(await send(events.slice(0, 4))).toMatchObject({ seq: 4, hash: at(3).hash });
    expect(await send(events.slice(4))).toMatchObject({ seq: 10, hash: at(9).hash });
  });

  it("takes what it has already without a change, alone or with something new, also after a restart", async () => {
    await send(events.slice(0, 6));
    expect((await send(events.slice(0, 6))).seq).toBe(6);
    node = await openTestBootstrap({ store: node.store, clock: node.clock });
    agent = node.agent("laptop");
    expect((await send(events.slice(2))).seq).toBe(10);
    expect((await send([])).seq).toBe(10);
  });

  it("refuses a gap, and stores nothing of it", async () => {
    await send(events.slice(0, 4));
    await expect(send(events.slice(5))).rejects.toThrow(code("AUDIT_GAP"));
    await expect(send([at(4), at(6)])).rejects.toThrow(code("AUDIT_GAP"));
    expect((await send(events.slice(4))).seq).toBe(10);
    expect(await alarms()).toBe(0);
  });

  it("refuses a fork and records an alarm, though not one for each try", async () => {
    await send(events.slice(0, 4));
    const other = await makeChain(10, "b");
    await expect(send(other.slice(0, 4))).rejects.toThrow(code("AUDIT_GAP"));
    await expect(send(other.slice(4))).rejects.toThrow(code("AUDIT_GAP"));
    expect(await alarms()).toBe(1);
    node.clock.jump(61_000);
    await expect(send(other.slice(4))).rejects.toThrow(code("AUDIT_GAP"));
    expect(await alarms()).toBe(2);
    expect((await send(events.slice(4))).seq).toBe(10);
  });

  it("refuses an event that was altered, with or without a new hash", async () => {
    const altered = { ...at(5), result: "denied" as const };
    await expect(send([...events.slice(0, 5), altered])).rejects.toThrow(code("AUDIT_BROKEN"));
    const rehashed = { ...altered, hash: eventHash(altered) };
    await expect(send([...events.slice(0, 5), rehashed, ...events.slice(6)])).rejects.toThrow(code("AUDIT_BROKEN"));
  });

  it("refuses a head that is another agent's, of another event, or of another organisation", async () => {
    const thief = node.agent("thief");
    for (const forged of [
      head(at(9), thief.signer),
      head(at(8)),
      head({ seq: 10, hash: at(8).hash }),
      head(at(9), agent.signer, createTestOrganisation("other").org),
    ]) {
      await expect(send(events, forged)).rejects.toThrow(code("CREDENTIAL_INVALID"));
    }
    expect((await send(events)).seq).toBe(10);
  });

  it("takes only so much of one agent at once, so that no member can fill the disk; the rest later, and others' all the same", async () => {
    node = await openTestBootstrap({ auditKibAtOnce: 16 });
    await node.publish(1);
    agent = node.agent("laptop");
    await agent.join(node.invite({ subject: "fiona.berg", role: "finance" }));
    events = await makeChain(40);
    expect((await send(events.slice(0, 10))).seq).toBe(10);
    await expect(send(events.slice(10))).rejects.toThrow(code("RATE_LIMITED"));
    node.clock.jump(1_000);
    expect((await send(events.slice(10, 20))).seq).toBe(20);
  });

  it("refuses another agent's events, and those of who is no member or revoked", async () => {
    const marco = node.agent("marco's laptop");
    await marco.join(node.invite({ subject: "marco.diaz", role: "marketing" }));
    await expect(marco.client.ingest({ events, head: head(at(9)) })).rejects.toThrow(code("CREDENTIAL_INVALID"));
    await expect(node.agent("stranger").client.ingest({ events, head: head(at(9)) })).rejects.toThrow(code("NOT_A_MEMBER"));
    await node.publish(2, { revocations: { seq: 1, agents: [], subjects: ["fiona.berg"], keys: [] } });
    await expect(send(events)).rejects.toThrow(code("REVOKED"));
  });

  it("refuses malformed events and more than a thousand at once", async () => {
    const broken: AuditEvent = { ...at(0), seq: 0 };
    await expect(send([broken])).rejects.toThrow(code("INVALID_INPUT"));
    await expect(send(await makeChain(1_001))).rejects.toThrow(code("INVALID_INPUT"));
  });

  it("stores parts that are sent at the same time once, in order", async () => {
    await Promise.allSettled(Array.from({ length: 6 }, (_, i) => send(events.slice(0, i + 5))));
    expect((await send(events)).seq).toBe(10);
    const edward = node.agent("edward's laptop");
    await edward.join(node.invite({ subject: "edward.lindqvist", role: "executive" }));
    const verdict = await verifyExport(await edward.client.exportAudit(), { rootFingerprint: node.organisation.root.thumbprint });
    expect(verdict).toMatchObject({ ok: true });
    expect(verdict.agents.map(({ events: count }) => count)).toEqual([10]);
  });

  const auditor = async () => {
    const edward = node.agent("edward's laptop");
    await edward.join(node.invite({ subject: "edward.lindqvist", role: "executive" }));
    return edward;
  };
  const verified = async (lines: AsyncIterable<Uint8Array>) =>
    verifyExport(lines, { rootFingerprint: node.organisation.root.thumbprint, nowMs: node.clock.now() });

  it("signs a receipt for each end that it took: it is in the node's log, which goes on from the one the agent knew", async () => {
    const marco = node.agent("marco's laptop");
    await marco.join(node.invite({ subject: "marco.diaz", role: "marketing" }));
    const heads: { size: number; root: string }[] = [];
    const ends = [4, 7, 10];
    for (const [i, upTo] of ends.entries()) {
      const { receipt } = await agent.client.ingest({
        events: events.slice(ends[i - 1] ?? 0, upTo),
        head: head(at(upTo - 1)),
        logSize: heads.at(-1)?.size ?? 0,
      });
      if (receipt === undefined) throw new Error("a receipt expected");
      const log = verifyLogHead(receipt.log, [node.organisation.issuer.publicJwk], node.organisation.org);
      const entry = { agentId: agent.agentId, seq: upTo, hash: at(upTo - 1).hash };
      expect(holdsEntry(log, entry, { index: receipt.index, proof: receipt.inclusion })).toBe(true);
      expect(holdsEntry(log, { ...entry, seq: 1 }, { index: receipt.index, proof: receipt.inclusion })).toBe(false);
      const before = heads.at(-1);
      if (before !== undefined) expect(isConsistent({ first: before, second: log, proof: receipt.consistency ?? [] })).toBe(true);
      heads.push(log);
    }
    const [first, , last] = heads;
    if (first === undefined || last === undefined) throw new Error("heads expected");
    const { consistency } = await marco.client.auditLog({ first: first.size, second: last.size });
    expect(isConsistent({ first, second: last, proof: consistency })).toBe(true);
    await expect(marco.client.auditLog({ first: 1, second: 99 })).rejects.toThrow(code("NOT_FOUND"));
  });

  it("gives a daemon that ships receipts which it believes, and its colleague's head is of the same log", async () => {
    const marco = node.agent("marco's laptop");
    await marco.join(node.invite({ subject: "marco.diaz", role: "marketing" }));
    const [one, other] = [await daemonOf(agent), await daemonOf(marco)];
    for (const [daemon, count] of [
      [one, 7],
      [other, 2],
      [one, 1],
      [other, 5],
    ] as const)
      await daemon.work(count);
    expect([one.shipped(), other.shipped()]).toEqual([8, 7]);
    expect([one.watch.size(), other.watch.size()]).toEqual([5, 7]);
    await one.watch.hear(other.watch.head() ?? "", marco.agentId);
    expect(one.watch.head()).toBe(other.watch.head());
    await one.work(1);
    expect(one.watch.size()).toBe(8);
    for (const { watch } of [one, other]) expect(await watch.alarms()).toEqual([]);
  });

  it("lists forks, gaps and altered events as alarms for who may export; a gap that was filled is settled", async () => {
    await send(events.slice(0, 4));
    const other = await makeChain(10, "b");
    await expect(send(other.slice(0, 4))).rejects.toThrow(code("AUDIT_GAP"));
    await expect(send(events.slice(6))).rejects.toThrow(code("AUDIT_GAP"));
    await expect(send(events.slice(6))).rejects.toThrow(code("AUDIT_GAP"));
    const edward = await auditor();
    const listed = async () =>
      (await edward.client.auditAlarms()).alarms
        .toSorted((a, b) => (a.kind < b.kind ? -1 : 1))
        .map(({ kind, agentId, seq, expectedSeq, count, open }) => [kind, agentId === agent.agentId, seq, expectedSeq, count, open]);
    expect(await listed()).toEqual([
      ["fork", true, 1, 5, 1, true],
      ["gap", true, 7, 5, 2, true],
    ]);
    await send(events.slice(4));
    expect(await listed()).toEqual([
      ["fork", true, 1, 5, 1, true],
      ["gap", true, 7, 5, 2, false],
    ]);
    await expect(agent.client.auditAlarms()).rejects.toThrow(code("POLICY_DENIED"));
  });

  it("an alarm is acknowledged by who may export, not by its own person: signed, recorded, open no more until the same happens again", async () => {
    await send(events.slice(0, 4));
    const fork = async (): Promise<void> => expect(send((await makeChain(10, "b")).slice(0, 4))).rejects.toThrow(code("AUDIT_GAP"));
    await fork();
    const [edward, admin] = [await auditor(), node.client(node.organisation.admin)];
    const alarmNow = async () => (await edward.client.auditAlarms()).alarms[0] ?? expect.unreachable();
    const alarm = await alarmNow();
    const reason = "Recovered from a backup on her new laptop.";
    await expect(agent.client.acknowledgeAlarm({ alarm, reason })).rejects.toThrow(code("POLICY_DENIED"));
    await edward.client.acknowledgeAlarm({ alarm, reason });
    const { open, count, acknowledged } = await alarmNow();
    expect([open, count, acknowledged?.by, acknowledged?.reason]).toEqual([false, 1, edward.agentId, reason]);
    const key = publicJwkOf(edward.keys.sign);
    expect(verifyAcknowledgement(acknowledged?.jws ?? "", key, node.organisation.org)).toMatchObject({ lastAt: alarm.lastAt, reason });
    const told = (await node.chain.list({ fromSeq: 1, limit: 100 })).filter(({ action }) => action === "audit.acknowledge");
    expect(told.map(({ target, details }) => [target, details["by"], details["reason"]])).toEqual([
      [`agent:${agent.agentId}`, edward.agentId, reason],
    ]);
    // What was looked at is closed, and not what comes after it.
    await expect(edward.client.acknowledgeAlarm({ alarm, reason })).rejects.toThrow(code("STATE_CONFLICT"));
    node.clock.jump(1_000);
    await fork();
    const again = await alarmNow();
    expect([again.open, again.count, again.acknowledged]).toEqual([true, 2, undefined]);
    await expect(edward.client.acknowledgeAlarm({ alarm, reason })).rejects.toThrow(code("STATE_CONFLICT"));
    await admin.acknowledgeAlarm({ alarm: again, reason }, { asAdmin: true });
    expect(await alarmNow()).toMatchObject({ open: false, acknowledged: { by: node.organisation.admin.thumbprint } });
  });

  it("an acknowledgement by another key, of another organisation, of no alarm, or about one's own person's agent is refused", async () => {
    await send(events.slice(0, 4));
    await expect(send(events.slice(6))).rejects.toThrow(code("AUDIT_GAP"));
    const edward = await auditor();
    const [alarm = expect.unreachable()] = (await edward.client.auditAlarms()).alarms;
    const { org } = node.organisation;
    const said = {
      v: 1,
      org,
      alarm: alarmId(alarm.kind, alarm.agentId),
      lastAt: alarm.lastAt,
      reason: "Looked at.",
      at: alarm.lastAt,
    } as const;
    const post = (jws: string) => edward.send("POST", "/api/v1/audit/alarms/acknowledge", { acknowledgement: jws });
    expect(await post(signAcknowledgement(said, agent.signer))).toMatchObject({ status: 401, code: "CREDENTIAL_INVALID" });
    const other = signAcknowledgement({ ...said, org: createTestOrganisation("other").org }, edward.signer);
    expect(await post(other)).toMatchObject({ code: "CREDENTIAL_INVALID" });
    expect(await post(signAcknowledgement({ ...said, alarm: "0".repeat(12) }, edward.signer))).toMatchObject({ code: "NOT_FOUND" });
    expect(() => signAcknowledgement({ ...said, reason: "two\nlines" }, edward.signer)).toThrow(code("INVALID_INPUT"));
    const second = node.agent("edward's laptop");
    await second.join(node.invite({ subject: "edward.lindqvist", role: "executive" }));
    agent = second;
    await expect(send((await makeChain(3)).slice(1))).rejects.toThrow(code("AUDIT_GAP"));
    const own = (await edward.client.auditAlarms()).alarms.find(({ agentId }) => agentId === second.agentId) ?? expect.unreachable();
    await expect(edward.client.acknowledgeAlarm({ alarm: own, reason: "Mine." })).rejects.toThrow(code("POLICY_DENIED"));
  });

  it("lists an agent's word that another one acts in its person's name as an alarm, for an admin to look at", async () => {
    await send(await makeChain(2, "a", SECOND_AGENT));
    const [alarm] = (await (await auditor()).client.auditAlarms()).alarms;
    expect(alarm).toMatchObject({ kind: "second-agent", agentId: agent.agentId, seq: 2, count: 2, open: true });
  });

  it("exports with its signed log and a receipt for each agent; filtered, it holds stubs in place of the rest", async () => {
    await send(events);
    const edward = await auditor();
    expect(await verified(await edward.client.exportAudit())).toMatchObject({ ok: true, events: 10, agents: [{ receipted: true }] });
    const none = await verified(await edward.client.exportAudit({ filter: { action: "message", from: "2026-01-01T00:00:00.000Z" } }));
    expect(none).toMatchObject({ ok: true, events: 0, agents: [{ stubs: 10 }], filter: { action: "message" } });
    const task = "01930000-0000-7000-8000-000000000000";
    expect(await verified(await edward.client.exportAudit({ filter: { task, agent: agent.agentId } }))).toMatchObject({
      ok: true,
      events: 0,
    });
    const other = await verified(await edward.client.exportAudit({ filter: { agent: edward.agentId } }));
    expect(other).toMatchObject({ ok: true, agents: [] });
  });

  it("exports what verifies after an issuer has left and after another root has followed", async () => {
    const { organisation } = node;
    const [left, next] = [seededSigner("an issuer that leaves"), seededSigner("the next root")];
    await node.publish(2, { issuers: [organisation.issuer.publicJwk, left.publicJwk] });
    await send(events);
    await node.publish(3);
    const edward = await auditor();
    const lines: Uint8Array[] = [];
    for await (const chunk of await edward.client.exportAudit()) lines.push(chunk);
    expect(
      Buffer.concat(lines)
        .toString()
        .match(/"kind":"manifest"/g),
    ).toHaveLength(2);
    expect(await verifyExport(lines, { rootFingerprint: organisation.root.thumbprint })).toMatchObject({ ok: true });
    const { rotation } = successionOf(organisation, next);
    for (const role of ["finance", "marketing", "executive"])
      await node.accept(organisation.sign(role, { version: 4, nowMs: node.clock.now(), root: next, trust: { rotation } }));
    for (const rootFingerprint of [organisation.root.thumbprint, next.thumbprint])
      expect(await verifyExport(await edward.client.exportAudit(), { rootFingerprint })).toMatchObject({ ok: true });
  });

  describe("of a node that was restored from before what its agents have forgotten", () => {
    /** An agent that has sent 12 events, and a node that was restored from when it had 4. */
    const restored = async () => {
      const daemon = await daemonOf(agent);
      await daemon.work(4);
      const backup = new Map(await node.store.range({ gte: "", lt: "\u{10ffff}" }));
      await daemon.work(5);
      node.clock.jump(DAY_MS);
      await daemon.work(2);
      node.clock.jump(91 * DAY_MS);
      await node.publish(2);
      await daemon.work(1);
      const again = await openTestBootstrap({ store: openMemoryStore(backup), clock: node.clock });
      await again.publish(3);
      return { daemon, again, client: again.agent("laptop").client };
    };
    const gapAt = async (where: TestBootstrap) =>
      (await where.collection.alarms()).map(({ kind, seq, expectedSeq, open }) => [kind, seq, expectedSeq, open]);

    it("the chain goes on over the gap; the export says exactly what is missing and why, and the alarm is over", async () => {
      const { daemon, again, client } = await restored();
      expect(await daemon.forget(90)).toMatchObject({ seq: 9 });
      await daemon.work(1, client);
      expect(daemon.shipped()).toBe(daemon.chain.head().seq);
      expect(await gapAt(again)).toEqual([["gap", 13, 5, false]]);
      const told = (await again.chain.list({ fromSeq: 1, limit: 100 })).find(({ action }) => action === "audit.bridge");
      expect(told).toMatchObject({ target: `agent:${agent.agentId}`, details: { from: 5, to: 9, receipt: 12 } });

      const edward = again.agent("edward's desk");
      await edward.join(again.invite({ subject: "edward.lindqvist", role: "executive" }));
      node = again;
      for (const filter of [{}, { action: "message" }]) {
        const verdict = await verified(await edward.client.exportAudit({ filter }));
        expect(verdict).toMatchObject({ ok: true, agents: [{ lost: [{ from: 5, to: 9 }], receipted: true }] });
      }
      await daemon.work(2, client);
      expect(await verified(await edward.client.exportAudit())).toMatchObject({ ok: true, events: 4 + daemon.chain.head().seq - 9 });
    });

    it("an agent that forgets what is not old enough, or has no receipt of the node, can't leave it out", async () => {
      const { daemon, again, client } = await restored();
      await daemon.forget(0);
      await expect(daemon.work(1, client)).rejects.toThrow(code("AUDIT_GAP"));
      const anchor = daemon.chain.anchor() ?? expect.unreachable();
      const list = await daemon.chain.list({ fromSeq: 1, limit: 100 });
      const last = list.at(-1) ?? expect.unreachable();
      const furthest = daemon.watch.furthest() ?? expect.unreachable();
      const forged = { ...furthest, anchor, seq: last.seq, hash: last.hash };
      await expect(client.ingest({ events: list, head: head(last), bridge: forged })).rejects.toThrow(code("CREDENTIAL_INVALID"));
      await expect(client.ingest({ events: list, head: head(last), bridge: { ...furthest, anchor } })).rejects.toThrow(code("AUDIT_GAP"));
      expect((await gapAt(again)).at(0)?.at(-1)).toBe(true);
    });

    it("an agent that shows another chain after the gap than the node had a receipt for is refused as one that has forked", async () => {
      const { daemon, again, client } = await restored();
      await daemon.forget(90);
      const anchor = daemon.chain.anchor() ?? expect.unreachable();
      const furthest = daemon.watch.furthest() ?? expect.unreachable();
      const list: AuditEvent[] = [];
      for (const event of await daemon.chain.list({ fromSeq: 10, limit: 3 })) {
        const changed = { ...event, target: "task:2", hashPrev: list.at(-1)?.hash ?? event.hashPrev };
        list.push({ ...changed, hash: eventHash(changed) });
      }
      const last = list.at(-1) ?? expect.unreachable();
      await expect(client.ingest({ events: list, head: head(last), bridge: { ...furthest, anchor } })).rejects.toThrow(code("AUDIT_GAP"));
      expect(await gapAt(again)).toEqual([["fork", 12, 10, true]]);
      expect((await again.store.range({ gte: "collected/bridge/", lt: "collected/bridge/~" })).length).toBe(0);
    });
  });

  it("forgets nothing by a clock that was set ahead: an agent has to have signed that late too, and can't sign later than now", async () => {
    const shelf = { newest: () => ({ manifest: { retentionDays: 30 } }) as ReturnType<BundleShelf["newest"]> };
    const own = { agentId: agent.agentId, random: seededRandom("own") };
    const queue = { run: () => Promise.reject(new Error("nothing is to be forgotten")) };
    const retention = { store: node.store, queue, clock: node.clock, shelf, chain: node.chain, collection: node.collection, own };
    const { seq, hash } = at(3);
    const ts = new Date(node.clock.now() + 600_000).toISOString();
    const later = signHead({ v: 1, org: node.organisation.org, agentId: agent.agentId, seq, hash, ts }, agent.signer);
    await expect(send(events.slice(0, 4), later)).rejects.toThrow(code("CLOCK_SKEW"));
    await send(events.slice(0, 4));
    node.clock.jump(2 * 86_400_000);
    await node.publish(2);
    agent = node.agent("laptop");
    await send(events.slice(4));
    node.clock.jump(365 * 86_400_000);
    await pruneByRetention(retention);
    expect(await node.store.range({ gte: "collected/event/", lt: "collected/event/~" })).toHaveLength(10);
  });

  it("exports what verifies after events were forgotten by a shorter retention than the newest bundle's", async () => {
    const days = (retentionDays: number, version: number) =>
      Promise.all(
        ["finance", "marketing", "executive"].map((role) =>
          node.accept(node.organisation.sign(role, { version, nowMs: node.clock.now(), retentionDays })),
        ),
      );
    await days(10, 2);
    await send(events.slice(0, 4));
    node.clock.jump(11 * 86_400_000);
    agent = node.agent("laptop");
    await send(events.slice(4));
    await node.collection.prune(node.clock.now() - 10 * 86_400_000);
    await days(90, 3);
    expect(await verified(await (await auditor()).client.exportAudit())).toMatchObject({ ok: true, agents: [{ pruned: { seq: 4 } }] });
  });

  it("forgets what is older than the retention, and what is left verifies from the agent's signed head on", async () => {
    await send(events.slice(0, 4));
    node.clock.jump(100 * 86_400_000);
    await node.publish(2);
    agent = node.agent("laptop");
    await send(events.slice(4));
    await node.collection.prune(node.clock.now() - 90 * 86_400_000);
    const edward = await auditor();
    const verdict = await verified(await edward.client.exportAudit());
    expect(verdict).toMatchObject({ ok: true, events: 6, agents: [{ pruned: { seq: 4 } }] });
    expect(await node.store.range({ gte: "collected/about/", lt: "collected/about/~" })).toHaveLength(6);
    expect((await send(events.slice(2))).seq).toBe(10);
    expect(await alarms()).toBe(0);
  });
});

/** Who gets what from running daemons: strangers, members beyond their rights, forged approvals, the revoked. Real processes, crafted counterparts. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { noise } from "@chainsafe/libp2p-noise";
import { yamux } from "@chainsafe/libp2p-yamux";
import { tcp } from "@libp2p/tcp";
import { multiaddr } from "@multiformats/multiaddr";
import { createLibp2p } from "libp2p";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { readAgentConfig } from "../../mesh/agent/agent-config.ts";
import { systemClock, systemRandom } from "../../mesh/agent/system.ts";
import { orgPaths } from "../../mesh/cli/org/org-folder.ts";
import { orgRevoke } from "../../mesh/cli/org/org-revoke.ts";
import { nodeListener } from "../../mesh/cli/org/revocation-listeners.ts";
import { createOutput } from "../../mesh/cli/output.ts";
import { newUuid } from "../../mesh/contract/ids.ts";
import type { ApprovalStatement } from "../../mesh/contract/message.ts";
import type { Signer } from "../../mesh/contract/ports.ts";
import { signApproval } from "../../mesh/identity/approval.ts";
import { readSigningKey } from "../../mesh/identity/key-file.ts";
import { agentIdOf, createSigner, generateAgentKeys, publicJwkOf } from "../../mesh/identity/keys.ts";
import { issueMembership } from "../../mesh/identity/membership.ts";
import { libp2pKeyOf } from "../../mesh/peer/private-key.ts";
import { CARDS_PROTOCOL, MESSAGE_PROTOCOL, PEERS_PROTOCOL } from "../../mesh/peer/protocols.ts";
import { type DaemonWorld, foundWorld, peerAddressOf, type WorldAgent } from "../support/daemon-world.ts";
import { until } from "../support/until.ts";
import { identityOf, type RogueIdentity, type RoguePeer, startRogue } from "../support/rogue-peer.ts";
import { seededRandom, seededSigner } from "../support/seeded-keys.ts";

const HOUR_MS = 3_600_000;
/** The bootstrap node pushes news to connected daemons; one that is just finding the node again hears of them when it asks, each half minute. */
const NEWS_MS = 90_000;
const silent = createOutput({ write: () => undefined }, false);

let world: DaemonWorld;
let fiona: WorldAgent;
let marco: WorldAgent;
let hanna: WorldAgent;
let edward: WorldAgent;
const rogues: RoguePeer[] = [];

beforeAll(async () => {
  world = await foundWorld({
    people: { "fiona.berg": "finance", "marco.diaz": "marketing", "hanna.okoye": "hr", "edward.lindqvist": "executive" },
    approvers: ["edward.lindqvist", "fiona.berg"],
  });
  [fiona, marco, hanna, edward] = ["fiona.berg", "marco.diaz", "hanna.okoye", "edward.lindqvist"].map(world.agent) as [
    WorldAgent,
    WorldAgent,
    WorldAgent,
    WorldAgent,
  ];
  await Promise.all([fiona, marco, hanna, edward].map((agent) => agent.start()));
  await world.meet(["fiona.berg", "marco.diaz", "hanna.okoye", "edward.lindqvist"]);
});
afterEach(() => Promise.all(rogues.splice(0).map((rogue) => rogue.close())));
afterAll(() => world?.close());

async function rogueOf(identity: RogueIdentity): Promise<RoguePeer> {
  const rogue = await startRogue(identity);
  rogues.push(rogue);
  return rogue;
}

const at = async (agent: WorldAgent) => ({ agentId: agent.agentId, address: await peerAddressOf(agent) });

/** The agent's daemon stands still while somebody else acts with its key. */
async function takeOver(agent: WorldAgent): Promise<RoguePeer> {
  await agent.stop();
  return rogueOf(await identityOf(agent));
}

async function giveBack(agent: WorldAgent): Promise<void> {
  await Promise.all(rogues.splice(0).map((rogue) => rogue.close()));
  await agent.start();
  await world.meet([fiona.subject, agent.subject]);
}

/** What an agent has received of another. */
const receivedFrom = async (agent: WorldAgent, { agentId }: WorldAgent): Promise<string[]> =>
  (await agent.audit("message.receive")).filter(({ details }) => details["from"] === agentId).map(({ target }) => target);

const expectMeshUnharmed = async (): Promise<void> => {
  const { agents } = await fiona.call("directory.agents", {});
  expect(agents.filter(({ online }) => online).map(({ subject }) => subject)).toEqual(
    expect.arrayContaining(["edward.lindqvist", "fiona.berg", "hanna.okoye", "marco.diaz"]),
  );
};

describe("a stranger at a running daemon", () => {
  it.each([MESSAGE_PROTOCOL, PEERS_PROTOCOL, CARDS_PROTOCOL, "/ipfs/id/1.0.0", "/ipfs/ping/1.0.0"])(
    "with a valid key and no membership gets nothing by %s and is cut off",
    async (protocol) => {
      const stranger = await createLibp2p({
        privateKey: libp2pKeyOf(generateAgentKeys(systemRandom).sign),
        addresses: { listen: [] },
        transports: [tcp()],
        connectionEncrypters: [noise()],
        streamMuxers: [yamux()],
        connectionMonitor: { enabled: false },
      });
      try {
        const connection = await stranger.dial(multiaddr(await peerAddressOf(fiona)));
        let bytes = 0;
        try {
          for await (const piece of await connection.newStream(protocol)) bytes += piece.byteLength;
        } catch (error) {
          // Refused or reset: both are nothing.
          expect(error).toBeInstanceOf(Error);
        }
        expect(bytes).toBe(0);
        await vi.waitFor(() => expect(connection.status).not.toBe("open"), { timeout: 8_000, interval: 20 });
      } finally {
        await stranger.stop();
      }
      await expectMeshUnharmed();
    },
  );

  it("who is a member of another organisation is refused, under its own name and under ours", async () => {
    const other = await foundWorld({ people: { "fiona.berg": "finance" } });
    try {
      const identity = await identityOf(other.agent("fiona.berg"));
      const honest = await rogueOf(identity);
      await expect(honest.node.dial(await peerAddressOf(fiona))).rejects.toMatchObject({ code: "NOT_A_MEMBER" });
      const lying = await rogueOf({ ...identity, org: fiona.config.org });
      await expect(lying.node.dial(await peerAddressOf(fiona))).rejects.toMatchObject({ code: "CREDENTIAL_INVALID" });
    } finally {
      await other.close();
    }
    await expectMeshUnharmed();
  });

  it("whose credential has expired is refused", async () => {
    const keys = generateAgentKeys(systemRandom);
    const agentId = agentIdOf(publicJwkOf(keys.sign));
    const member = { subject: "pieter.jansen", role: "finance", department: "finance", agentId, seal: publicJwkOf(keys.seal) };
    const signer = createSigner(await readSigningKey(orgPaths(world.orgDir).issuerKey, "issuer key"));
    const { org } = fiona.config;
    const issue = (nowMs: number) => issueMembership({ org, member, signer, nowMs, random: systemRandom, lifetimeMs: HOUR_MS });
    const late = await rogueOf({ key: keys.sign, org, credential: issue(Date.now() - 2 * HOUR_MS) });
    await expect(late.node.dial(await peerAddressOf(fiona))).rejects.toMatchObject({ code: "CREDENTIAL_EXPIRED" });
    // The same key with a credential in time gets in, so it was the expiry.
    const inTime = await rogueOf({ key: keys.sign, org, credential: issue(Date.now()) });
    expect((await inTime.node.dial(await peerAddressOf(fiona))).principal.subject).toBe("fiona.berg");
  });
});

describe("what policy does not allow", () => {
  it("is denied at its sender and audited there, and nothing is sent", async () => {
    const received = await receivedFrom(hanna, marco);
    const sending = marco.call("task.send", {
      target: { targetRole: "hr", skill: "payroll-accrual" },
      task: "Payroll.",
      idempotencyKey: "payroll",
    });
    await expect(sending).rejects.toMatchObject({ code: "POLICY_DENIED" });
    expect((await marco.audit("message.send")).at(-1)).toMatchObject({
      result: "denied",
      details: { type: "task.request", toSubject: "hanna.okoye", policy: "deny" },
    });
    expect((await marco.call("outbox.list", {})).items).toEqual([]);
    expect(await receivedFrom(hanna, marco)).toEqual(received);
  });

  it("is denied by the receiver too, where the sender has left out its own check", async () => {
    const rogue = await takeOver(marco);
    const receipt = await rogue.send(await at(hanna), {
      type: "task.request",
      taskId: newUuid(Date.now(), systemRandom),
      skill: "payroll-accrual",
      task: "Payroll.",
      context: {},
      policyHints: {},
      idempotencyKey: "payroll",
    });
    expect(receipt).toMatchObject({ status: "refused", code: "POLICY_DENIED" });
    expect((await hanna.audit("message.receive")).at(-1)).toMatchObject({
      result: "denied",
      details: { type: "task.request", fromSubject: "marco.diaz", policy: "deny" },
    });
    expect((await hanna.call("inbox.list", { waiting: false })).items).toEqual([]);
    expect(await hanna.audit("run.start")).toEqual([]);
    await giveBack(marco);
  });
});

describe("an approval", () => {
  let asked: { approvalId: string; payloadHash: string };
  let other: { approvalId: string; payloadHash: string };
  const deadline = new Date(Date.now() + 3_600_000).toISOString();
  const ask = async (key: string, quorum = 1) => {
    const target = { targetRole: "executive" };
    const { approvalId, payloadHash } = await fiona.call("approval.request", {
      target,
      payload: { post: key },
      stepId: key,
      deadline,
      escalate: true,
      quorum,
      idempotencyKey: key,
    });
    return { approvalId, payloadHash };
  };
  const statement = (change: Partial<ApprovalStatement> = {}): ApprovalStatement => ({
    v: 1,
    org: fiona.config.org,
    approvalId: asked.approvalId,
    requester: fiona.agentId,
    payloadHash: asked.payloadHash,
    decision: "approved",
    reason: "",
    approver: { subject: "edward.lindqvist", role: "executive" },
    decidedAt: new Date().toISOString(),
    deadline,
    ...change,
  });
  const sign = (signer: Signer | undefined, change: Partial<ApprovalStatement> = {}): string => {
    if (signer === undefined) throw new Error("the world has no such approval key");
    return signApproval({ signer, statement: statement(change) });
  };
  const keyOf = (subject: string): Signer | undefined => world.approvalKeys.get(subject);
  const state = async (): Promise<string> => {
    const view = await fiona.call("status.fetch", { id: asked.approvalId });
    return view.kind === "approval" ? view.state : view.kind;
  };
  /** `code`: the requester's answer; a key that it does not know may be on a roster that is still to come, so such a decision may come again. */
  const forgeries: [name: string, forge: () => string, code: string][] = [
    ["by a key that is not on the roster", () => sign(seededSigner("thief")), "ROSTER_OLDER"],
    ["moved from another payload", () => sign(keyOf("edward.lindqvist"), other), "APPROVAL_INVALID"],
    [
      "for this payload under another approval's id",
      () => sign(keyOf("edward.lindqvist"), { approvalId: other.approvalId }),
      "APPROVAL_INVALID",
    ],
    [
      "that the requester gives to itself",
      () => sign(keyOf("fiona.berg"), { approver: { subject: "fiona.berg", role: "finance" } }),
      "APPROVAL_INVALID",
    ],
    [
      "with a later deadline than it was asked with",
      () => sign(keyOf("edward.lindqvist"), { deadline: new Date(Date.now() + 7_200_000).toISOString() }),
      "APPROVAL_INVALID",
    ],
    ["by the requester's key in the approver's name", () => sign(keyOf("fiona.berg")), "APPROVAL_INVALID"],
  ];

  beforeAll(async () => {
    [asked, other] = [await ask("entries"), await ask("others")];
    await until("edward has both", async () => (await edward.call("inbox.list", { kind: "approval" })).items.length === 2);
  });

  it("by two people is not asked for where one of the role is on the roster", async () => {
    await expect(ask("both", 2)).rejects.toMatchObject({
      code: "NO_ROUTE",
      message: expect.stringContaining("needs 2 different people, and 1 can be asked"),
    });
  });

  it.each(forgeries)("%s is not accepted by the approver's own daemon, and audited", async (_, forge) => {
    await expect(edward.call("approval.decide", { approvalId: asked.approvalId, decision: forge() })).rejects.toMatchObject({
      code: "APPROVAL_INVALID",
    });
    expect((await edward.audit("approval.decide")).at(-1)).toMatchObject({
      actor: { type: "person", id: "edward.lindqvist" },
      result: "denied",
      target: `approval:${asked.approvalId}`,
      details: { code: "APPROVAL_INVALID" },
    });
    expect(await state()).toBe("PENDING");
  });

  it("that is forged in any way is not accepted by the requester from a taken-over approver's agent, and audited", async () => {
    const rogue = await takeOver(edward);
    for (const [, forge, code] of forgeries) {
      const receipt = await rogue.send(await at(fiona), { type: "approval.decision", approvalId: asked.approvalId, decision: forge() });
      expect(receipt).toMatchObject({ status: "refused", code });
    }
    const refused = (await fiona.audit("approval.accept")).filter(({ result }) => result === "denied");
    expect(refused.map(({ target, details }) => [target, details["code"]])).toEqual(
      forgeries.map(([, , code]) => [`approval:${asked.approvalId}`, code]),
    );
    expect(await state()).toBe("PENDING");
    await giveBack(edward);
  });

  it("does not count from another agent than the one that was asked, however good it is", async () => {
    const rogue = await takeOver(marco);
    const decision = sign(keyOf("edward.lindqvist"));
    expect(await rogue.send(await at(fiona), { type: "approval.decision", approvalId: asked.approvalId, decision })).toMatchObject({
      status: "refused",
      code: "NOT_FOUND",
    });
    expect(await state()).toBe("PENDING");
    await giveBack(marco);
  });

  it("of the one who was asked, signed by the rostered key, counts on both sides", async () => {
    await edward.call("approval.decide", { approvalId: asked.approvalId, decision: sign(keyOf("edward.lindqvist")) });
    await until("fiona has it", async () => (await state()) === "APPROVED");
    expect((await fiona.audit("approval.accept")).at(-1)).toMatchObject({ result: "ok", details: { approver: "edward.lindqvist" } });
  });

  it("by a key that has been revoked since does not count", async () => {
    const key = keyOf("edward.lindqvist")?.thumbprint ?? "";
    await orgRevoke({ dir: world.orgDir, key }, silent, { clock: systemClock, random: systemRandom });
    const version = await world.sign();
    // Fiona's turn to ask comes by itself, without a restart.
    await until("fiona has it", async () => (await fiona.call("daemon.status", {})).bundleVersion === version, NEWS_MS);
    const rogue = await takeOver(edward);
    asked = other;
    const decision = sign(keyOf("edward.lindqvist"));
    expect(await rogue.send(await at(fiona), { type: "approval.decision", approvalId: asked.approvalId, decision })).toMatchObject({
      status: "refused",
      code: "REVOKED",
    });
    expect(await state()).toBe("PENDING");
    await giveBack(edward);
  });
});

describe("a bootstrap node that is taken over", () => {
  /** What whoever has the node's folder can admit: anybody in anybody's name, with a key of their own. */
  const impostorOf = async ({ subject, role }: WorldAgent, name: string): Promise<RogueIdentity> => {
    const keys = generateAgentKeys(seededRandom(name));
    const signer = createSigner(await readSigningKey(orgPaths(world.orgDir).issuerKey, "issuer key"));
    const member = { subject, role, department: role, agentId: agentIdOf(publicJwkOf(keys.sign)), seal: publicJwkOf(keys.seal) };
    const { org } = fiona.config;
    const credential = issueMembership({ org, member, signer, nowMs: systemClock.now(), random: systemRandom });
    return { key: keys.sign, credential, org };
  };
  const notify = { type: "notification", message: "Pay this at once.", severity: "info" } as const;

  it("admits nobody in the name of a person on the roster", async () => {
    const received = (await fiona.audit("message.receive")).length;
    const rogue = await rogueOf(await impostorOf({ ...edward, role: "executive" }, "impostor of edward"));
    await expect(rogue.send(await at(fiona), notify)).rejects.toMatchObject({ code: "AGENT_NOT_PINNED" });
    expect(await fiona.audit("message.receive")).toHaveLength(received);
  });

  it("admits an impostor of somebody else, which the person's own daemon tells, and an admin cuts off at once while the node is down", async () => {
    const rogue = await rogueOf(await impostorOf(hanna, "impostor of hanna"));
    expect((await rogue.node.dial(await peerAddressOf(fiona))).principal.subject).toBe("fiona.berg");
    const alarm = await until("hanna's daemon tells", async () => (await hanna.audit("member.second-agent")).at(-1), NEWS_MS);
    expect(alarm).toMatchObject({ target: `agent:${rogue.node.agentId}`, details: { alarm: true } });

    await world.bootstrap.kill();
    const revoked = await marco.gaggle(["org", "revoke", "--dir", world.orgDir, "--agent", rogue.node.agentId]);
    expect(revoked).toMatchObject({ code: 0, stdout: expect.stringContaining("Told this machine's agent") });
    await until("fiona has cut it off", () => rogue.node.members().length === 0, NEWS_MS);
    await expect(rogue.node.dial(await peerAddressOf(fiona))).rejects.toMatchObject({ code: "REVOKED" });
    // It counts before its event is on the disk.
    await until("fiona has recorded it", async () =>
      (await fiona.audit("member.revoke")).some(({ result, details }) => result === "ok" && details["agents"] === rogue.node.agentId),
    );
    await world.bootstrap.start();
    await until("the node has it from the members", async () => (await openRevocations()).length === 1, NEWS_MS);
  });

  const openRevocations = async (): Promise<readonly string[]> =>
    (await nodeListener(world.orgDir, world.bootstrap.url, { clock: systemClock, random: systemRandom })).known();
});

describe("a person who moves to another role", () => {
  it("works in it without joining again or a restart: bundle, credential, policy and card change; chats and inbox stay", async () => {
    await fiona.call("notify", {
      target: { agentId: hanna.agentId },
      message: "See you on the third floor.",
      idempotencyKey: "before the move",
    });
    const waiting = async (): Promise<number> => (await hanna.call("inbox.list", { kind: "notification" })).items.length;
    await until("hanna has it", async () => (await waiting()) === 1);
    await hanna.call("session.register", { sessionId: "chat of before" });
    const { pid } = await hanna.call("daemon.status", {});

    const chart = join(world.orgDir, "profiles", "organisation.yaml");
    const inLegal = "id: hanna.okoye, title: Head of People, role: legal, department: legal";
    writeFileSync(chart, readFileSync(chart, "utf8").replace(/id: hanna\.okoye, title: Head of People, role: hr, department: hr/, inLegal));
    await world.sign();

    const who = await until(
      "hanna's daemon has moved",
      async () => {
        const me = await hanna.call("policy.whoami", {});
        return me.role === "legal" ? me : undefined;
      },
      NEWS_MS,
    );
    expect(who).toMatchObject({ subject: "hanna.okoye", department: "legal" });
    await until(
      "colleagues see her there",
      async () => {
        const { agents } = await fiona.call("directory.agents", {});
        return agents.some(({ subject, role, online }) => subject === "hanna.okoye" && role === "legal" && online);
      },
      NEWS_MS,
    );
    expect((await hanna.call("daemon.status", {})).pid).toBe(pid);
    expect(await waiting()).toBe(1);
    expect((await readAgentConfig(hanna.home)).role).toBe("legal");
    expect((await hanna.audit("member.move")).at(-1)).toMatchObject({
      actor: { role: "legal" },
      details: { fromRole: "hr", role: "legal" },
    });
    expect(await hanna.call("hook.decide", { event: "PreToolUse", sessionId: "chat of before", tool: "mesh__list_agents" })).toMatchObject({
      decision: "allow",
    });
  });
});

describe("a person who was revoked", () => {
  it("is cut off by running daemons within seconds, is in no directory, and gets and gives nothing more", async () => {
    const identity = await identityOf(marco);
    const before = await receivedFrom(fiona, marco);
    const revoked = await edward.gaggle(["org", "revoke", "--dir", world.orgDir, "--user", "marco.diaz", "--publish", world.bootstrap.url]);
    expect(revoked).toMatchObject({ code: 0, stdout: expect.stringContaining(`Told ${world.bootstrap.url}`) });
    for (const agent of [fiona, hanna]) {
      await until("it has heard", async () => (await agent.audit("member.revoke")).at(-1)?.details["subjects"] === "marco.diaz", NEWS_MS);
      const { agents } = await agent.call("directory.agents", {});
      expect(agents.map(({ subject }) => subject)).not.toContain("marco.diaz");
    }
    const sending = fiona.call("task.send", { target: { targetRole: "marketing" }, task: "Look.", idempotencyKey: "revoked" });
    await expect(sending).rejects.toMatchObject({ code: "NO_ROUTE" });
    await until("marco sees fiona no more", async () => {
      const { agents } = await marco.call("directory.agents", {});
      return !agents.some(({ subject, online }) => online && subject === "fiona.berg");
    });

    await marco.call("notify", { target: { targetRole: "finance" }, message: "I am still here.", idempotencyKey: "still here" });
    const rogue = await rogueOf(identity);
    await expect(rogue.node.dial(await peerAddressOf(fiona))).rejects.toMatchObject({ code: "REVOKED" });
    const dead = await until("marco's message is dead", async () =>
      (await marco.call("dead.list", {})).items.find(({ type, to }) => type === "notification" && to === fiona.agentId),
    );
    expect(dead.lastError).toContain("REVOKED");
    expect(await receivedFrom(fiona, marco)).toEqual(before);
    // Its own person is told, instead of a node that seems away.
    await until("marco's agent says why", async () => (await marco.call("daemon.status", {})).bootstrap.refused === "REVOKED");
  });

  it("gets no credential, bundle or directory from the bootstrap node", async () => {
    const { createBootstrapClient } = await import("../../mesh/agent/bootstrap-client.ts");
    const { key, org } = await identityOf(marco);
    const deps = { clock: systemClock, random: systemRandom, fetch: globalThis.fetch, signer: createSigner(key) };
    const client = createBootstrapClient(deps, { baseUrl: world.bootstrap.url, org });
    await expect(client.token()).rejects.toMatchObject({ code: "REVOKED" });
  });

  it("whom daemons turned away is in their audit, counted", async () => {
    await fiona.stop();
    await fiona.start();
    const refusals = await fiona.audit("peer.refuse");
    const codes = refusals.map(({ details }) => details["code"]);
    expect(codes).toEqual(expect.arrayContaining(["NOT_A_MEMBER", "CREDENTIAL_INVALID", "CREDENTIAL_EXPIRED", "REVOKED"]));
    expect(refusals.every(({ details }) => Number(details["count"]) >= 1)).toBe(true);
  });
});

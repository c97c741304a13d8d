import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type BootstrapNode, type BootstrapNodeConfig, createBootstrapNode } from "../../../bootstrap-node/create-bootstrap-node.ts";
import { openAuditChain } from "../../../mesh/audit/chain.ts";
import { signHead } from "../../../mesh/audit/head.ts";
import { verifyExport } from "../../../mesh/audit/verify.ts";
import { createBootstrapClient } from "../../../mesh/agent/bootstrap-client.ts";
import { orgApprover } from "../../../mesh/cli/org/org-approver.ts";
import { adminSigner } from "../../../mesh/cli/org/org-folder.ts";
import { orgInit } from "../../../mesh/cli/org/org-init.ts";
import { orgInvite } from "../../../mesh/cli/org/org-invite.ts";
import { orgRevoke } from "../../../mesh/cli/org/org-revoke.ts";
import { orgSign } from "../../../mesh/cli/org/org-sign.ts";
import { createOutput } from "../../../mesh/cli/output.ts";
import type { Random } from "../../../mesh/contract/ports.ts";
import { createApprovalKey } from "../../../mesh/identity/approval-key.ts";
import { parseInvitation } from "../../../mesh/identity/invitation.ts";
import { ensureAgentKeys } from "../../../mesh/identity/key-file.ts";
import { type AgentKeys, agentIdOf, createSigner, generateAgentKeys, publicJwkOf } from "../../../mesh/identity/keys.ts";
import { verifyMembership } from "../../../mesh/identity/membership.ts";
import { createPeerNode } from "../../../mesh/peer/create-peer-node.ts";
import type { PeerNode } from "../../../mesh/peer/peer-node.ts";
import { verifyBundle } from "../../../profiles/bundle/verify.ts";
import { openMemoryStore } from "../../support/memory-store.ts";
import { createWallClock } from "../../support/wall-clock.ts";

const installDir = fileURLToPath(new URL("../../../", import.meta.url));
const code = (name: string) => expect.objectContaining({ code: name });
const out = createOutput({ write: () => undefined }, true);
const random: Random = { bytes: (length) => new Uint8Array(randomBytes(length)) };
const quiet = (): void => undefined;
const log = { debug: quiet, info: quiet, warn: quiet, error: quiet };

describe("a bootstrap node over HTTP", () => {
  let home: string;
  let dir: string;
  let children: ChildProcess[];
  let nodes: BootstrapNode[];
  let peers: PeerNode[];
  const clock = createWallClock();
  const deps = { clock, random };

  const start = async (change: Partial<BootstrapNodeConfig> = {}): Promise<BootstrapNode> => {
    const config = { dir: join(dir, "bootstrap"), host: "127.0.0.1", port: 0, version: "0.0.0-test", peer: null, ...change };
    const node = await createBootstrapNode({ clock, random, log }, config);
    nodes.push(node);
    return node;
  };
  /** An agent that joins by the link it got, as `gaggle join` does. */
  const enrol = async (link: string, name: string) => {
    const { baseUrl, claims, secret } = parseInvitation(link);
    const keys = await ensureAgentKeys(join(home, name, "keys"), random);
    const signer = createSigner(keys.sign);
    const client = createBootstrapClient({ signer, clock, random, fetch }, { baseUrl, org: claims.org });
    const joined = await client.join({ invitation: secret.jws, seal: publicJwkOf(keys.seal) });
    const { org, role } = claims;
    const verify = (bundle: unknown, minVersion: number) =>
      verifyBundle({ bundle, rootFingerprint: secret.rootFingerprint, org, role, nowMs: clock.now(), minVersion });
    const fetchVerified = async (minVersion: number) => verify(await client.fetchBundle(role), minVersion);
    const { rootFingerprint } = secret;
    return {
      client,
      signer,
      agentId: agentIdOf(signer.publicJwk),
      joined,
      bundle: verify(joined.bundle, 1),
      fetchVerified,
      rootFingerprint,
    };
  };
  const invite = (url: string, user: string, role: string) => orgInvite({ dir, role, user, url }, out, deps);
  /** `count` events of an agent's chain, as its daemon ships them. */
  const events = async (agent: { agentId: string; signer: Parameters<typeof signHead>[1] }, org: string, count: number) => {
    const chain = await openAuditChain({ store: openMemoryStore(), random }, { org, agentId: agent.agentId });
    const draft = {
      actor: { type: "agent", id: agent.agentId, role: "finance" },
      action: "task.state",
      target: "task:1",
      result: "ok",
      traceId: "0".repeat(32),
    } as const;
    const list = chain
      .link(
        Array.from({ length: count }, () => draft),
        clock.now(),
      )
      .map((op) => JSON.parse(op.type === "put" ? op.value : ""));
    const { seq, hash } = list.at(-1);
    return {
      events: list,
      head: signHead({ v: 1, org, agentId: agent.agentId, seq, hash, ts: new Date(clock.now()).toISOString() }, agent.signer),
    };
  };

  beforeEach(async () => {
    home = await mkdtemp(join(tmpdir(), "gaggle-node-"));
    dir = join(home, "org");
    [children, nodes, peers] = [[], [], []];
    await orgInit({ dir, installDir, content: "sample" }, out, deps);
    await orgSign({ dir }, out, deps);
  });
  afterEach(async () => {
    await Promise.all(peers.map((peer) => peer.close()));
    await Promise.all(nodes.map((node) => node.close()));
    for (const child of children) child.kill("SIGKILL");
    await rm(home, { recursive: true });
  });

  it("takes an organisation from nothing to five joined agents with an approver on the roster", async () => {
    const { url } = await start();
    const people = [
      ["fiona.berg", "finance"],
      ["marco.diaz", "marketing"],
      ["elena.novak", "engineering"],
      ["hanna.okoye", "hr"],
      ["edward.lindqvist", "executive"],
    ] as const;
    const agents = await Promise.all(people.map(async ([user, role]) => enrol(await invite(url, user, role), user)));
    const approvalKey = await createApprovalKey({
      path: join(home, "edward.lindqvist", "keys", "approval.json"),
      passphrase: "quiet lantern over snow",
      random,
    });
    await orgApprover({ dir, subject: "edward.lindqvist", role: "executive", key: approvalKey }, out);
    await orgSign({ dir, publish: url }, out, deps);
    for (const agent of agents) {
      const { manifest } = await agent.fetchVerified(2);
      expect(manifest.roster.approvers).toEqual([{ subject: "edward.lindqvist", role: "executive", key: approvalKey }]);
    }
    expect((await agents[0]?.client.directory())?.members.map(({ subject }) => subject).sort()).toEqual(
      people.map(([user]) => user).sort(),
    );
  });

  it("keeps what it answered over a kill -9", async () => {
    const spawnNode = async (): Promise<{ child: ChildProcess; url: string }> => {
      const script = fileURLToPath(new URL("../../support/bootstrap-process.ts", import.meta.url));
      const child = spawn(process.execPath, [script, join(dir, "bootstrap"), "0"], { stdio: ["ignore", "pipe", "inherit"] });
      children.push(child);
      const [chunk] = await once(child.stdout ?? child, "data");
      return { child, url: String(chunk).trim() };
    };
    const first = await spawnNode();
    const link = await invite(first.url, "fiona.berg", "finance");
    const fiona = await enrol(link, "fiona");
    const { org } = fiona.bundle.manifest;
    const batch = await events(fiona, org, 20);
    expect((await fiona.client.ingest(batch)).seq).toBe(20);
    await orgSign({ dir, publish: first.url }, out, deps);
    const exited = once(first.child, "exit");
    first.child.kill("SIGKILL");
    await exited;

    const second = await spawnNode();
    const moved = link.replace(first.url, second.url);
    await expect(enrol(moved, "thief")).rejects.toThrow(code("INVITATION_USED"));
    const again = await enrol(moved, "fiona");
    expect(again.joined.credential).toBe(fiona.joined.credential);
    expect(again.bundle.manifest.version).toBe(2);
    expect((await again.client.ingest(batch)).seq).toBe(20);
    expect(await again.client.health()).toMatchObject({ bundleVersion: 2 });
  });

  it("exports what it collected so that it verifies, to an admin's key and to whom policy lets", async () => {
    const { url } = await start();
    const fiona = await enrol(await invite(url, "fiona.berg", "finance"), "fiona");
    const edward = await enrol(await invite(url, "edward.lindqvist", "executive"), "edward");
    const { org } = fiona.bundle.manifest;
    await fiona.client.ingest(await events(fiona, org, 700));
    const { rootFingerprint } = fiona;
    const verdict = await verifyExport(await edward.client.exportAudit(), { rootFingerprint });
    expect(verdict).toMatchObject({ ok: true });
    expect(verdict.agents.map(({ agentId, events: count }) => [agentId, count])).toContainEqual([fiona.agentId, 700]);
    const admin = createBootstrapClient({ signer: await adminSigner(dir), clock, random, fetch }, { baseUrl: url, org });
    expect(await verifyExport(await admin.exportAudit({ asAdmin: true }), { rootFingerprint })).toMatchObject({ ok: true });
    await expect(fiona.client.exportAudit()).rejects.toThrow(code("POLICY_DENIED"));
    await expect(fiona.client.exportAudit({ asAdmin: true })).rejects.toThrow(code("CREDENTIAL_INVALID"));
  });

  it("cuts a revoked member off as soon as the admin publishes", async () => {
    const { url } = await start();
    const marco = await enrol(await invite(url, "marco.diaz", "marketing"), "marco");
    expect(await marco.client.renew()).toContain(".");
    await orgRevoke({ dir, user: "marco.diaz" }, out, deps);
    await orgSign({ dir, publish: url }, out, deps);
    await expect(marco.client.renew()).rejects.toThrow(code("REVOKED"));
    await expect(marco.client.fetchBundle("marketing")).rejects.toThrow(code("REVOKED"));
  });

  it("refuses plain HTTP beyond this machine, a second node on the same folder, and a taken port, saying how to mend it", async () => {
    await expect(start({ host: "0.0.0.0" })).rejects.toThrow(
      expect.objectContaining({ code: "INVALID_INPUT", message: expect.stringContaining("certificate") }),
    );
    const node = await start();
    await expect(start()).rejects.toThrow(code("CONFLICT"));
    const other = join(home, "other");
    await orgInit({ dir: other, installDir, content: "empty" }, out, deps);
    const taken = { dir: join(other, "bootstrap"), port: Number(new URL(node.url).port) };
    await expect(start(taken)).rejects.toThrow(code("INVALID_INPUT"));
    expect((await start({ ...taken, port: 0 })).url).not.toBe(node.url);
  });

  it("is unreachable with a clear error once it is closed, and its folder is free again", async () => {
    const node = await start();
    const fiona = await enrol(await invite(node.url, "fiona.berg", "finance"), "fiona");
    await node.close();
    nodes = [];
    await expect(fiona.client.renew()).rejects.toThrow(code("PEER_UNREACHABLE"));
    await start();
  });

  it("is a libp2p peer that tells its addresses to who joins", async () => {
    const node = await start({ peer: { listen: ["/ip4/127.0.0.1/tcp/0"], mdns: false } });
    const fiona = await enrol(await invite(node.url, "fiona.berg", "finance"), "fiona");
    expect(fiona.joined.peers).toEqual(node.peerAddresses());
    expect(fiona.joined.peers[0]).toMatch(new RegExp(`^/ip4/127.0.0.1/tcp/\\d+/p2p/${node.agentId}$`));
  });

  it("proves itself to members as a peer, and turns away who never joined", async () => {
    const node = await start({ peer: { listen: ["/ip4/127.0.0.1/tcp/0"], mdns: false } });
    const [address = ""] = node.peerAddresses();
    const fiona = await enrol(await invite(node.url, "fiona.berg", "finance"), "fiona");
    const { manifest } = fiona.bundle;
    const startPeer = async (keys: AgentKeys, credential: string): Promise<PeerNode> => {
      const membership = {
        credential: () => credential,
        verify: (jwt: string, agentId: string) => {
          const { sub, role, department } = verifyMembership({ jwt, manifest, nowMs: clock.now(), agentId });
          return { agentId, subject: sub, role, department };
        },
        bundleVersion: () => manifest.version,
        revocationSeq: () => manifest.revocations.seq,
        card: () => ({ version: 1, skills: [] }),
      };
      const book = { load: async () => [], save: async () => undefined };
      const peer = await createPeerNode(
        { privateKey: keys.sign, membership, book, onRefusal: quiet, clock, random, log },
        { org: manifest.org, listen: ["/ip4/127.0.0.1/tcp/0"], bootstrapPeers: [], mdns: false },
      );
      peers.push(peer);
      return peer;
    };
    const member = await (await startPeer(await ensureAgentKeys(join(home, "fiona", "keys"), random), fiona.joined.credential)).dial(
      address,
    );
    expect(member.principal).toMatchObject({ agentId: node.agentId, subject: "bootstrap", role: "bootstrap", department: "platform" });
    expect(member.bundleVersion).toBe(1);
    const stranger = await startPeer(generateAgentKeys(random), fiona.joined.credential);
    await expect(stranger.dial(address)).rejects.toThrow(code("CREDENTIAL_INVALID"));
  });
});

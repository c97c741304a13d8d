import { createLocalJWKSet, jwtVerify } from "jose";
import { beforeEach, describe, expect, it } from "vitest";
import { PROOF_HEADER } from "../../../mesh/contract/bootstrap-api.ts";
import {
  ACCESS_TOKEN_LIFETIME_MS,
  BUNDLE_LIFETIME_MS,
  CREDENTIAL_LIFETIME_MS,
  INVITATION_LIFETIME_MS,
  PROOF_LIFETIME_MS,
} from "../../../mesh/contract/limits.ts";
import { unverifiedPayloadOf } from "../../../mesh/identity/jws.ts";
import { publicJwkOf } from "../../../mesh/identity/keys.ts";
import { verifyMembership } from "../../../mesh/identity/membership.ts";
import { createProof } from "../../../mesh/identity/proof.ts";
import { verifyBundle } from "../../../profiles/bundle/verify.ts";
import { openTestBootstrap, type TestBootstrap } from "../../support/test-bootstrap.ts";
import { seededRandom, seededSigner } from "../../support/seeded-keys.ts";
import { createTestOrganisation, testSources } from "../../support/test-organisation.ts";

const FIONA = { subject: "fiona.berg", role: "finance" };
const code = (name: string) => expect.objectContaining({ code: name });

describe("joining", () => {
  let node: TestBootstrap;
  beforeEach(async () => {
    node = await openTestBootstrap();
    await node.publish(1);
  });

  it("gives the agent a credential and the bundle that the organisation's root signed", async () => {
    const agent = node.agent("fiona's laptop");
    const { credential, bundle, peers } = await agent.join(node.invite(FIONA));
    const { org, root } = node.organisation;
    const verified = verifyBundle({
      bundle,
      rootFingerprint: root.thumbprint,
      org,
      role: "finance",
      nowMs: node.clock.now(),
      minVersion: 1,
    });
    const claims = verifyMembership({ jwt: credential, manifest: verified.manifest, nowMs: node.clock.now(), agentId: agent.agentId });
    expect(claims).toMatchObject({ sub: "fiona.berg", role: "finance", department: "finance", seal: publicJwkOf(agent.keys.seal) });
    expect(peers).toEqual(["/ip4/127.0.0.1/tcp/4871"]);
  });

  it("can be repeated by the same agent, also after the node restarted, with the same result", async () => {
    const invitation = node.invite(FIONA);
    const first = await node.agent("fiona's laptop").join(invitation);
    const restarted = await openTestBootstrap({ store: node.store, clock: node.clock });
    expect(await restarted.agent("fiona's laptop").join(invitation)).toEqual(first);
  });

  it("is refused to another agent with a used invitation, also after the node restarted", async () => {
    const invitation = node.invite(FIONA);
    await node.agent("fiona's laptop").join(invitation);
    await expect(node.agent("thief").join(invitation)).rejects.toThrow(code("INVITATION_USED"));
    const restarted = await openTestBootstrap({ store: node.store, clock: node.clock });
    await expect(restarted.agent("thief").join(invitation)).rejects.toThrow(code("INVITATION_USED"));
  });

  it("with one invitation by many agents at once lets exactly one in", async () => {
    const invitation = node.invite(FIONA);
    const racers = Array.from({ length: 8 }, (_, i) => node.agent(`racer ${i}`));
    const results = await Promise.allSettled(racers.map((racer) => racer.join(invitation)));
    const tokens = await Promise.allSettled(racers.map((racer) => racer.client.token()));
    for (const outcomes of [results, tokens]) expect(outcomes.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
  });

  it("is refused with an expired invitation", async () => {
    const invitation = node.invite(FIONA);
    node.clock.jump(INVITATION_LIFETIME_MS + 1_000);
    await expect(node.agent("late").join(invitation)).rejects.toThrow(code("INVITATION_INVALID"));
  });

  it.each([
    ["by someone who is no admin", { ...FIONA, signer: seededSigner("thief") }],
    ["by the root or issuer key", { ...FIONA, signer: createTestOrganisation().issuer }],
    ["for another organisation", { ...FIONA, org: createTestOrganisation("other").org }],
    ["for somebody who is not in the org chart", { subject: "mallory", role: "finance" }],
    ["for another role than the org chart gives", { subject: "fiona.berg", role: "executive" }],
  ])("is refused with an invitation %s", async (_, who) => {
    await expect(node.agent("stranger").join(node.invite(who))).rejects.toThrow(code("INVITATION_INVALID"));
  });

  it("is refused to a revoked person, agent or key, and with an invitation of a revoked admin", async () => {
    const agent = node.agent("fiona's laptop");
    const none = { seq: 1, agents: [], subjects: [], keys: [] };
    const cases = [{ subjects: ["fiona.berg"] }, { agents: [agent.agentId] }, { keys: [agent.signer.thumbprint] }];
    for (const [i, change] of cases.entries()) {
      await node.publish(i + 2, { revocations: { ...none, ...change } });
      await expect(agent.join(node.invite(FIONA))).rejects.toThrow(code("REVOKED"));
    }
    expect((await node.chain.list({ fromSeq: 1, limit: 100 })).map(({ action }) => action)).not.toContain("member.join");
    await node.publish(9, { revocations: { ...none, keys: [node.organisation.admin.thumbprint] } });
    await expect(agent.join(node.invite(FIONA))).rejects.toThrow(code("INVITATION_INVALID"));
  });

  it("needs a proof of the agent key over exactly this invitation and seal key", async () => {
    const agent = node.agent("fiona's laptop");
    const body = { invitation: node.invite(FIONA), seal: publicJwkOf(agent.keys.seal) };
    const proofOver = (proven: unknown) =>
      createProof({
        call: { org: node.organisation.org, method: "POST", path: "/api/v1/join", body: proven },
        signer: agent.signer,
        nowMs: node.clock.now(),
        random: seededRandom("p"),
      });
    const post = (headers: Record<string, string>) => node.app.inject({ method: "POST", url: "/api/v1/join", headers, payload: body });
    expect((await post({})).json()).toMatchObject({ status: 401, code: "CREDENTIAL_INVALID" });
    // Nested without end: refused before it is parsed.
    const bomb = {
      method: "POST",
      url: "/api/v1/join",
      headers: { "content-type": "application/json", [PROOF_HEADER]: proofOver(body) },
    } as const;
    const refused = (await node.app.inject({ ...bomb, payload: `{"v":${"[".repeat(30_000)}` })).json();
    expect(refused).toMatchObject({ status: 400, code: "INVALID_INPUT", detail: expect.stringContaining("levels deep") });
    // What Fastify's own parser refuses is refused still.
    expect((await node.app.inject({ ...bomb, payload: '{"__proto__":{"x":1}}' })).json()).toMatchObject({ status: 400 });
    const otherSeal = proofOver({ ...body, seal: publicJwkOf(node.agent("thief").keys.seal) });
    expect((await post({ [PROOF_HEADER]: otherSeal })).json()).toMatchObject({ code: "CREDENTIAL_INVALID" });
    expect((await post({ [PROOF_HEADER]: proofOver(body) })).statusCode).toBe(200);
  });

  it("is refused to a key that belongs to another person already", async () => {
    await node.agent("shared").join(node.invite(FIONA));
    await expect(node.agent("shared").join(node.invite({ subject: "marco.diaz", role: "marketing" }))).rejects.toThrow(code("CONFLICT"));
  });

  it("is refused while there is no bundle, and once it has expired", async () => {
    const empty = await openTestBootstrap();
    await expect(empty.agent("early").join(empty.invite(FIONA))).rejects.toThrow(code("BUNDLE_MISSING"));
    node.clock.jump(BUNDLE_LIFETIME_MS);
    await expect(node.agent("late").join(node.invite(FIONA))).rejects.toThrow(code("BUNDLE_EXPIRED"));
  });

  it("is recorded in the node's own audit chain, once", async () => {
    const invitation = node.invite(FIONA);
    await node.agent("fiona's laptop").join(invitation);
    await node.agent("fiona's laptop").join(invitation);
    const events = await node.chain.list({ fromSeq: 1, limit: 100 });
    expect(events.filter(({ action }) => action === "member.join")).toHaveLength(1);
  });
});

describe("access tokens", () => {
  let node: TestBootstrap;
  const joined = async (name: string, who = FIONA) => {
    const agent = node.agent(name);
    await agent.join(node.invite(who));
    return agent;
  };
  const post = (path: string, headers: Record<string, string>) => node.app.inject({ method: "POST", url: path, headers, payload: {} });
  const proof = (agent: { signer: Parameters<typeof createProof>[0]["signer"] }, path: string, method: "GET" | "POST" = "POST") =>
    createProof({
      call: { org: node.organisation.org, method, path, body: {} },
      signer: agent.signer,
      nowMs: node.clock.now(),
      random: seededRandom(`${path}${node.clock.now()}`),
    });
  beforeEach(async () => {
    node = await openTestBootstrap();
    await node.publish(1);
  });

  it("are given to an enrolled agent, for 30 minutes, and verify against the published JWKS", async () => {
    const token = await (await joined("laptop")).client.token();
    const jwks = (await node.app.inject({ method: "GET", url: "/.well-known/jwks.json" })).json();
    const options = { audience: "gaggle-bootstrap", issuer: node.organisation.org, typ: "at+jwt", currentDate: new Date(node.clock.now()) };
    const { payload } = await jwtVerify(token, createLocalJWKSet(jwks), options);
    expect(((payload.exp ?? 0) - (payload.iat ?? 0)) * 1000).toBeLessThanOrEqual(ACCESS_TOKEN_LIFETIME_MS);
    expect(payload).toMatchObject({ sub: "fiona.berg", role: "finance" });
  });

  it("are not given to an agent that never joined", async () => {
    await expect(node.agent("stranger").client.token()).rejects.toThrow(code("NOT_A_MEMBER"));
  });

  it("are given once for each proof, also after the node restarted", async () => {
    const agent = await joined("laptop");
    const headers = { [PROOF_HEADER]: proof(agent, "/api/v1/token") };
    expect((await post("/api/v1/token", headers)).statusCode).toBe(200);
    expect((await post("/api/v1/token", headers)).json()).toMatchObject({ code: "CREDENTIAL_INVALID" });
    node = await openTestBootstrap({ store: node.store, clock: node.clock });
    expect((await post("/api/v1/token", headers)).json()).toMatchObject({ code: "CREDENTIAL_INVALID" });
  });

  it("are not given for an old proof, nor for one that was made for another call", async () => {
    const agent = await joined("laptop");
    const old = proof(agent, "/api/v1/token");
    const other = proof(agent, "/api/v1/credentials");
    expect((await post("/api/v1/token", { [PROOF_HEADER]: other })).json()).toMatchObject({ code: "CREDENTIAL_INVALID" });
    node.clock.jump(PROOF_LIFETIME_MS + 121_000);
    expect((await post("/api/v1/token", { [PROOF_HEADER]: old })).json()).toMatchObject({ code: "CLOCK_SKEW" });
  });

  it("are of no use to another agent, nor without a proof", async () => {
    const fiona = await joined("laptop");
    const marco = await joined("marco's laptop", { subject: "marco.diaz", role: "marketing" });
    const path = "/api/v1/credentials";
    const authorization = `Bearer ${await fiona.client.token()}`;
    expect((await post(path, { authorization, [PROOF_HEADER]: proof(marco, path) })).json()).toMatchObject({
      status: 401,
      code: "CREDENTIAL_INVALID",
    });
    expect((await post(path, { authorization })).json()).toMatchObject({ code: "CREDENTIAL_INVALID" });
    expect((await post(path, { [PROOF_HEADER]: proof(fiona, path) })).json()).toMatchObject({ code: "CREDENTIAL_INVALID" });
    expect((await post(path, { authorization, [PROOF_HEADER]: proof(fiona, path) })).statusCode).toBe(200);
  });

  it("that were stolen take nothing from their owner's allowance: who can't prove the key is counted by its own address", async () => {
    node = await openTestBootstrap({ openRequestsPerMinute: 20 });
    await node.publish(1);
    const fiona = await joined("laptop");
    const thief = node.agent("thief");
    const path = "/api/v1/credentials";
    const authorization = `Bearer ${await fiona.client.token()}`;
    const steal = async (forged: string): Promise<unknown> => {
      const headers = { authorization, [PROOF_HEADER]: forged };
      return (await node.app.inject({ method: "POST", url: path, headers, payload: {}, remoteAddress: "192.0.2.9" })).json().code;
    };
    // By another key, for another call, altered.
    const proofs = [proof(thief, path), proof(fiona, "/api/v1/token"), `${proof(fiona, path)}x`] as const;
    const codes: unknown[] = [];
    for (let i = 0; i < 640; i++) codes.push(await steal(proofs[i % 3] ?? ""));
    expect(new Set(codes.slice(0, 20))).toEqual(new Set(["CREDENTIAL_INVALID"]));
    expect(new Set(codes.slice(20))).toEqual(new Set(["RATE_LIMITED"]));
    expect((await post(path, { authorization, [PROOF_HEADER]: proof(fiona, path) })).statusCode).toBe(200);
  });

  it("expire", async () => {
    const agent = await joined("laptop");
    const authorization = `Bearer ${await agent.client.token()}`;
    node.clock.jump(ACCESS_TOKEN_LIFETIME_MS + 1_000);
    const path = "/api/v1/credentials";
    expect((await post(path, { authorization, [PROOF_HEADER]: proof(agent, path) })).json()).toMatchObject({ code: "CREDENTIAL_EXPIRED" });
    expect(await agent.client.renew()).toContain(".");
  });

  it("that were forged or are of another kind are refused", async () => {
    const agent = await joined("laptop");
    const path = "/api/v1/credentials";
    const token = await agent.client.token();
    const [head, body] = token.split(".");
    const none = `${Buffer.from('{"alg":"none","typ":"at+jwt"}').toString("base64url")}.${body}.`;
    const membership = await agent.client.renew();
    for (const forged of [none, `${head}.${body}.${Buffer.alloc(64).toString("base64url")}`, membership, "x"]) {
      const answer = await post(path, { authorization: `Bearer ${forged}`, [PROOF_HEADER]: proof(agent, path) });
      expect(answer.json()).toMatchObject({ status: 401, code: "CREDENTIAL_INVALID" });
    }
  });

  it("stop working at once for a revoked member", async () => {
    const agent = await joined("laptop");
    await agent.client.token();
    await node.publish(2, { revocations: { seq: 1, agents: [agent.agentId], subjects: [], keys: [] } });
    await expect(agent.client.renew()).rejects.toThrow(code("REVOKED"));
    await expect(node.agent("laptop").client.token()).rejects.toThrow(code("REVOKED"));
  });
});

describe("members", () => {
  let node: TestBootstrap;
  beforeEach(async () => {
    node = await openTestBootstrap();
    await node.publish(1);
  });

  it("renew their credential, with the role that the newest org chart gives them", async () => {
    const agent = node.agent("laptop");
    await agent.join(node.invite(FIONA));
    node.clock.jump(CREDENTIAL_LIFETIME_MS / 2);
    const sources = testSources();
    const orgChart = sources.orgChart.map((person) =>
      person.id === "fiona.berg" ? { ...person, role: "executive", department: "executive" } : person,
    );
    for (const role of ["finance", "executive"]) {
      const bundle = node.organisation.sign(role, { version: 2, nowMs: node.clock.now(), sources: { ...sources, orgChart } });
      expect((await node.app.inject({ method: "POST", url: "/api/v1/bundles", payload: { bundle } })).statusCode).toBe(200);
    }
    expect(unverifiedPayloadOf(await agent.client.renew())).toMatchObject({
      sub: "fiona.berg",
      role: "executive",
      iat: Math.floor(node.clock.now() / 1000),
    });
  });

  it("that left the org chart get nothing any more", async () => {
    const agent = node.agent("laptop");
    await agent.join(node.invite(FIONA));
    const orgChart = testSources().orgChart.filter(({ id }) => id !== "fiona.berg");
    const bundle = node.organisation.sign("finance", { version: 2, nowMs: node.clock.now(), sources: { ...testSources(), orgChart } });
    await node.app.inject({ method: "POST", url: "/api/v1/bundles", payload: { bundle } });
    await expect(agent.client.renew()).rejects.toThrow(code("NOT_A_MEMBER"));
  });

  it("get their own role's bundle only", async () => {
    const agent = node.agent("laptop");
    await agent.join(node.invite(FIONA));
    expect((await agent.client.fetchBundle("finance")).files["goosehints.md"]).toBe("You work for finance.\n");
    await expect(agent.client.fetchBundle("executive")).rejects.toThrow(code("POLICY_DENIED"));
    await expect(node.agent("stranger").client.fetchBundle("finance")).rejects.toThrow(code("NOT_A_MEMBER"));
  });

  it("see each other in the directory, without those who are revoked", async () => {
    const fiona = node.agent("laptop");
    const marco = node.agent("marco's laptop");
    await fiona.join(node.invite(FIONA));
    await marco.join(node.invite({ subject: "marco.diaz", role: "marketing" }));
    expect((await fiona.client.directory()).members.map(({ subject }) => subject).sort()).toEqual(["fiona.berg", "marco.diaz"]);
    await node.publish(2, { revocations: { seq: 1, agents: [], subjects: ["marco.diaz"], keys: [] } });
    expect((await fiona.client.directory()).members.map(({ subject }) => subject)).toEqual(["fiona.berg"]);
  });
});

import { beforeEach, describe, expect, it } from "vitest";
import { BOOTSTRAP_ROUTES, PROOF_HEADER } from "../../../mesh/contract/bootstrap-api.ts";
import type { SignedBundle } from "../../../mesh/contract/bundle.ts";
import { BUNDLE_LIFETIME_MS } from "../../../mesh/contract/limits.ts";
import { publicJwkOf } from "../../../mesh/identity/keys.ts";
import { openTestBootstrap, type TestBootstrap } from "../../support/test-bootstrap.ts";
import { createTestOrganisation, testSources } from "../../support/test-organisation.ts";

describe("publishing bundles", () => {
  let node: TestBootstrap;
  const post = async (bundle: unknown) => {
    const answer = await node.app.inject({ method: "POST", url: "/api/v1/bundles", payload: { bundle } });
    return answer.json<{ code?: string; version?: number; role?: string }>();
  };
  const sign = (version: number, nowMs = node.clock.now()): SignedBundle => node.organisation.sign("finance", { version, nowMs });
  beforeEach(async () => {
    node = await openTestBootstrap();
  });

  it("takes what the root signed, from anybody, and hands it out after a restart too", async () => {
    expect(await post(sign(1))).toEqual({ role: "finance", version: 1 });
    expect(await post(sign(2))).toEqual({ role: "finance", version: 2 });
    node = await openTestBootstrap({ store: node.store, clock: node.clock });
    expect((await node.app.inject({ method: "GET", url: "/healthz" })).json()).toMatchObject({ status: "ok", bundleVersion: 2 });
  });

  it("takes the same one again without a change", async () => {
    const bundle = sign(2);
    await post(bundle);
    expect(await post(bundle)).toEqual({ role: "finance", version: 2 });
    expect((await node.chain.list({ fromSeq: 1, limit: 10 })).filter(({ action }) => action === "bundle.accept")).toHaveLength(1);
  });

  it.each([
    ["an unsigned one", "BUNDLE_SIGNATURE", () => ({ ...sign(6), manifest: "e30.e30.e30" })],
    ["an altered one", "BUNDLE_SIGNATURE", () => ({ ...sign(6), files: { ...sign(6).files, "goosehints.md": "x" } })],
    [
      "another organisation's",
      "BUNDLE_SIGNATURE",
      () => createTestOrganisation("other").sign("finance", { version: 6, nowMs: node.clock.now() }),
    ],
    ["an older one", "BUNDLE_ROLLBACK", () => sign(4)],
    ["an expired one", "BUNDLE_EXPIRED", () => sign(6, node.clock.now() - BUNDLE_LIFETIME_MS)],
    ["one from the future", "CLOCK_SKEW", () => sign(6, node.clock.now() + 3_600_000)],
    [
      "other content under the same version",
      "CONFLICT",
      () => node.organisation.sign("finance", { version: 5, nowMs: node.clock.now(), sources: { ...testSources(), name: "X" } }),
    ],
    ["something that is no bundle", "INVALID_INPUT", () => ({ manifest: 1 })],
  ])("refuses %s and keeps the last good one, also over a restart", async (_, expected, candidate) => {
    await post(sign(5));
    expect(await post(candidate())).toMatchObject({ code: expected });
    node = await openTestBootstrap({ store: node.store, clock: node.clock });
    expect((await node.app.inject({ method: "GET", url: "/healthz" })).json()).toMatchObject({ bundleVersion: 5 });
    expect(await post(sign(4))).toMatchObject({ code: "BUNDLE_ROLLBACK" });
  });

  it("keeps the newest of several that come at once", async () => {
    await Promise.all([3, 1, 4, 2].map((version) => post(sign(version))));
    expect((await node.app.inject({ method: "GET", url: "/healthz" })).json()).toMatchObject({ bundleVersion: 4 });
  });
});

describe("the HTTP API", () => {
  let node: TestBootstrap;
  beforeEach(async () => {
    node = await openTestBootstrap({ openRequestsPerMinute: 10 });
    await node.publish(1);
  });

  it("describes every route in its OpenAPI document", async () => {
    const document = (await node.app.inject({ method: "GET", url: "/openapi.json" })).json();
    expect(document.openapi).toBe("3.1.0");
    for (const [name, { method, path, access }] of Object.entries(BOOTSTRAP_ROUTES)) {
      const operation = document.paths[path.replaceAll(/:(\w+)/g, "{$1}")][method.toLowerCase()];
      expect(operation.operationId).toBe(name);
      expect(operation.security.length > 0).toBe(access !== "none");
      expect(operation.responses["200"].content).toBeDefined();
    }
  });

  it("answers errors as problem+json with the table's status, and tells nothing else", async () => {
    const answer = await node.app.inject({ method: "POST", url: "/api/v1/bundles", payload: { bundle: "secret text" } });
    expect(answer.statusCode).toBe(400);
    expect(answer.headers["content-type"]).toContain("application/problem+json");
    expect(answer.json()).toMatchObject({ code: "INVALID_INPUT", status: 400, type: "about:blank" });
    expect(answer.body).not.toContain("secret text");
    expect(answer.body).not.toContain(".ts:");
    expect((await node.app.inject({ method: "GET", url: "/nothing" })).json()).toMatchObject({ status: 404, code: "NOT_FOUND" });
  });

  it.each([
    ["broken JSON", { payload: "{", headers: { "content-type": "application/json" } }, 400],
    ["another media type", { payload: "<a/>", headers: { "content-type": "application/xml" } }, 415],
    ["what a browser's form sends without asking", { payload: "{}", headers: { "content-type": "text/plain" } }, 415],
    ["a prototype in JSON", { payload: '{"__proto__":{"a":1}}', headers: { "content-type": "application/json" } }, 400],
    [
      "a body that is too large",
      { payload: JSON.stringify({ a: "x".repeat(9_000_000) }), headers: { "content-type": "application/json" } },
      413,
    ],
  ])("refuses %s", async (_, request, status) => {
    expect((await node.app.inject({ method: "POST", url: "/api/v1/bundles", ...request })).statusCode).toBe(status);
  });

  it("takes only small bodies where nothing large belongs", async () => {
    const agent = node.agent("somebody");
    const join = agent.client.join({ invitation: "x".repeat(70_000), seal: publicJwkOf(agent.keys.seal) });
    await expect(join).rejects.toMatchObject({ code: "TOO_LARGE" });
  });

  it.each([
    ["no token", "/api/v1/audit/ingest", {}],
    ["no proof of a key", "/api/v1/join", { [PROOF_HEADER]: "x" }],
  ])("reads no body of who shows %s, however large it may be", async (_, url, headers) => {
    const answer = await node.app.inject({ method: "POST", url, headers, payload: { events: "x".repeat(9_000_000) } });
    expect(answer.json()).toMatchObject({ code: "CREDENTIAL_INVALID", status: 401 });
  });

  it("names the methods that a path has", async () => {
    const answer = await node.app.inject({ method: "DELETE", url: "/api/v1/token?x=1" });
    expect(answer.json()).toMatchObject({ status: 405, code: "METHOD_NOT_ALLOWED" });
    expect(answer.headers).toMatchObject({ allow: "POST", "content-type": expect.stringContaining("application/problem+json") });
    expect((await node.app.inject({ method: "POST", url: "/healthz" })).headers["allow"]).toBe("GET, HEAD");
    expect((await node.app.inject({ method: "HEAD", url: "/healthz" })).statusCode).toBe(200);
    expect((await node.app.inject({ method: "GET", url: "/%zz" })).json()).toMatchObject({ status: 400, code: "INVALID_INPUT" });
  });

  it("believes a forwarded address from the proxies that it is told alone", async () => {
    const from = (server: TestBootstrap, client: string, proxy: string) =>
      server.app.inject({ method: "GET", url: "/.well-known/jwks.json", headers: { "x-forwarded-for": client }, remoteAddress: proxy });
    for (let i = 0; i < 10; i++) await from(node, `192.0.2.${i}`, "127.0.0.1");
    expect((await from(node, "192.0.2.99", "127.0.0.1")).statusCode).toBe(429);
    const behind = await openTestBootstrap({ openRequestsPerMinute: 10, trustProxy: ["127.0.0.1"] });
    await behind.publish(1);
    for (let i = 0; i < 10; i++) await from(behind, "192.0.2.1", "127.0.0.1");
    expect((await from(behind, "192.0.2.1", "127.0.0.1")).statusCode).toBe(429);
    expect((await from(behind, "192.0.2.2", "127.0.0.1")).statusCode).toBe(200);
    for (let i = 0; i < 10; i++) await from(behind, `192.0.2.${i}`, "198.51.100.7");
    expect((await from(behind, "192.0.2.99", "198.51.100.7")).statusCode).toBe(429);
  });

  it("counts tries with forged tokens as requests of a stranger", async () => {
    const forged = () =>
      node.app.inject({ method: "GET", url: "/api/v1/usage", headers: { authorization: "Bearer a.b.c", [PROOF_HEADER]: "x" } });
    for (let i = 0; i < 10; i++) expect((await forged()).statusCode).toBe(401);
    expect((await forged()).statusCode).toBe(429);
  });

  it("sends headers that keep browsers and caches from doing anything with answers, errors too", async () => {
    for (const url of ["/healthz", "/nothing"]) {
      const { headers } = await node.app.inject({ method: "GET", url });
      expect(headers).toMatchObject({ "cache-control": "no-store", "x-content-type-options": "nosniff", "x-frame-options": "DENY" });
      expect(headers["content-security-policy"]).toContain("default-src 'none'");
    }
  });

  it("counts a source's requests to open routes, and lets members and health checks through", async () => {
    const member = node.agent("laptop");
    await member.join(node.invite({ subject: "fiona.berg", role: "finance" }));
    await member.client.token();
    const open = () => node.app.inject({ method: "GET", url: "/.well-known/jwks.json" });
    for (let i = 0; i < 8; i++) expect((await open()).statusCode).toBe(200);
    const refused = await open();
    expect(refused.json()).toMatchObject({ status: 429, code: "RATE_LIMITED" });
    expect(refused.headers["retry-after"]).toBe("6");
    expect(await member.client.renew()).toContain(".");
    expect(await member.client.health()).toMatchObject({ status: "ok" });
    expect((await node.app.inject({ method: "GET", url: "/.well-known/jwks.json", remoteAddress: "192.0.2.9" })).statusCode).toBe(200);
    node.clock.jump(60_000);
    expect((await open()).statusCode).toBe(200);
  });
});

/** What a running daemon believes of the bundles that it is offered: only what the pinned root key signed, for its role, in time, and never an older one. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type BundleDraft, buildBundles } from "../../profiles/bundle/build-bundles.ts";
import { readSources } from "../../profiles/bundle/read-sources.ts";
import { signBundle } from "../../profiles/bundle/sign-bundle.ts";
import { createBootstrapClient } from "../../mesh/agent/bootstrap-client.ts";
import { systemClock, systemRandom } from "../../mesh/agent/system.ts";
import { orgPaths, readOrg, readRevocations, readRoster, rootSigner, writeJson } from "../../mesh/cli/org/org-folder.ts";
import type { SignedBundle } from "../../mesh/contract/bundle.ts";
import type { Signer } from "../../mesh/contract/ports.ts";
import { type DaemonWorld, foundWorld, type WorldAgent } from "../support/daemon-world.ts";
import { until } from "../support/until.ts";
import { seededSigner } from "../support/seeded-keys.ts";
import { startSwappingProxy, type SwappingProxy } from "../support/swapping-proxy.ts";

let world: DaemonWorld;
let proxy: SwappingProxy;
let fiona: WorldAgent;
let marco: WorldAgent;
let drafts: Promise<readonly BundleDraft[]> | undefined;

beforeAll(async () => {
  world = await foundWorld({
    people: { "fiona.berg": "finance", "marco.diaz": "marketing" },
    async via(url) {
      proxy ??= await startSwappingProxy(url);
      return proxy.url;
    },
  });
  [fiona, marco] = [world.agent("fiona.berg"), world.agent("marco.diaz")];
  await world.sign();
  await Promise.all([fiona.start(), marco.start()]);
  await hasVersion(marco, 2);
});
afterAll(async () => {
  await world?.close();
  await proxy?.close();
});

const versionOf = async (agent: WorldAgent): Promise<number> => (await agent.call("daemon.status", {})).bundleVersion;
/** One whose first question failed asks again half a minute later. */
const hasVersion = (agent: WorldAgent, version: number, timeoutMs = 90_000) =>
  until(`${agent.subject} has version ${version}`, async () => (await versionOf(agent)) === version, timeoutMs);
/** A bundle counts before its event is on the disk. */
const expectAccepted = (agent: WorldAgent, version: number) =>
  until(`${agent.subject} has recorded version ${version}`, async () =>
    (await agent.audit("bundle.accept")).some(({ target, result }) => target === `bundle:${agent.role}@${version}` && result === "ok"),
  );
const stored = (role: string): Promise<SignedBundle> =>
  readFile(join(orgPaths(world.orgDir).bundles, `${role}.json`), "utf8").then((text) => JSON.parse(text) as SignedBundle);

/** A role's bundle as the organisation's sources make it, signed as the test wants. */
async function sign(
  role: string,
  change: { version?: number; lifetimeMs?: number; nowMs?: number; root?: Signer } = {},
): Promise<SignedBundle> {
  // Once: checking the sources takes longer than signing, and a short life begins before it.
  drafts ??= readSources(orgPaths(world.orgDir).profiles, orgPaths(world.orgDir).recipes).then(buildBundles);
  const draft = (await drafts).find((one) => one.role === role);
  if (draft === undefined) throw new Error(`no role ${role}`);
  const { org, issuers, admins, version } = await readOrg(world.orgDir);
  const trust = { org, issuers, admins, roster: await readRoster(world.orgDir), revocations: await readRevocations(world.orgDir) };
  return signBundle({ draft, trust, version: version + 1, nowMs: Date.now(), root: await rootSigner(world.orgDir), ...change });
}

/** Marco works for Fiona as before. */
async function expectMeshGoesOn(key: string): Promise<void> {
  await world.meet(["fiona.berg", "marco.diaz"]);
  const { taskId } = await fiona.call("task.send", { target: { targetRole: "marketing" }, task: "Look.", idempotencyKey: key });
  await until("marco has the task", async () => (await marco.call("inbox.read", { id: taskId })).kind === "task");
}

describe("a bundle from a bootstrap node that was taken over", () => {
  const HOUR_MS = 3_600_000;
  const offers: [name: string, code: string, offer: (good: SignedBundle) => SignedBundle | Promise<SignedBundle>][] = [
    [
      "that nobody signed",
      "BUNDLE_SIGNATURE",
      ({ manifest, files }) => ({ manifest: `${manifest.split(".").slice(0, 2).join(".")}.`, files }),
    ],
    ["that another root key signed", "BUNDLE_SIGNATURE", () => sign("marketing", { root: seededSigner("thief") })],
    [
      "with one letter changed in a file",
      "BUNDLE_SIGNATURE",
      ({ manifest, files }) => ({
        manifest,
        files: { ...files, "policy.json": (files["policy.json"] ?? "").replace("accruals", "accrualz") },
      }),
    ],
    [
      "with a recipe more",
      "BUNDLE_SIGNATURE",
      ({ manifest, files }) => ({ manifest, files: { ...files, "recipes/marketing/evil.yaml": "x" } }),
    ],
    ["of an older version", "BUNDLE_ROLLBACK", () => sign("marketing", { version: 1 })],
    ["that has expired", "BUNDLE_EXPIRED", () => sign("marketing", { nowMs: Date.now() - 2 * HOUR_MS, lifetimeMs: HOUR_MS })],
    ["of another role", "BUNDLE_MISMATCH", () => sign("hr")],
    ["of the same version with other content", "CONFLICT", () => sign("marketing", { version: 2 })],
  ];
  it.each(offers)("%s is refused with %s and audited, and the last good one stays", async (name, code, offer) => {
    const offered = await offer(await stored("marketing"));
    proxy.swap((bundle, role) => (role === "marketing" ? offered : bundle));
    const before = (await marco.audit("bundle.refuse")).length;
    await marco.stop();
    await marco.start();
    const refusals = await until("the refusal is audited", async () => {
      const events = await marco.audit("bundle.refuse");
      return events.length > before && events;
    });
    expect(refusals.at(-1)).toMatchObject({ result: "denied", details: { code, kept: 2 } });
    expect(await versionOf(marco)).toBe(2);
    await expectMeshGoesOn(name);
  });

  it("does no harm that stays: the next good one is taken", async () => {
    proxy.swap(undefined);
    const version = await world.sign();
    await marco.stop();
    await marco.start();
    await hasVersion(marco, version);
    await expectAccepted(marco, version);
  });
});

describe("a new version", () => {
  it("is taken without a restart as soon as a colleague connects who has it", async () => {
    // Started anew, so that their own turn to ask is half a minute away.
    await Promise.all([fiona.stop(), marco.stop()]);
    await Promise.all([fiona.start(), marco.start()]);
    await world.meet(["fiona.berg", "marco.diaz"]);
    const version = await world.sign();
    const elena = await world.join("elena.novak", "engineering");
    await elena.start();
    await Promise.all([fiona, marco].map((agent) => hasVersion(agent, version, 25_000)));
    await expectAccepted(fiona, version);
  });
});

describe("a bundle that expires at its agent", () => {
  it("leaves a daemon that sends, lets in and allows nothing, says so, and still tells its status", async () => {
    // The node tells connected daemons of a bundle: one that was started anew, or asks each half minute, might come too late.
    await until("fiona is connected with both colleagues and the node", async () => {
      expect((await fiona.call("daemon.status", {})).peersConnected).toBeGreaterThanOrEqual(3);
      return true;
    });
    // Longer than a slow machine takes to publish it and to take it: an expired one is refused.
    const lifetimeMs = 15_000;
    const org = await readOrg(world.orgDir);
    const short = await Promise.all(["finance", "marketing", "engineering"].map((role) => sign(role, { lifetimeMs })));
    await writeJson(orgPaths(world.orgDir).org, { ...org, version: org.version + 1 });
    const admin = createBootstrapClient(
      { clock: systemClock, random: systemRandom, fetch: globalThis.fetch, signer: seededSigner("anybody") },
      { baseUrl: world.bootstrap.url, org: org.org },
    );
    for (const bundle of short) await admin.publish(bundle);
    await hasVersion(fiona, org.version + 1);
    const { bundleExpiresAt } = await fiona.call("daemon.status", {});
    await until("the bundle has expired", () => Date.now() > Date.parse(bundleExpiresAt));

    const sending = fiona.call("task.send", { target: { targetRole: "marketing" }, task: "Look.", idempotencyKey: "expired" });
    await expect(sending).rejects.toMatchObject({ code: "BUNDLE_EXPIRED", message: expect.stringContaining("gaggle org sign --publish") });
    const hook = await fiona.call("hook.decide", { event: "PreToolUse", sessionId: "s", tool: "mesh__send_task" });
    expect(hook).toMatchObject({ decision: "block", reason: expect.stringContaining("expired") });
    expect((await fiona.call("policy.check", { action: "guard.restore", resource: "own" })).allowed).toBe(false);
    expect(await fiona.call("daemon.status", {})).toMatchObject({ bundleVersion: org.version + 1, subject: "fiona.berg" });

    // Also one that begins with it, since nothing better is to be had.
    await fiona.stop();
    await fiona.start();
    expect(await versionOf(fiona)).toBe(org.version + 1);
    await expect(fiona.call("directory.agents", {})).rejects.toMatchObject({ code: "BUNDLE_EXPIRED" });
  });

  it("is replaced by the next good one, and the mesh goes on", async () => {
    const version = await world.sign();
    await Promise.all([fiona.stop(), marco.stop()]);
    await Promise.all([fiona.start(), marco.start()]);
    await Promise.all([fiona, marco].map((agent) => hasVersion(agent, version)));
    await expectMeshGoesOn("after all");
  });
});

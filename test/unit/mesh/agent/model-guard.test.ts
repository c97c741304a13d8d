import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { modelId } from "../../../../guard/detect/ner/model-folder.ts";
import { oneUpstream } from "../../../../guard/gateway/call-routes.ts";
import { createTokenSessions } from "../../../../guard/pseudonym/token-sessions.ts";
import { createGooseSessions } from "../../../../mesh/agent/goose-sessions.ts";
import { createModelGuard, type ModelGuard, type ModelGuardDeps } from "../../../../mesh/agent/model-guard.ts";
import { type AuditChain, openAuditChain } from "../../../../mesh/audit/chain.ts";
import type { AuditEvent } from "../../../../mesh/contract/audit.ts";
import { GaggleError } from "../../../../mesh/contract/errors.ts";
import { type GuardLists, guardLists, guardProfile } from "../../../../mesh/contract/guard-policy.ts";
import type { CommitQueue } from "../../../../mesh/contract/ports.ts";
import { createCommitQueue } from "../../../../mesh/store/commit-queue.ts";
import type { VerifiedBundle } from "../../../../profiles/bundle/verify.ts";
import { GATEWAY_TOKEN } from "../../../support/guard-gateway.ts";
import { openMemoryStore } from "../../../support/memory-store.ts";
import { createRealClock, realRandom } from "../../../support/real-clock.ts";
import { type RecordingUpstream, startRecordingUpstream } from "../../../support/recording-upstream.ts";

const agentId = `12D3KooW${"A".repeat(44)}`;
const actor = { type: "agent" as const, id: agentId, role: "finance" };
const org = `org_${"a".repeat(26)}`;
const NO_COST = { tokens: 0, usd: "0" };
const EMAIL = "ada@example.org";

let chain: AuditChain;
let queue: CommitQueue;
let guard: ModelGuard;
let upstream: RecordingUpstream;
let bundle: () => VerifiedBundle;
const released: unknown[] = [];

/** A bundle whose guard counts only: for that the rules will do while the model is not loaded. */
const bundleOf = (version: number, lists: Partial<GuardLists> = {}, profile: object = {}): VerifiedBundle =>
  ({
    manifest: { version },
    profile: { guard: guardProfile.parse({ mode: "detect-only", ...profile }) },
    guardLists: guardLists.parse({ v: 1, ...lists }),
  }) as VerifiedBundle;

const post = (text: string, headers: Record<string, string> = { "agent-session-id": "chat" }, model = "m"): Promise<Response> =>
  fetch(`${guard.gateway.url}/v1/chat/completions`, {
    method: "POST",
    headers: { authorization: `Bearer ${GATEWAY_TOKEN}`, ...headers },
    body: JSON.stringify({ model, messages: [{ role: "user", content: text }] }),
  });

const events = (): Promise<readonly AuditEvent[]> => chain.list({ fromSeq: 1, limit: 100 });

/** Waits for the event that ends a call: it is written when the answer is out. */
async function ended(count: number): Promise<readonly AuditEvent[]> {
  const found = async () => (await events()).filter(({ action }) => action !== "model.send");
  await expect.poll(async () => (await found()).length, { timeout: 10_000 }).toBe(count);
  return events();
}

async function open(queueOf: (queue: CommitQueue) => CommitQueue = (own) => own, modelFolder?: string): Promise<void> {
  const clock = createRealClock();
  const store = openMemoryStore();
  chain = await openAuditChain({ store, random: realRandom }, { org, agentId });
  queue = createCommitQueue({ store, clock, audit: chain, freeBytes: () => Number.MAX_SAFE_INTEGER, onEffectError: () => undefined });
  const sessions = createGooseSessions({ clock });
  sessions.register("chat", { kind: "chat", traceId: "1".repeat(32) });
  const deps: ModelGuardDeps = {
    clock,
    random: realRandom,
    queue: queueOf(queue),
    log: { error: () => undefined },
    actor,
    sessions,
    tokens: createTokenSessions({ clock, random: realRandom }, { epochs: [{ epoch: 1, key: new Uint8Array(32).fill(7) }] }),
    routes: oneUpstream(() => ({ baseUrl: upstream.baseUrl })),
    books: { book: () => NO_COST, release: (planned) => void released.push(planned) },
    bundle: () => bundle(),
    traceOf: (sessionId) => sessions.find(sessionId)?.traceId ?? "0".repeat(32),
  };
  guard = createModelGuard(deps, { gatewayPort: 0, token: GATEWAY_TOKEN, installDir: process.cwd(), modelFolder });
  await guard.gateway.listen();
}

beforeEach(async () => {
  released.length = 0;
  bundle = () => bundleOf(1);
  upstream = await startRecordingUpstream(() => ({ say: "hello" }));
});

afterEach(async () => {
  await guard.gateway.close();
  await guard.detection.close();
});

describe("the daemon's guard", { timeout: 60_000 }, () => {
  it("takes a machine's own model only where the signed lists name none or this one", async () => {
    const own = join(process.cwd(), "test", "fixtures", "ner-model");
    await open((queue) => queue, own);
    const answers = [];
    for (const [i, models] of [[], [modelId(own)], ["0".repeat(64)]].entries()) {
      bundle = () => bundleOf(i + 1, { models });
      answers.push(await post(`Write to ${EMAIL}`));
    }
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 403]);
    expect(await answers[2]?.text()).toContain("gaggle guard model --shipped");
    expect(upstream.requests).toHaveLength(2);
  });

  it("records that a call leaves before it does, and how it ended, in the session's trace", async () => {
    let atUpstream: readonly AuditEvent[] = [];
    upstream = await startRecordingUpstream(async () => {
      atUpstream = await events();
      return { say: "hello" };
    });
    await open();
    expect((await post(`mail ${EMAIL}`)).status).toBe(200);
    const all = await ended(1);
    expect(atUpstream.map(({ action }) => action)).toEqual(["model.send"]);
    expect(all.map(({ action, target, result }) => [action, target, result])).toEqual([
      ["model.send", "session:chat", "ok"],
      ["model.call", "session:chat", "ok"],
    ]);
    expect(all.map(({ traceId }) => traceId)).toEqual(["1".repeat(32), "1".repeat(32)]);
    expect(all[0]?.details).toMatchObject({ model: "m", upstream: "default", destination: "cloud", passed: "EMAIL 1" });
    expect(released).toHaveLength(1);
  });

  it("records no text that a caller asked for as a model", async () => {
    await open();
    expect((await post("hello", { "agent-session-id": "chat" }, "Sofie Devries earns 4,812.07")).status).toBe(200);
    const all = await ended(1);
    expect(JSON.stringify(all)).not.toContain("Sofie");
    expect(all.map(({ details }) => details["model"])).toEqual(["unknown", "unknown"]);
  });

  it("sends nothing where that can't be recorded", async () => {
    bundle = () => bundleOf(1, {}, { mode: "off" });
    await open((own) => ({ ...own, run: () => Promise.reject(new GaggleError("STORE_FAILED", "The store failed.")) }));
    expect((await post("hi")).status).toBe(403);
    expect(upstream.requests).toEqual([]);
  });

  it("refuses a session that never registered and a call without a session, and records why", async () => {
    bundle = () => bundleOf(1, {}, { mode: "off" });
    await open();
    expect((await post("hi", { "agent-session-id": "other" })).status).toBe(403);
    expect((await post("hi", {})).status).toBe(403);
    expect((await post("hi", { "agent-session-id": "chat", "x-gaggle-run": "1" })).status).toBe(403);
    const all = await ended(3);
    expect(all.map(({ action, result, details }) => [action, result, details["code"]])).toEqual(
      Array.from({ length: 3 }, () => ["guard.refuse", "denied", "SESSION_UNKNOWN"]),
    );
    bundle = () => bundleOf(2, {}, { mode: "off", unregistered: "allow" });
    expect((await post("hi", {})).status).toBe(200);
    await ended(4);
  });

  it("looks for what the newest bundle lists, and lets nothing pass without a valid bundle", async () => {
    await open();
    const text = "The code name is Bluebird.";
    await post(text);
    bundle = () => bundleOf(2, { deny: [{ class: "CUSTOM", values: ["Bluebird"] }] });
    await post(text);
    bundle = () => {
      throw new GaggleError("BUNDLE_EXPIRED", "The bundle has expired.");
    };
    expect((await post(text)).status).toBe(403);
    const all = await ended(3);
    const listed = all.filter(({ action }) => action === "model.send").map(({ details }) => String(details["passed"]).includes("CUSTOM 1"));
    expect(listed).toEqual([false, true]);
    expect(upstream.requests).toHaveLength(2);
    expect(all.at(-1)).toMatchObject({ action: "guard.refuse", details: { code: "BUNDLE_EXPIRED" } });
  });
});

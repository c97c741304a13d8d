import { beforeEach, describe, expect, it } from "vitest";
import { createDetector } from "../../../../guard/detect/detector.ts";
import type { Finding } from "../../../../guard/detect/finding.ts";
import type { Held } from "../../../../guard/boundary/look-inside.ts";
import { createBoundary, type BoundaryDeps } from "../../../../mesh/agent/boundary.ts";
import type { MessagingDeps } from "../../../../mesh/agent/messaging/messaging-types.ts";
import { createTaskValues, isTaskPeer, type TaskMessage } from "../../../../mesh/agent/task-values.ts";
import { createTokenSessions } from "../../../../guard/pseudonym/token-sessions.ts";
import type { JsonObject } from "../../../../mesh/contract/json.ts";
import type { CommitQueue, Obligation, PolicyEngine, PolicyQuestion } from "../../../../mesh/contract/ports.ts";
import type { RunOutcome } from "../../../../mesh/session/ports.ts";
import { taskKey } from "../../../../mesh/session/task-record.ts";
import { envelopeClaims, type EnvelopeClaims, type MessageOf } from "../../../../mesh/contract/message.ts";
import { keepObligations } from "../../../../mesh/enforcement/keep-obligations.ts";
import { signApproval } from "../../../../mesh/identity/approval.ts";
import { createSigner, generateSigningKey } from "../../../../mesh/identity/keys.ts";
import { signJws, unverifiedPayloadOf } from "../../../../mesh/identity/jws.ts";
import { newUuid } from "../../../../mesh/contract/ids.ts";
import type { TestMember } from "../../../support/audit-fixture.ts";
import { createWorld, type NodeOptions, policyOf, startNode, type TestNode, type World } from "../../../support/messaging-node.ts";
import { openMemoryStore } from "../../../support/memory-store.ts";
import { createSeededRandom } from "../../../support/seeded-random.ts";

const rules = createDetector();
/** The rules, and one name as a model would find it. */
const detection = {
  detect: async (texts: readonly string[]): Promise<Finding[][]> =>
    texts.map((text) => [
      ...rules.detect(text),
      ...Array.from(text.matchAll(/Anna Schmidt/g), ({ index, 0: value }): Finding => {
        return { start: index, end: index + value.length, label: "PERSON", score: 0.9, detector: "test", value };
      }),
    ]),
};

const CONTEXT: JsonObject = {
  period: "2026-10",
  lines: [{ po: "PO-1001", amount: 1250.5, contact: "Anna Schmidt", mail: "ada@example.org" }],
};
const TASK = "Ask Anna Schmidt (ada@example.org) about PO-1001";

let world: World;
let frames: EnvelopeClaims[];
beforeEach(() => {
  world = createWorld(1);
  frames = [];
});

interface Desk {
  readonly node: TestNode;
  readonly member: TestMember;
  /** What the daemon was told of values that came sealed. */
  readonly kept: Map<string, readonly Held[]>;
}

/** A node with a boundary. @param restores who may restore what whom sent: `receiver<sender` */
async function desk(
  subject: string,
  role: string,
  restores: readonly string[],
  options: NodeOptions & { profile?: BoundaryDeps["profile"] } = {},
): Promise<Desk> {
  const member = world.addMember(subject, role);
  const kept = new Map<string, readonly Held[]>();
  const allow = ({ action, principal, targetRole }: PolicyQuestion): boolean =>
    action !== "guard.restore" || restores.includes(`${principal.role}<${targetRole}`);
  const boundary = (queue: CommitQueue) =>
    createBoundary({
      self: member.principal,
      detection,
      policy: policyOf(allow),
      queue,
      profile: options.profile ?? (() => ({ boundary: [] })),
      version: () => 1,
      epochs: () => [{ epoch: 1, key: new Uint8Array(32).fill(7) }],
      boundaryKey: () => new Uint8Array(32).fill(subject.length),
      sealKeyOf: (agentId) => {
        const keys = world.members.find(({ principal }) => principal.agentId === agentId)?.keys.seal;
        return keys && { kty: keys.kty, crv: keys.crv, x: keys.x };
      },
      openKey: member.keys.seal,
      newTrace: () => "e".repeat(32),
      keep: async ({ taskId }, _from, values) => void kept.set(taskId, values),
      keepOfFile: async () => undefined,
    });
  const node = await startNode(world, member, { allow, boundary, ...options });
  return { node, member, kept };
}

/** Records every envelope on its way. */
function listen(): void {
  const attach = world.network.attach;
  world.network.attach = (agentId, handler) =>
    attach(agentId, (frame, from) => {
      frames.push(envelopeClaims.parse(unverifiedPayloadOf(Buffer.from(frame).toString("latin1"), 2_000_000)));
      return handler(frame, from);
    });
}

/** The requests among them, the first one of each task. */
const requests = (): MessageOf<"task.request">[] => frames.flatMap(({ message }) => (message.type === "task.request" ? [message] : []));

async function until<T>(look: () => Promise<T | undefined> | T | undefined): Promise<T> {
  for (let i = 0; i < 400; i += 1) {
    await world.clock.advance(50);
    await new Promise((resolve) => setTimeout(resolve, 2));
    const found = await look();
    if (found !== undefined) return found;
  }
  throw new Error("it did not happen in time");
}

const ask = (node: TestNode, targetRole: string) =>
  node.call("task.send", {
    target: { targetRole, skill: "accruals" },
    task: TASK,
    context: CONTEXT,
    idempotencyKey: "k1",
    sessionId: "chat",
  });
const arrived = async ({ node }: Desk, taskId: string) =>
  until(async () => (await node.call("status.fetch", { id: taskId }).catch(() => undefined)) ?? undefined);
const auditOf = async ({ node }: Desk, action: string) =>
  (await node.chain.list({ fromSeq: 1, limit: 1_000 })).filter((event) => event.action === action);
const REDACTIONS = [
  { class: "EMAIL", count: 2 },
  { class: "PERSON", count: 2 },
];

describe("a task for another department", () => {
  it("leaves masked; a receiver that policy permits has the values, and the wire has not", async () => {
    listen();
    const finance = await desk("fiona.berg", "finance", ["marketing<finance"]);
    const marketing = await desk("marco.diaz", "marketing", ["marketing<finance"]);
    const { taskId } = await ask(finance.node, "marketing");
    expect(await arrived(marketing, taskId)).toMatchObject({ task: TASK, context: CONTEXT });
    expect(await finance.node.call("status.fetch", { id: taskId })).toMatchObject({ task: TASK, context: CONTEXT });
    expect(JSON.stringify(frames)).not.toMatch(/Anna|ada@|Schmidt/);
    expect(frames[0]?.message).toMatchObject({
      task: expect.stringMatching(/^Ask PERSON_\w{10} \(EMAIL_\w{10}\) about PO-1001$/),
      context: { period: "2026-10", lines: [{ po: "PO-1001", amount: 1250.5 }] },
    });
    expect(
      marketing.kept
        .get(taskId)
        ?.map(({ value }) => value)
        .toSorted(),
    ).toEqual(["Anna Schmidt", "ada@example.org"]);
    expect(await auditOf(finance, "guard.mask")).toMatchObject([
      { redactions: REDACTIONS, details: { sealed: true, toDepartment: "marketing" } },
    ]);
    expect(await auditOf(marketing, "guard.restore")).toMatchObject([{ result: "ok", details: { fromSubject: "fiona.berg" } }]);
  });

  it("stays masked for a receiver that the sender's policy does not permit", async () => {
    const finance = await desk("fiona.berg", "finance", []);
    const marketing = await desk("marco.diaz", "marketing", ["marketing<finance"]);
    const { taskId } = await ask(finance.node, "marketing");
    const task = await arrived(marketing, taskId);
    expect(JSON.stringify(task)).not.toMatch(/Anna|ada@/);
    expect(task).toMatchObject({ context: { period: "2026-10", lines: [{ po: "PO-1001", amount: 1250.5 }] } });
    expect(await auditOf(finance, "guard.mask")).toMatchObject([{ details: { sealed: false } }]);
    expect(await auditOf(marketing, "guard.restore")).toEqual([]);
  });

  it("stays masked where the receiver's own policy does not let it restore, and its audit says so", async () => {
    const finance = await desk("fiona.berg", "finance", ["marketing<finance"]);
    const marketing = await desk("marco.diaz", "marketing", []);
    const { taskId } = await ask(finance.node, "marketing");
    expect(JSON.stringify(await arrived(marketing, taskId))).not.toMatch(/Anna|ada@/);
    expect(marketing.kept.size).toBe(0);
    expect(await auditOf(marketing, "guard.restore")).toMatchObject([{ result: "denied" }]);
  });

  it("lets pass what the role's profile names for that department", async () => {
    listen();
    const profile = () => ({ boundary: [{ departments: ["marketing"], pass: ["PERSON" as const] }] });
    const finance = await desk("fiona.berg", "finance", [], { profile });
    await desk("marco.diaz", "marketing", []);
    await ask(finance.node, "marketing");
    const { message } = await until(() => frames[0]);
    expect(message).toMatchObject({ task: expect.stringMatching(/^Ask Anna Schmidt \(EMAIL_\w{10}\) about PO-1001$/) });
  });

  it("tells nothing by the ids that its caller chose, and the same id is the same each time", async () => {
    listen();
    const finance = await desk("fiona.berg", "finance", ["marketing<finance"]);
    const marketing = await desk("marco.diaz", "marketing", ["marketing<finance"]);
    const send = (idempotencyKey: string, sessionId: string) =>
      finance.node.call("task.send", {
        target: { targetRole: "marketing" },
        task: "Look.",
        idempotencyKey,
        sessionId,
        stepId: "ask Anna Schmidt",
      });
    const { taskId } = await send("raise of Anna Schmidt", "Anna Schmidt");
    await send("raise of Anna Schmidt 2", "Anna Schmidt");
    await send("k", "run:20261120_7");
    const sent = await until(() => (requests().length < 3 ? undefined : requests()));
    const first = sent.find((request) => request.taskId === taskId);
    expect(JSON.stringify(frames)).not.toMatch(/Anna|Schmidt/);
    expect(first?.idempotencyKey).toMatch(/^id-[0-9a-f]{32}$/);
    expect(first?.stepId).toMatch(/^ask PERSON_\w{10}$/);
    expect(new Set(sent.map(({ idempotencyKey }) => idempotencyKey)).size).toBe(3);
    expect(new Set(sent.map(({ sessionId }) => sessionId))).toEqual(new Set([first?.sessionId, "run:20261120_7"]));
    await arrived(marketing, taskId);
    expect(marketing.kept.get(taskId)?.map(({ value }) => value)).toEqual(["Anna Schmidt"]);
    expect(await finance.node.call("status.fetch", { id: taskId })).toMatchObject({ sessionId: "Anna Schmidt" });
  });

  it("is sent as it is within a department", async () => {
    listen();
    const fiona = await desk("fiona.berg", "finance", []);
    const frank = await desk("frank.moss", "finance", []);
    const { taskId } = await fiona.node.call("task.send", {
      target: { agentId: frank.member.principal.agentId },
      task: TASK,
      idempotencyKey: "k",
    });
    expect(await arrived(frank, taskId)).toMatchObject({ task: TASK });
    expect(frames[0]).toMatchObject({ message: { task: TASK } });
    expect(await auditOf(fiona, "guard.mask")).toEqual([]);
  });

  it("comes back with its result masked by the worker's rules and restored for the asker", async () => {
    listen();
    const result = { note: "Anna Schmidt has invoiced", total: "12.50" };
    const run = (): { outcome: RunOutcome; delayMs: number } => ({ outcome: { state: "COMPLETED", result }, delayMs: 10 });
    const finance = await desk("fiona.berg", "finance", ["finance<marketing", "marketing<finance"]);
    const marketing = await desk("marco.diaz", "marketing", ["finance<marketing", "marketing<finance"], {
      skills: { accruals: "safe" },
      run,
    });
    const { taskId } = await ask(finance.node, "marketing");
    const done = await until(async () => {
      const view = await finance.node.call("status.fetch", { id: taskId });
      return "state" in view && view.state === "COMPLETED" ? view : undefined;
    });
    expect(done).toMatchObject({ result });
    expect(marketing.node.state.started[0]).toMatchObject({ context: CONTEXT });
    expect(JSON.stringify(frames)).not.toMatch(/Anna|ada@/);
  });

  it("has the same tokens when it is sent again, and is recorded as masked once", async () => {
    listen();
    const finance = await desk("fiona.berg", "finance", ["marketing<finance"]);
    const marketing = await desk("marco.diaz", "marketing", ["marketing<finance"]);
    world.network.state.faults = { loseRequest: 0, loseAnswer: 1, repeat: 0, maxDelayMs: 0 };
    const { taskId } = await ask(finance.node, "marketing");
    await until(() => (frames.length >= 2 ? true : undefined));
    world.network.state.faults = { loseRequest: 0, loseAnswer: 0, repeat: 0, maxDelayMs: 0 };
    await arrived(marketing, taskId);
    expect(frames[1]?.message).toEqual(frames[0]?.message);
    expect(await auditOf(finance, "guard.mask")).toHaveLength(1);
  });
});

describe("what is sealed of a task's files", () => {
  const HASH = "a".repeat(64);
  const fileValues = [{ file: HASH, bytes: 1, sha256: HASH, chunks: HASH }];
  /** What the receiver is told of files, where the sender takes it for one of that minor version of the wire. */
  async function toldOf(minor?: number): Promise<unknown[]> {
    const told: unknown[] = [];
    const artifacts: MessagingDeps["artifacts"] = {
      depart: async (_, message) => ({ message, fileValues }),
      arrived: (_, incoming) => void told.push(incoming.fileValues),
    };
    const alter = (deps: MessagingDeps): MessagingDeps => ({ ...deps, artifacts, ...(minor === undefined ? {} : { wireOf: () => minor }) });
    const finance = await desk("fiona.berg", "finance", [], { alter });
    const marketing = await desk("marco.diaz", "marketing", [], { alter });
    const { taskId } = await ask(finance.node, "marketing");
    await arrived(marketing, taskId);
    return told;
  }

  it("stands in the signed envelope and reaches the one who keeps files", async () => {
    expect(await toldOf()).toEqual([fileValues]);
  });

  it("is left out for a receiver that does not know it", async () => {
    expect(await toldOf(1)).toEqual([undefined]);
  });
});

describe("a session with another department", () => {
  const openWith = async (finance: Desk, department: string) => {
    const { sessionId } = await finance.node.call("session.open", {
      purpose: "What Anna Schmidt ordered",
      participants: [{ targetRole: department }],
      idempotencyKey: "s",
    });
    await until(async () => (await finance.node.call("session.status", { sessionId })).participants[0]?.state === "joined" || undefined);
    await finance.node.call("session.share", { sessionId, id: "anna-schmidt", title: "Orders of Anna Schmidt", body: CONTEXT });
    return sessionId;
  };
  const shardAt = ({ node }: Desk, sessionId: string) =>
    until(async () => {
      const { shards } = await node.call("session.status", { sessionId }).catch(() => ({ shards: [] }));
      return shards[0] === undefined ? undefined : node.call("session.status", { sessionId, shard: shards[0].id });
    });

  it("lets no name cross: purpose, titles and bodies of shards leave masked, their ids as others, and stay so where policy restores nothing", async () => {
    listen();
    const finance = await desk("fiona.berg", "finance", []);
    const marketing = await desk("marco.diaz", "marketing", []);
    const sessionId = await openWith(finance, "marketing");
    const view = await shardAt(marketing, sessionId);
    expect(JSON.stringify(view)).not.toMatch(/anna|ada@|schmidt/i);
    expect(view).toMatchObject({
      purpose: expect.stringMatching(/^What PERSON_\w{10} ordered$/),
      shards: [{ body: { period: "2026-10" } }],
    });
    expect(JSON.stringify(frames)).not.toMatch(/anna|ada@|schmidt/i);
    expect(frames.some(({ message }) => message.type === "session.shard")).toBe(true);
    expect((await auditOf(finance, "guard.mask")).length).toBeGreaterThan(0);
  });

  it("gives the values to a participant that policy permits, sealed on the way", async () => {
    listen();
    const finance = await desk("fiona.berg", "finance", ["marketing<finance"]);
    const marketing = await desk("marco.diaz", "marketing", ["marketing<finance"]);
    const view = await shardAt(marketing, await openWith(finance, "marketing"));
    expect(view).toMatchObject({ purpose: "What Anna Schmidt ordered", shards: [{ title: "Orders of Anna Schmidt", body: CONTEXT }] });
    expect(JSON.stringify(frames)).not.toMatch(/anna|ada@|schmidt/i);
  });
});

describe("progress for another department", () => {
  it("says the newest word, masked", async () => {
    listen();
    const finance = await desk("fiona.berg", "finance", ["marketing<finance"]);
    const marketing = await desk("marco.diaz", "marketing", ["marketing<finance"]);
    const { taskId } = await ask(finance.node, "marketing");
    await arrived(marketing, taskId);
    await marketing.node.call("inbox.progress", { taskId, note: "Wrote to Anna Schmidt" });
    const view = await until(async () => {
      const status = await finance.node.call("status.fetch", { id: taskId });
      return status.kind === "task" && status.progress !== undefined ? status : undefined;
    });
    expect(view.progress?.note).toMatch(/^Wrote to PERSON_\w{10}$/);
    expect(JSON.stringify(frames)).not.toMatch(/Anna/);
  });
});

describe("a seal", () => {
  /** Finance's first envelope to marketing, and who was there. */
  async function caught() {
    listen();
    const finance = await desk("fiona.berg", "finance", ["marketing<finance", "sales<finance"]);
    const marketing = await desk("marco.diaz", "marketing", ["marketing<finance", "marketing<sales"]);
    const sales = await desk("sam.ode", "sales", ["sales<finance"]);
    await ask(finance.node, "marketing");
    return { envelope: await until(() => frames[0]), finance, marketing, sales };
  }

  const frameOf = (claims: EnvelopeClaims, from: Desk): Uint8Array => {
    const signed = { ...claims, from: from.member.principal.agentId, credential: from.member.credential };
    return Buffer.from(signJws({ typ: "gaggle-envelope+jws", payload: signed, signer: createSigner(from.member.keys.sign) }));
  };
  const receipt = async (to: Desk, frame: Uint8Array, from: Desk) =>
    JSON.parse(Buffer.from(await to.node.messaging.receiveFrame(frame, from.member.principal)).toString("utf8")) as {
      status: string;
      code: string;
    };

  it("does not open for a third agent that has the envelope, whoever sends it there", async () => {
    const { envelope, finance, sales } = await caught();
    const again = { ...envelope, id: newUuid(world.clock.now(), createSeededRandom(5)), to: sales.member.principal.agentId };
    expect(await receipt(sales, frameOf(again, finance), finance)).toMatchObject({ status: "refused", code: "ENVELOPE_INVALID" });
    expect(sales.kept.size).toBe(0);
  });

  it("does not open in an envelope of another sender, so that nobody can have a stranger's tokens restored", async () => {
    const { envelope, marketing, sales } = await caught();
    const lifted = { ...envelope, id: newUuid(world.clock.now(), createSeededRandom(6)) };
    expect(await receipt(marketing, frameOf(lifted, sales), sales)).toMatchObject({ status: "refused", code: "ENVELOPE_INVALID" });
  });

  it("that is malformed has its message refused and recorded", async () => {
    const { envelope, marketing, finance } = await caught();
    const broken = { ...envelope, id: newUuid(world.clock.now(), createSeededRandom(7)), sealed: `${envelope.sealed?.slice(0, -4)}AAAA` };
    expect(await receipt(marketing, frameOf(broken, finance), finance)).toMatchObject({ status: "refused", code: "ENVELOPE_INVALID" });
    expect(await auditOf(marketing, "message.refuse")).toMatchObject([{ result: "denied", details: { code: "ENVELOPE_INVALID" } }]);
  });
});

describe("values that came sealed", () => {
  it("count only from the one with whom this agent has the task; anybody may begin a task", async () => {
    const store = openMemoryStore();
    const asked = JSON.stringify({ peer: { agentId: "worker" } });
    await store.batch([{ type: "put", key: taskKey("asker", "t1"), value: asked }], { sync: true });
    const about = (type: string, taskId: string): TaskMessage => ({ type, taskId }) as TaskMessage;
    expect(isTaskPeer(store, about("task.update", "t1"), "worker")).toBe(true);
    expect(isTaskPeer(store, about("task.update", "t1"), "stranger")).toBe(false);
    expect(isTaskPeer(store, about("task.update", "t2"), "worker")).toBe(false);
    expect(isTaskPeer(store, about("task.cancel", "t2"), "worker")).toBe(false);
    expect(isTaskPeer(store, about("task.request", "t2"), "stranger")).toBe(true);
  });

  it("are masked for the task's model again, under the tenant's tokens, also where a detector would miss them", async () => {
    const sessions = createTokenSessions(
      { clock: world.clock, random: createSeededRandom(1) },
      { epochs: [{ epoch: 1, key: new Uint8Array(32).fill(7) }] },
    );
    const values = createTaskValues(sessions);
    await values.keep("t1", "a colleague", [{ label: "PERSON", value: "Anna Schmidt" }]);
    values.tell("t1", "run:1");
    values.tell("unknown", "run:1");
    const session = sessions.open("run:1");
    expect(session.known.find("with Anna Schmidt there")[0]).toMatchObject({ label: "PERSON", start: 5, end: 17 });
    expect([...session.issued()].map(({ value }) => value)).toEqual(["Anna Schmidt"]);
    expect(session.tokenFor("PERSON", { surface: "Anna Schmidt", value: "Anna Schmidt" })).toBe(
      sessions.open("other").tokenFor("PERSON", { surface: "Anna Schmidt", value: "Anna Schmidt" }),
    );
  });
});

describe("a task that needs an approval before it leaves for another department", () => {
  const key = createSigner(generateSigningKey(createSeededRandom(5)));
  const roster = { approvers: [{ subject: "edward.lindqvist", role: "executive", key: key.publicJwk }], stewards: [] };
  const needs: Obligation[] = [{ kind: "approval", role: "executive" }];
  /** Sender and receiver want the approval. */
  const approving = (deps: MessagingDeps): MessagingDeps => {
    const decide: PolicyEngine["decide"] = (question) => {
      const decision = deps.policy.decide(question);
      return question.action === "task.send" || question.action === "task.receive" ? { ...decision, obligations: needs } : decision;
    };
    return { ...deps, policy: keepObligations({ decide }, { clock: deps.clock }) };
  };

  /** Finance asks marketing; the executive approves. What became of the task at finance, once it is decided there. */
  async function approved(restores: readonly string[], reasons: readonly string[] = [""]) {
    const options: NodeOptions = { alter: approving, trust: () => ({ ...world.org.manifest, roster }) };
    const finance = await desk("fiona.berg", "finance", restores, options);
    const marketing = await desk("marco.diaz", "marketing", restores, options);
    const executive = await desk("edward.lindqvist", "executive", restores, options);
    const { taskId } = await ask(finance.node, "marketing");
    const item = await until(async () => (await executive.node.call("inbox.list", { kind: "approval" })).items[0]);
    if (item.kind !== "approval") throw new Error("no approval");
    const statement = {
      v: 1 as const,
      org: world.org.org,
      approvalId: item.approvalId,
      requester: item.peer.agentId,
      payloadHash: item.payloadHash,
      decision: "approved" as const,
      reason: "",
      approver: { subject: "edward.lindqvist", role: "executive" },
      decidedAt: new Date(world.clock.now()).toISOString(),
    };
    const answers: unknown[] = [];
    for (const reason of reasons) {
      const decision = signApproval({ statement: { ...statement, reason }, signer: key });
      const answer = executive.node.call("approval.decide", { approvalId: item.approvalId, decision });
      answers.push(await answer.catch((error: unknown) => error));
    }
    const task = await until(async () => {
      const view = await finance.node.call("status.fetch", { id: taskId });
      return view.kind === "task" && (view.delivery === "stored" || view.delivery === "dead") ? view : undefined;
    });
    return { marketing, item, task, answers };
  }

  it("has no reason told to its asker that holds what the asker did not write; one without is taken", async () => {
    listen();
    const { answers, task } = await approved(["marketing<finance"], ["Ask bob@example.org first.", "ada@example.org knows."]);
    expect(answers).toMatchObject([{ code: "POLICY_DENIED", message: expect.stringContaining("EMAIL") }, { state: "APPROVED" }]);
    expect(JSON.stringify(frames)).not.toContain("bob@");
    expect(task).toMatchObject({ delivery: "stored" });
  });

  it("does not leave with a reason that tells what is masked in it, for a receiver that may not restore that", async () => {
    listen();
    const { task } = await approved([], ["Anna Schmidt knows."]);
    expect(task).toMatchObject({ delivery: "dead", message: expect.stringContaining("PERSON") });
    expect(requests()).toEqual([]);
  });

  it("is approved as its asker wrote it, leaves masked, and is the approved one again at a receiver that may restore it", async () => {
    listen();
    const { marketing, item, task } = await approved(["marketing<finance"]);
    expect(item.payload).toMatchObject({ task: TASK, context: CONTEXT });
    expect(task).toMatchObject({ state: "SUBMITTED", delivery: "stored" });
    expect(requests()[0]?.task).not.toContain("Anna");
    expect((await marketing.node.call("inbox.list", { kind: "task" })).items).toMatchObject([{ task: TASK }]);
  });

  it("is refused by a receiver that may not restore it, since it can't tell what was approved", async () => {
    const { marketing, task } = await approved([]);
    expect(task).toMatchObject({ state: "REJECTED", message: expect.stringContaining("approval by executive") });
    expect((await marketing.node.call("inbox.list", { kind: "task" })).items).toEqual([]);
  });
});

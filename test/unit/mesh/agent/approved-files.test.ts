/** Files of a task that was approved, masked on their way: the receiver compares what it puts back with what was approved, or nothing leaves. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { sealApproved } from "../../../../guard/boundary/seal-approved.ts";
import type { AgentCore } from "../../../../mesh/agent/agent-core.ts";
import { withApprovedFiles } from "../../../../mesh/agent/boundary/approved-files.ts";
import { createBoundary, type DepartmentBoundary } from "../../../../mesh/agent/boundary.ts";
import type { MessagingDeps } from "../../../../mesh/agent/messaging/messaging-types.ts";
import { approvedHash, approvedOf, dropApproved, noteApproved } from "../../../../mesh/artifact/artifact-book.ts";
import { type AgentArtifacts, openArtifacts } from "../../../../mesh/agent/open-artifacts.ts";
import type { ArtifactRef } from "../../../../mesh/contract/artifact.ts";
import { envelopeClaims, type EnvelopeClaims, type MessageOf } from "../../../../mesh/contract/message.ts";
import type {
  CommitQueue,
  Obligation,
  PolicyDecision,
  PolicyEngine,
  PolicyQuestion,
  Transaction,
} from "../../../../mesh/contract/ports.ts";
import type { OpenedEnvelope } from "../../../../mesh/delivery/envelope.ts";
import { keepObligations } from "../../../../mesh/enforcement/keep-obligations.ts";
import { signApproval } from "../../../../mesh/identity/approval.ts";
import { unverifiedPayloadOf } from "../../../../mesh/identity/jws.ts";
import { createSigner, generateSigningKey } from "../../../../mesh/identity/keys.ts";
import type { FrameHandler } from "../../../../mesh/peer/peer-node.ts";
import { statementOn } from "../../../support/approval-statement.ts";
import type { TestMember } from "../../../support/audit-fixture.ts";
import { createWorld, startNode, type TestNode, type World } from "../../../support/messaging-node.ts";
import { createRulesDetection } from "../../../support/rules-detection.ts";
import { until } from "../../../support/until.ts";

const IBAN = "DE89370400440532013000";
const NAME = `of ${IBAN}.csv`;
const TEXT = `name,iban\nada,${IBAN}\nmail,ada@example.org\n`;

type Answer = (question: PolicyQuestion) => Partial<Pick<PolicyDecision, "allowed" | "obligations">>;
/** What a liar does with what leaves. */
type Change = (departed: Departed, desk: Desk) => Promise<Departed> | Departed;
type Departed = Awaited<ReturnType<AgentArtifacts["depart"]>>;

interface Desk {
  readonly node: TestNode;
  readonly member: TestMember;
  readonly boundary: DepartmentBoundary;
  readonly artifacts: AgentArtifacts;
  serve: FrameHandler;
}

let dir: string;
let world: World;
let desks: Desk[];
let frames: EnvelopeClaims[];
/** What every policy of the test says beside the approval; by default yes. */
let answer: Answer;
let change: Change;

const wantsApproval = ({ action }: PolicyQuestion): readonly Obligation[] =>
  action === "task.send" || action === "task.receive" ? [{ kind: "approval", role: "executive" }] : [];
const engine: PolicyEngine = {
  decide: (question) => ({
    allowed: true,
    rules: ["r1"],
    reason: "r1 says so.",
    policyHash: "d".repeat(64),
    obligations: wantsApproval(question),
    ...answer(question),
  }),
};

const detection = createRulesDetection();
const key = () => createSigner(generateSigningKey(world.random));
let executiveKey: ReturnType<typeof key>;
const trust = () => {
  const approvers = [{ subject: "edward.lindqvist", role: "executive", key: executiveKey.publicJwk }];
  return { ...world.org.manifest, roster: { approvers, stewards: [] } };
};

async function desk(subject: string, role: string): Promise<Desk> {
  const member = world.addMember(subject, role);
  const policy = keepObligations(engine, { clock: world.clock });
  const made = { member } as Desk & { boundary: DepartmentBoundary; artifacts: AgentArtifacts };
  const boundary = (queue: CommitQueue) =>
    (made.boundary = createBoundary({
      self: member.principal,
      detection,
      policy,
      queue,
      profile: () => ({ boundary: [] }),
      version: () => 1,
      epochs: () => [{ epoch: 1, key: new Uint8Array(32).fill(7) }],
      boundaryKey: () => new Uint8Array(32).fill(subject.length),
      sealKeyOf: (agentId) => {
        const seal = world.members.find(({ principal }) => principal.agentId === agentId)?.keys.seal;
        return seal && { kty: seal.kty, crv: seal.crv, x: seal.x };
      },
      openKey: member.keys.seal,
      newTrace: () => "e".repeat(32),
      keep: async () => undefined,
      keepOfFile: async () => undefined,
    }));
  const files: MessagingDeps["artifacts"] = {
    depart: async (record, message) => change(await made.artifacts.depart(record, message), made),
    arrived: (tx, incoming) => made.artifacts.arrived(tx, incoming),
  };
  const node = await startNode(world, member, { trust, boundary, alter: (deps) => ({ ...deps, policy, artifacts: files }) });
  const peer = {
    artifacts: {
      handle: (handler: FrameHandler): void => {
        made.serve = handler;
      },
      request: (agentId: string, frame: Uint8Array) =>
        desks.find((one) => one.member.principal.agentId === agentId)?.serve(frame, member.principal) ?? Promise.reject(new Error("off")),
    },
  };
  const core = {
    clock: world.clock,
    store: node.store,
    queue: node.queue,
    self: member.principal,
    refusals: { count: () => undefined },
    onError: () => () => undefined,
    bundle: () => ({ manifest: { version: 1 } }),
    freeBytes: () => Number.MAX_SAFE_INTEGER,
  };
  made.artifacts = await openArtifacts(core as unknown as AgentCore, { peer, boundary: made.boundary, dir: join(dir, subject) });
  desks.push(Object.assign(made, { node }));
  return made;
}

let finance: Desk;
let marketing: Desk;
let executive: TestNode;
beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), "approved-files-"));
  world = createWorld(1);
  desks = [];
  frames = [];
  answer = () => ({});
  change = (departed) => departed;
  executiveKey = key();
  const attach = world.network.attach;
  world.network.attach = (agentId, handler) =>
    attach(agentId, (frame, from) => {
      frames.push(envelopeClaims.parse(unverifiedPayloadOf(Buffer.from(frame).toString("latin1"), 2_000_000)));
      return handler(frame, from);
    });
  finance = await desk("fiona.berg", "finance");
  marketing = await desk("marco.diaz", "marketing");
  executive = await startNode(world, world.addMember("edward.lindqvist", "executive"), { trust });
});
afterEach(async () => {
  for (const { node, artifacts } of desks) {
    node.stop();
    await artifacts.stop();
  }
  executive.stop();
  rmSync(dir, { recursive: true, force: true });
});

const soon = <T>(what: string, look: () => Promise<T | undefined | false>): Promise<T> =>
  until(what, async () => {
    await world.clock.advance(50);
    return look();
  });
const attach = (name: string, text: string, mediaType?: string): Promise<ArtifactRef> => {
  const path = join(dir, name);
  writeFileSync(path, text);
  return finance.artifacts.add({ path, ...(mediaType === undefined ? {} : { mediaType }) });
};

/** Sends a task with a file, which the executive approves. */
async function sendApproved(ref: ArtifactRef): Promise<string> {
  const { taskId } = await finance.node.call("task.send", {
    target: { targetRole: "marketing" },
    task: `Pay ${IBAN}`,
    context: {},
    artifacts: [ref],
    idempotencyKey: "k1",
  });
  const item = await soon("the request at the executive", async () => (await executive.call("inbox.list", { kind: "approval" })).items[0]);
  if (item.kind !== "approval") throw new Error("no approval");
  const by = { org: world.org.org, subject: "edward.lindqvist", role: "executive", now: world.clock.now() };
  const decision = signApproval({ signer: executiveKey, statement: statementOn(item, by) });
  await executive.call("approval.decide", { approvalId: item.approvalId, decision });
  return taskId;
}

const taken = (taskId: string) =>
  soon("the task at its receiver", () => marketing.node.call("status.fetch", { id: taskId }).catch(() => undefined));
const ended = (taskId: string) =>
  soon("the end of the task", async () => {
    const view = await finance.node.call("status.fetch", { id: taskId });
    return view.kind === "task" && ["REJECTED", "FAILED"].includes(view.state) && view;
  });
const sentTasks = () => frames.filter(({ message }) => message.type === "task.request");
const save = async (taskId: string) => {
  const folder = join(dir, "saved");
  mkdirSync(folder, { recursive: true });
  const { saved, refused } = await marketing.artifacts.save({ taskId, dir: folder });
  return { refused, saved: saved.map(({ path }) => ({ name: path.slice(folder.length + 1), text: readFileSync(path, "utf8") })) };
};
const eventsOf = async ({ node }: Desk, action: string) =>
  (await node.chain.list({ fromSeq: 1, limit: 1_000 })).filter((event) => event.action === action);
const notRestoring: Answer = ({ action }) => ({ allowed: action !== "guard.restore" });
const REFUSED = { saved: [], refused: [{ code: "APPROVAL_INVALID", reason: expect.stringContaining("not as it was approved") }] };

describe("a task with a file that was approved, for another department", () => {
  it("is taken with its approval, and the file is the approved one once its values are put back; the wire has neither them nor its hash", async () => {
    const ref = await attach(NAME, TEXT, "text/csv; of=Anna");
    const taskId = await sendApproved(ref);
    expect(await taken(taskId)).toMatchObject({
      task: `Pay ${IBAN}`,
      artifacts: [{ name: expect.stringMatching(/^of IBAN_\w{10}\.csv$/) }],
    });
    expect(await save(taskId)).toEqual({ saved: [{ name: NAME, text: TEXT }] });
    const { artifacts } = (await taken(taskId)) as { artifacts: ArtifactRef[] };
    const files = await marketing.artifacts.forRun({ taskId, asker: finance.member.principal, artifacts }, new AbortController().signal);
    expect(files).toMatchObject([{ name: NAME, mediaType: "text/csv", bytes: Buffer.byteLength(TEXT) }]);
    expect(sentTasks()).toHaveLength(1);
    expect(JSON.stringify(sentTasks())).not.toMatch(new RegExp(`${IBAN}|Anna|ada@|${ref.sha256}`));
    expect(await eventsOf(marketing, "approval.check")).toMatchObject([{ result: "ok", details: { approver: "edward.lindqvist" } }]);
  });

  it("does not leave where its receiver may not have back what is in the file; the reason names the way out", async () => {
    answer = ({ action, context }) => ({ allowed: action !== "guard.restore" || context?.dataClasses?.includes("EMAIL") !== true });
    const taskId = await sendApproved(await attach(NAME, TEXT));
    expect(await ended(taskId)).toMatchObject({ message: expect.stringMatching(/POLICY_DENIED.*approved as it is.*guard\.restore/) });
    expect(sentTasks()).toEqual([]);
  });

  it("does not leave where its receiver may not have back what is in its text, either", async () => {
    answer = notRestoring;
    const taskId = await sendApproved(await attach("plain.csv", "nothing"));
    expect(await ended(taskId)).toMatchObject({ message: expect.stringContaining("guard.restore") });
    expect(sentTasks()).toEqual([]);
  });

  it("goes masked, as before, where its receiver's policy wants no approval", async () => {
    const oblige = (question: PolicyQuestion) => (question.action === "task.receive" ? { obligations: [] } : {});
    answer = (question) => ({ ...notRestoring(question), ...oblige(question) });
    const taskId = await sendApproved(await attach("list.csv", TEXT));
    await taken(taskId);
    expect((await save(taskId)).saved).toMatchObject([
      { text: expect.stringMatching(/^name,iban\nada,IBAN_\w{10}\nmail,EMAIL_\w{10}\n$/) },
    ]);
  });

  it("has its file refused where policy has come to withhold a value of it meanwhile", async () => {
    const taskId = await sendApproved(await attach(NAME, TEXT));
    await taken(taskId);
    answer = notRestoring;
    expect(await save(taskId)).toMatchObject(REFUSED);
    expect(await eventsOf(marketing, "approval.check")).toMatchObject([
      { result: "ok" },
      { target: `task:${taskId}`, result: "denied", details: { fromSubject: "fiona.berg", code: "APPROVAL_INVALID" } },
    ]);
  });
});

describe("a sender that lies about the files that were approved", () => {
  const filesOf = ({ message }: Departed) => (message as MessageOf<"task.request">).artifacts ?? [];

  it("has another file than the approved one refused, with what was approved said truly: for a person and for a run", async () => {
    const other = await attach("other.csv", `ada,${IBAN}\n`);
    change = async (departed, { artifacts, member }) => {
      if (departed.message.type !== "task.request" || member !== finance.member) return departed;
      const { approvals: _, ...bare } = departed.message;
      const id = departed.message.taskId;
      const left = await artifacts.depart({ id, to: marketing.member.principal }, { ...bare, artifacts: [other] });
      const { fileValues } = left;
      return {
        ...departed,
        message: { ...departed.message, artifacts: filesOf(left) },
        ...(fileValues === undefined ? {} : { fileValues }),
      };
    };
    const taskId = await sendApproved(await attach(NAME, TEXT));
    const { artifacts } = (await taken(taskId)) as { artifacts: ArtifactRef[] };
    expect(await eventsOf(marketing, "approval.check")).toMatchObject([{ result: "ok" }]);
    expect(await save(taskId)).toMatchObject(REFUSED);
    const run = marketing.artifacts.forRun({ taskId, asker: finance.member.principal, artifacts }, new AbortController().signal);
    await expect(run).rejects.toMatchObject({ code: "APPROVAL_INVALID" });
  });

  it("has the task refused where it names other files than were approved", async () => {
    const other = await attach("other.csv", `ada,${IBAN}\n`);
    let sealed: string | undefined;
    change = async (departed, { boundary }) => {
      if (departed.approvedFiles === undefined) return departed;
      const id = await envelopeOf();
      sealed = await boundary.sealApproved([other], { id, to: marketing.member.principal });
      return { ...departed, approvedFiles: sealed };
    };
    const taskId = await sendApproved(await attach(NAME, TEXT));
    expect(await ended(taskId)).toMatchObject({ message: expect.stringContaining("without a signed approval") });
    expect(sealed).toBeDefined();
    expect(await marketing.node.call("status.fetch", { id: taskId }).catch(({ code }: { code: string }) => code)).toBe("NOT_FOUND");
  });

  it("has the task refused where it leaves out what was approved", async () => {
    change = ({ message, fileValues = [] }) => ({ message, fileValues });
    const taskId = await sendApproved(await attach(NAME, TEXT));
    expect(await ended(taskId)).toMatchObject({ message: expect.stringContaining("without a signed approval") });
  });

  /** Id of the envelope that is about to leave: the one message that its sender still has. */
  async function envelopeOf(): Promise<string> {
    const { items } = await finance.node.call("outbox.list", {});
    return items.find(({ type }) => type === "task.request")?.id ?? "";
  }
});

describe("what a message says, sealed, of the files that were approved", () => {
  const HASH = "a".repeat(64);
  const ref: ArtifactRef = { name: "a.csv", mediaType: "text/csv", bytes: 1, sha256: HASH, chunks: HASH };
  const ID = "01930000-0000-7000-8000-000000000001";
  const opened = async (change: object = {}, files: readonly ArtifactRef[] = [ref], came: object = {}): Promise<OpenedEnvelope> => {
    const [from, to] = [finance.member.principal.agentId, marketing.member.principal.agentId];
    const { kty, crv, x } = marketing.member.keys.seal;
    const approvedFiles = await sealApproved(files, { id: ID, from, to, ...change }, { kty, crv, x });
    const message = { type: "task.request", artifacts: [{ ...ref, sha256: "b".repeat(64), ...came }] };
    return { claims: { id: ID, from, to, message, approvedFiles } } as unknown as OpenedEnvelope;
  };
  const open = async (envelope: Promise<OpenedEnvelope>) => withApprovedFiles(await envelope, marketing.member.keys.seal);

  it("counts for its envelope, with a media type as it leaves", async () => {
    expect(await open(opened())).toMatchObject({ approvedFiles: [ref] });
    expect(await open(opened({}, [{ ...ref, mediaType: "text/csv; of=Anna" }]))).toMatchObject({ approvedFiles: [{ sha256: HASH }] });
  });

  it.each([
    ["another envelope", { id: "01930000-0000-7000-8000-000000000002" }, [ref], {}],
    ["another sender", { from: "x" }, [ref], {}],
    ["more files", {}, [ref, ref], {}],
    ["no files", {}, [], {}],
    ["another kind of file", {}, [ref], { mediaType: "application/json" }],
  ])("is refused for %s", async (_, other, files, came) => {
    const from = "from" in other ? { from: marketing.member.principal.agentId } : other;
    await expect(open(opened(from, files, came))).rejects.toMatchObject({ code: "ENVELOPE_INVALID" });
  });

  it("stays for a task as it was noted first, until the task is over", () => {
    const store = new Map<string, string>();
    const tx = { get: (at: string) => store.get(at), put: store.set.bind(store), del: store.delete.bind(store) } as unknown as Transaction;
    noteApproved(tx, ID, [ref]);
    noteApproved(tx, ID, [{ ...ref, name: "b.csv" }]);
    expect(approvedOf(tx, ID)).toEqual([approvedHash(ref)]);
    dropApproved(tx, ID);
    expect(approvedOf(tx, ID)).toEqual([]);
  });

  it("is refused by anybody else's key", async () => {
    await expect(withApprovedFiles(await opened(), finance.member.keys.seal)).rejects.toMatchObject({ code: "ENVELOPE_INVALID" });
  });
});

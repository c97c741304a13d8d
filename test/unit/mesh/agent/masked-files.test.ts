/** Texts that cross departments: masked on the way, and as they were again where the receiver's policy permits it. */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Held } from "../../../../guard/boundary/look-inside.ts";
import { createDetector } from "../../../../guard/detect/detector.ts";
import type { AgentCore } from "../../../../mesh/agent/agent-core.ts";
import { createBoundary, type DepartmentBoundary } from "../../../../mesh/agent/boundary.ts";
import { type AgentArtifacts, openArtifacts } from "../../../../mesh/agent/open-artifacts.ts";
import { type AuditChain, openAuditChain } from "../../../../mesh/audit/chain.ts";
import type { EnvelopeClaims, Message, MessageOf } from "../../../../mesh/contract/message.ts";
import type { Obligation, PolicyDecision, PolicyEngine, PolicyQuestion } from "../../../../mesh/contract/ports.ts";
import { keepObligations } from "../../../../mesh/enforcement/keep-obligations.ts";
import { agentIdOf, generateAgentKeys, publicJwkOf } from "../../../../mesh/identity/keys.ts";
import type { FrameHandler } from "../../../../mesh/peer/peer-node.ts";
import { createCommitQueue } from "../../../../mesh/store/commit-queue.ts";
import { type MemoryStore, openMemoryStore } from "../../../support/memory-store.ts";
import { createSeededRandom } from "../../../support/seeded-random.ts";
import { seededRandom } from "../../../support/seeded-keys.ts";
import { createVirtualClock } from "../../../support/virtual-clock.ts";

const TASK = "01930000-0000-7000-8000-000000000001";
const IBAN = "DE89370400440532013000";
const MAIL = "ada@example.org";
const TEXT = `name,iban\nada,${IBAN}\nmail,${MAIL}\n`;
const rules = createDetector();
const clock = createVirtualClock(Date.UTC(2026, 10, 20));

interface Desk {
  readonly self: { agentId: string; subject: string; role: string; department: string };
  readonly keys: ReturnType<typeof generateAgentKeys>;
  readonly boundary: DepartmentBoundary;
  readonly artifacts: AgentArtifacts;
  readonly store: MemoryStore;
  readonly chain: AuditChain;
  /** What its guard was told of values in files. */
  readonly kept: Held[];
  serve: FrameHandler;
}

let dir: string;
let desks: Desk[];
/** What every policy of the test says; by default yes, and nothing more. */
let answer: (question: PolicyQuestion) => Partial<Pick<PolicyDecision, "allowed" | "obligations">>;
const policy: PolicyEngine = keepObligations(
  { decide: (question) => ({ allowed: true, rules: ["r1"], reason: "r1 says so.", policyHash: "d".repeat(64), ...answer(question) }) },
  { clock },
);
const fail = (error: unknown): never => {
  throw error;
};

async function desk(subject: string, department: string, seed: number, detect = (text: string) => rules.detect(text)): Promise<Desk> {
  const keys = generateAgentKeys(createSeededRandom(seed));
  const self = { agentId: agentIdOf(publicJwkOf(keys.sign)), subject, role: department, department };
  const store = openMemoryStore();
  const chain = await openAuditChain({ store, random: seededRandom(subject) }, { org: "org_harbour", agentId: self.agentId });
  const queue = createCommitQueue({ store, clock, audit: chain, freeBytes: () => Number.MAX_SAFE_INTEGER, onEffectError: fail });
  const kept: Held[] = [];
  const boundary = createBoundary({
    self,
    detection: { detect: async (texts) => texts.map(detect) },
    policy,
    queue,
    profile: () => ({ boundary: [] }),
    version: () => 1,
    epochs: () => [{ epoch: 1, key: new Uint8Array(32).fill(7) }],
    boundaryKey: () => new Uint8Array(32).fill(seed),
    sealKeyOf: (agentId) => {
      const key = desks.find((one) => one.self.agentId === agentId)?.keys.seal;
      return key && { kty: key.kty, crv: key.crv, x: key.x };
    },
    openKey: keys.seal,
    newTrace: () => "e".repeat(32),
    keep: async () => undefined,
    keepOfFile: async (_task, _from, values) => void kept.push(...values),
  });
  const made = { self, keys, boundary, store, chain, kept } as unknown as Desk;
  const peer = {
    artifacts: {
      handle: (handler: FrameHandler) => {
        made.serve = handler;
      },
      request: (agentId: string, frame: Uint8Array) =>
        desks.find((one) => one.self.agentId === agentId)?.serve(frame, self) ?? fail(new Error("off")),
    },
  };
  const core = {
    clock,
    store,
    queue,
    self,
    refusals: { count: () => undefined },
    onError: () => () => undefined,
    bundle: () => ({ manifest: { version: 1 } }),
    freeBytes: () => Number.MAX_SAFE_INTEGER,
  };
  const artifacts = await openArtifacts(core as unknown as AgentCore, { peer, boundary, dir: join(dir, subject) });
  return Object.assign(made, { artifacts });
}

type Sent = Pick<EnvelopeClaims, "message" | "fileValues">;

/** Attaches a text at one agent and lets it leave for another. */
async function send(from: Desk, to: Desk, options: { name?: string; mask?: string[] } = {}): Promise<Sent> {
  const path = join(dir, options.name ?? "list.csv");
  writeFileSync(path, TEXT);
  const ref = await from.artifacts.add({ path });
  const request: Message = {
    type: "task.request",
    taskId: TASK,
    task: "",
    context: {},
    policyHints: {},
    idempotencyKey: "k",
    artifacts: [ref],
  };
  return from.artifacts.depart({ id: TASK, to: to.self, ...(options.mask === undefined ? {} : { mask: options.mask }) }, request);
}

/** Takes it in, as a daemon does with a message that passed every check. */
async function take(at: Desk, from: Desk, { message, fileValues }: Sent): Promise<void> {
  const record = { taskId: TASK, side: "worker", peer: from.self, state: "WORKING", updatedAt: clock.now(), artifacts: filesOf(message) };
  await at.store.batch([{ type: "put", key: `task/worker/${TASK}`, value: JSON.stringify(record) }], { sync: true });
  const queue = createCommitQueue({
    store: at.store,
    clock,
    audit: at.chain,
    freeBytes: () => Number.MAX_SAFE_INTEGER,
    onEffectError: fail,
  });
  await queue.run((tx) => at.artifacts.arrived(tx, { from: from.self, message, ...(fileValues === undefined ? {} : { fileValues }) }));
}

const filesOf = (message: Message) => (message as MessageOf<"task.request">).artifacts ?? [];
const saved = async (at: Desk): Promise<{ name: string; text: string }> => {
  const folder = join(dir, "saved");
  mkdirSync(folder, { recursive: true });
  const [{ path } = expect.unreachable()] = (await at.artifacts.save({ taskId: TASK, dir: folder })).saved;
  return { name: path.slice(folder.length + 1), text: readFileSync(path, "utf8") };
};
const auditOf = async ({ chain }: Desk, action: string) =>
  (await chain.list({ fromSeq: 1, limit: 100 })).filter((event) => event.action === action);
const restoring =
  (who: readonly Desk[]) =>
  ({ action, principal }: PolicyQuestion) => ({
    allowed: action !== "guard.restore" || who.some(({ self }) => self.agentId === principal.agentId),
  });

let finance: Desk;
let marketing: Desk;
beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), "masked-files-"));
  answer = () => ({});
  desks = [];
  finance = await desk("fiona.berg", "finance", 1);
  marketing = await desk("marco.diaz", "marketing", 2);
  desks = [finance, marketing];
});
afterEach(async () => {
  await Promise.all(desks.map(({ artifacts }) => artifacts.stop()));
  rmSync(dir, { recursive: true, force: true });
});

describe("a text for another department", () => {
  it("crosses masked, its values sealed beside it, and is saved as it was where both policies permit it", async () => {
    const sent = await send(finance, marketing, { name: `of ${IBAN} now.csv` });
    const [ref = expect.unreachable()] = filesOf(sent.message);
    await take(marketing, finance, sent);
    expect(ref.name).toMatch(/^of IBAN_\w{10} now\.csv$/);
    expect(await saved(marketing)).toEqual({ name: `of ${IBAN} now.csv`, text: TEXT });
    const blobs = readdirSync(join(dir, "marco.diaz"), { recursive: true, withFileTypes: true })
      .filter((one) => one.isFile())
      .map((one) => readFileSync(join(one.parentPath, one.name), "latin1"));
    expect(blobs.length).toBeGreaterThan(1);
    expect(blobs.join("\n")).not.toMatch(/DE89|ada@/);
    expect(await auditOf(finance, "guard.mask")).toMatchObject([{ target: `task:${TASK}`, details: { sealed: true } }]);
    expect(await auditOf(marketing, "guard.restore")).toMatchObject([
      { target: `task:${TASK}`, result: "ok", details: { file: ref.sha256, fromSubject: "fiona.berg" } },
    ]);
  });

  it("is given to a run as it was too, and the receiver's guard knows the values by then", async () => {
    const sent = await send(finance, marketing);
    await take(marketing, finance, sent);
    const [file] = await marketing.artifacts.forRun(
      { taskId: TASK, asker: finance.self, artifacts: filesOf(sent.message) },
      new AbortController().signal,
    );
    expect(marketing.kept.map(({ label }) => label).toSorted()).toEqual(["EMAIL", "IBAN"]);
    expect(file).toMatchObject({ name: "list.csv", bytes: Buffer.byteLength(TEXT) });
    await file?.copyTo(join(dir, "copy"));
    expect(readFileSync(join(dir, "copy"), "utf8")).toBe(TEXT);
  });

  it("has no values sealed for a receiver that the sender's policy does not permit, and stays masked", async () => {
    answer = restoring([]);
    const sent = await send(finance, marketing);
    expect(sent.fileValues).toBeUndefined();
    await take(marketing, finance, sent);
    expect((await saved(marketing)).text).toMatch(/^name,iban\nada,IBAN_\w{10}\nmail,EMAIL_\w{10}\n$/);
  });

  it("stays masked where the receiver's own policy does not permit it when the file is used, whatever it said before", async () => {
    await take(marketing, finance, await send(finance, marketing));
    answer = restoring([]);
    expect((await saved(marketing)).text).not.toContain("DE89");
    expect(await auditOf(marketing, "guard.restore")).toMatchObject([{ result: "denied" }]);
  });

  it("has put back the classes that policy permits, by what the values hold and not by what they were named", async () => {
    answer = ({ action, context }) => ({ allowed: action !== "guard.restore" || context?.dataClasses?.includes("IBAN") !== true });
    const liar = await desk("lars.holm", "finance", 3, (text) =>
      rules.detect(text).map((one) => (one.label === "IBAN" ? { ...one, label: "ORG" as const } : one)),
    );
    desks = [liar, marketing];
    await take(marketing, liar, await send(liar, marketing));
    expect((await saved(marketing)).text).toMatch(new RegExp(`^name,iban\\nada,ORG_\\w{10}\\nmail,${MAIL}\\n$`));
    expect(await auditOf(marketing, "guard.restore")).toMatchObject([{ details: { withheld: "IBAN", misnamed: "ORG>IBAN" } }]);
  });

  it("is masked where it is used, when its sender's guard let pass what the receiver's policy does not let in", async () => {
    answer = ({ action, resource }) => ({ allowed: action !== "data.release" || resource !== "IBAN" });
    const liar = await desk("lars.holm", "finance", 3, () => []);
    desks = [liar, marketing];
    await take(marketing, liar, await send(liar, marketing));
    expect((await saved(marketing)).text).toMatch(new RegExp(`^name,iban\\nada,IBAN_\\w{10}\\nmail,${MAIL}\\n$`));
    expect(await auditOf(marketing, "data.release")).toMatchObject([
      { result: "denied", details: { withheld: "IBAN", fromSubject: "lars.holm" } },
    ]);
  });

  it("does not open with the values of another file, or for another agent", async () => {
    const sealed = await finance.boundary.sealFileValues([["IBAN_1A2B3C4D5E", IBAN, false]], {
      to: marketing.self,
      taskId: TASK,
      file: "a".repeat(64),
    });
    const came = { sender: finance.self, taskId: TASK, file: "b".repeat(64), sealed };
    const masked = { name: "a.csv", text: "IBAN_1A2B3C4D5E" };
    await expect(marketing.boundary.openFile(came, masked)).rejects.toMatchObject({ code: "ENVELOPE_INVALID" });
    await expect(finance.boundary.openFile({ ...came, file: "a".repeat(64) }, masked)).rejects.toMatchObject({ code: "ENVELOPE_INVALID" });
    expect((await marketing.boundary.openFile({ ...came, file: "a".repeat(64) }, masked)).text).toBe(IBAN);
  });

  it("says by its media type what kind of text it is, and nothing else that somebody wrote there", async () => {
    const path = join(dir, "a.csv");
    writeFileSync(path, "x");
    const types = ["text/csv; of=Anna", "text/anna.schmidt", "application/json"];
    const artifacts = await Promise.all(types.map((mediaType) => finance.artifacts.add({ path, mediaType })));
    const update: Message = { type: "task.update", taskId: TASK, rev: 1, state: "COMPLETED", artifacts };
    const { message } = await finance.artifacts.depart({ id: TASK, to: marketing.self }, update);
    expect(filesOf(message).map(({ mediaType }) => mediaType)).toEqual(["text/csv", "text/plain", "application/json"]);
  });

  it("is all that is handed out of another department's files: what nobody can look through is not", async () => {
    const sent = await send(finance, marketing);
    const [ref = expect.unreachable()] = filesOf(sent.message);
    const message = { ...sent.message, artifacts: [{ ...ref, mediaType: "application/zip" }] } as Message;
    await take(marketing, finance, { message });
    expect(await marketing.artifacts.save({ taskId: TASK, dir: join(dir, "saved") })).toEqual({
      saved: [],
      missing: [],
      refused: [{ name: ref.name, code: "GUARD_REFUSED", reason: expect.stringContaining("no text") }],
    });
    expect(existsSync(join(dir, "saved"))).toBe(false);
  });

  it("is saved although another file of its task is refused, whichever comes first", async () => {
    const sent = await send(finance, marketing);
    const [ref = expect.unreachable()] = filesOf(sent.message);
    const zip = { ...ref, name: "all.zip", mediaType: "application/zip" };
    const away = { ...ref, name: "away.csv", sha256: "a".repeat(64), chunks: "a".repeat(64) };
    await take(marketing, finance, { ...sent, message: { ...sent.message, artifacts: [zip, away, ref] } as Message });
    const { saved: done, missing, refused } = await marketing.artifacts.save({ taskId: TASK, dir: join(dir, "saved") });
    expect(done.map(({ path }) => readFileSync(path, "utf8"))).toEqual([TEXT]);
    expect(missing).toEqual(["away.csv"]);
    expect(refused).toMatchObject([{ name: "all.zip", code: "GUARD_REFUSED" }]);
  });

  it("is said to be refused with the folder's fault where it can't be written there", async () => {
    await take(marketing, finance, await send(finance, marketing));
    writeFileSync(join(dir, "no-folder"), "");
    expect(await marketing.artifacts.save({ taskId: TASK, dir: join(dir, "no-folder") })).toMatchObject({
      saved: [],
      refused: [{ name: "list.csv", code: "INVALID_INPUT", reason: expect.stringContaining("EEXIST") }],
    });
  });

  it("does not leave where policy does not let the task go with what is in its file", async () => {
    answer = ({ action, context }) => ({ allowed: action !== "task.send" || context?.dataClasses?.includes("IBAN") !== true });
    await expect(send(finance, marketing)).rejects.toMatchObject({ code: "POLICY_DENIED" });
  });

  it("is masked where policy obliges to it, also what may pass otherwise, and within the department", async () => {
    const mask: Obligation = { kind: "mask", classes: ["EMAIL"] };
    answer = ({ action }) => (action === "guard.restore" ? { allowed: false } : action === "task.send" ? { obligations: [mask] } : {});
    const colleague = await desk("pieter.jansen", "finance", 4);
    desks = [finance, marketing, colleague];
    await take(colleague, finance, await send(finance, colleague, { mask: ["EMAIL"] }));
    expect((await saved(colleague)).text).toMatch(new RegExp(`^name,iban\\nada,${IBAN}\\nmail,EMAIL_\\w{10}\\n$`));
  });
});

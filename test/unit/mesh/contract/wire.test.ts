import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import type { Stream } from "@libp2p/interface";
import { lpStream, streamPair } from "@libp2p/utils";
import { z } from "zod";
import { artifactRequest } from "../../../../mesh/contract/artifact.ts";
import { envelopeClaims, type Message, message, receipt } from "../../../../mesh/contract/message.ts";
import { assertUnderstood, forWire, knowsType, readWire, WIRE_MINOR } from "../../../../mesh/contract/wire.ts";
import { createEnvelopeOpener, sealEnvelope } from "../../../../mesh/delivery/envelope.ts";
import { readCardQuestion, readCardReply } from "../../../../mesh/directory/card-wire.ts";
import { factsOf, readCard } from "../../../../mesh/directory/signed-card.ts";
import { unverifiedPayloadOf } from "../../../../mesh/identity/jws.ts";
import { verifyMembership } from "../../../../mesh/identity/membership.ts";
import { asSpoken, type HelloMessage, judgeHello, ownHello, readHelloMessage } from "../../../../mesh/peer/hello-wire.ts";
import { answerExchange, pullPeers } from "../../../../mesh/peer/peer-exchange.ts";
import { HELLO_PROTOCOL, HELLO_PROTOCOLS } from "../../../../mesh/peer/protocols.ts";
import { createTestMember, createTestOrg, FIXTURE_TIME_MS } from "../../../support/audit-fixture.ts";
import { createSeededRandom } from "../../../support/seeded-random.ts";

/** What agents said before there were versions, as they said it. */
const OLD = JSON.parse(readFileSync(new URL("../../../fixtures/wire/minor-0.json", import.meta.url), "utf8")) as {
  recordedAt: number;
  org: string;
  issuer: never;
  from: { agentId: string };
  to: { agentId: string };
  hello: HelloMessage & { kind: "hello" };
  welcome: object;
  refused: object;
  receipts: unknown[];
  envelopes: string[];
  schemas: { envelope: never };
};

const bytes = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));
const openerFor = (self: string, org: string, issuer: never, wire?: number) =>
  createEnvelopeOpener(
    {
      verifyCredential: (jwt, agentId, nowMs) =>
        verifyMembership({
          jwt,
          agentId,
          nowMs,
          manifest: {
            org,
            issuers: [issuer],
            roster: { approvers: [], stewards: [] },
            revocations: { seq: 0, agents: [], subjects: [], keys: [] },
          } as never,
        }),
      trustVersion: () => "1",
      ...(wire === undefined ? {} : { wireOf: () => wire }),
    },
    { self, org },
  );

describe("what agents of the version before said", () => {
  test("is read: hello, every type of message under its signature, receipts", () => {
    expect(readHelloMessage(bytes(OLD.hello))).toEqual(OLD.hello);
    expect(readHelloMessage(bytes(OLD.welcome))).toEqual(OLD.welcome);
    expect(readHelloMessage(bytes(OLD.refused))).toEqual(OLD.refused);
    const open = openerFor(OLD.to.agentId, OLD.org, OLD.issuer);
    const types = OLD.envelopes.map((jws) => open(Buffer.from(jws), OLD.recordedAt + 1_000).claims.message.type);
    expect(new Set(types).size).toBe(OLD.envelopes.length);
    for (const said of OLD.receipts) expect(receipt.parse(said)).toEqual(said);
    const membership = { verify: () => ({ agentId: OLD.from.agentId }) } as never;
    expect(judgeHello(OLD.hello, OLD.from.agentId, { org: OLD.org, membership, now: OLD.recordedAt }).wire).toBe(0);
  });
});

describe("what is said to agents of the version before", () => {
  test("holds nothing that their schema does not know, whatever the message carries", () => {
    const theirs = z.fromJSONSchema(OLD.schemas.envelope);
    for (const jws of OLD.envelopes) {
      const claims = unverifiedPayloadOf(jws) as { message: Message };
      const ours = { ...claims, message: structuredClone(claims.message) };
      if (ours.message.type === "task.request") ours.message.approvals = [{ approvalId: ours.message.taskId, decision: "a.b.c" }];
      if (ours.message.type === "approval.request") Object.assign(ours.message, { quorum: 2, deadline: FIXTURE_TIME_MS });
      expect(theirs.safeParse({ ...ours, message: forWire(ours.message.type, ours.message, 0) }).success).toBe(true);
      if (ours.message.type === "task.request" || ours.message.type === "approval.request") {
        expect(theirs.safeParse(ours).success).toBe(false);
        expect(forWire(ours.message.type, ours.message, WIRE_MINOR)).toEqual(ours.message);
      }
    }
  });

  test("names no sealed values of files, which they don't know", () => {
    const hash = "a".repeat(64);
    const more = { fileValues: [{ file: hash, bytes: 1, sha256: hash, chunks: hash }] };
    const claims = unverifiedPayloadOf(OLD.envelopes[0] ?? "") as object;
    const theirs = z.fromJSONSchema(OLD.schemas.envelope);
    expect(theirs.safeParse({ ...claims, ...more }).success).toBe(false);
    expect(theirs.safeParse({ ...claims, ...forWire("envelope", more, 1) }).success).toBe(true);
    expect(forWire("envelope", more, WIRE_MINOR)).toEqual(more);
  });

  test("says nothing of files as they were approved, which agents of the version before don't know", () => {
    const more = { approvedFiles: "a.b.c" };
    expect(forWire("envelope", more, 2)).toEqual({});
    expect(forWire("envelope", more, WIRE_MINOR)).toEqual(more);
  });

  test("is no type of message that they don't know", () => {
    expect([1, 2].map((minor) => knowsType("approval.end", minor))).toEqual([false, true]);
    expect(knowsType("notification", 0)).toBe(true);
    expect(forWire("approval.end", { state: "FAILED", calledOff: true }, 2)).toEqual({ state: "FAILED" });
  });

  test("is nothing that they would take for something else: a deadline is not left out, the message is", () => {
    const asked = { type: "approval.request", deadline: FIXTURE_TIME_MS, quorum: 2 };
    expect(() => assertUnderstood("approval.request", asked, 1)).toThrow(expect.objectContaining({ code: "PEER_OUTDATED" }));
    expect(() => assertUnderstood("approval.request", asked, WIRE_MINOR)).not.toThrow();
    expect(() => assertUnderstood("approval.request", { quorum: 2 }, 0)).not.toThrow();
  });

  test("is a hello of the fields that theirs has, over the protocol that they know", () => {
    const membership = {
      credential: () => OLD.hello.credential,
      bundleVersion: () => 3,
      revocationSeq: () => 2,
      revocations: () => "a".repeat(64),
      card: () => OLD.hello.card,
    } as never;
    const own = ownHello(OLD.org, membership, OLD.hello.addresses, OLD.hello.time, OLD.hello.statement);
    expect(asSpoken(own, HELLO_PROTOCOL)).toEqual(OLD.hello);
    expect(asSpoken(own, HELLO_PROTOCOLS[0] ?? "")).toMatchObject({ wire: WIRE_MINOR, revocations: "a".repeat(64) });
  });
});

describe("what agents of a later version say", () => {
  const strict = z.strictObject({ a: z.strictObject({ b: z.int() }), c: z.string().optional() });
  const said = { a: { b: 1, later: true }, alsoLater: {} };

  test("is read without the fields that nobody here knows, and is refused from anybody else", () => {
    expect(readWire(strict, said, WIRE_MINOR + 1)).toEqual({ a: { b: 1 } });
    expect(said.a).toHaveProperty("later");
    for (const minor of [0, WIRE_MINOR]) expect(() => readWire(strict, said, minor)).toThrow("later");
  });

  test("is refused all the same where anything else is wrong with it", () => {
    expect(() => readWire(strict, { ...said, c: 5 }, WIRE_MINOR + 1)).toThrow("string");
    expect(() => readWire(strict, { later: 1 }, WIRE_MINOR + 1)).toThrow("object");
  });

  test("counts in hellos and signed envelopes", () => {
    const later = { ...OLD.hello, wire: WIRE_MINOR + 1, later: [1] };
    expect(readHelloMessage(bytes(later))).toEqual({ ...OLD.hello, wire: WIRE_MINOR + 1 });
    expect(() => readHelloMessage(bytes({ ...later, wire: WIRE_MINOR }))).toThrow(expect.objectContaining({ code: "INVALID_INPUT" }));

    const random = createSeededRandom(5);
    const org = createTestOrg(random);
    const [from, to] = [createTestMember(org, random, { subject: "fiona.berg", role: "finance" }), OLD.to.agentId];
    const claims = {
      v: 1,
      id: "01930000-0000-7000-8000-000000000001",
      ts: FIXTURE_TIME_MS,
      exp: FIXTURE_TIME_MS + 60_000,
      org: org.org,
      from: from.principal.agentId,
      to,
      priority: "P2",
      policyHash: "a".repeat(64),
      traceparent: `00-${"1".repeat(32)}-${"2".repeat(16)}-01`,
      credential: from.credential,
      message: { type: "notification", message: "Grüße", severity: "info", later: 1 },
      alsoLater: true,
    };
    const frame = sealEnvelope(claims as never, from.signer);
    const issuer = org.issuer.publicJwk as never;
    const opened = openerFor(to, org.org, issuer, WIRE_MINOR + 1)(frame, FIXTURE_TIME_MS);
    expect(opened.claims.message).toEqual({ type: "notification", message: "Grüße", severity: "info" });
    expect(envelopeClaims.safeParse(opened.claims).success).toBe(true);
    const refuse = openerFor(to, org.org, issuer);
    expect(() => refuse(frame, FIXTURE_TIME_MS)).toThrow(expect.objectContaining({ code: "ENVELOPE_INVALID" }));
  });
});

/** What agents of a later version said, each made by the encoders of that version. */
interface Recording {
  readonly recordedAt: number;
  readonly org: string;
  readonly issuer: never;
  readonly from: { agentId: string };
  readonly to: { agentId: string };
  readonly hello: HelloMessage & { kind: "hello" };
  readonly exchange: Record<"pull" | "push" | "reply", object>;
  readonly cards: { questions: object[]; replies: object[] };
  readonly artifacts: object[];
  readonly receipts: unknown[];
  readonly envelopes: string[];
  readonly schemas: { envelope: JsonSchema };
}
interface JsonSchema {
  readonly properties: Record<string, JsonSchema>;
  readonly oneOf?: readonly JsonSchema[];
  readonly const?: string;
}

/** Every version but the one of now; who raises the version records the one before. */
const EARLIER = Array.from({ length: WIRE_MINOR - 1 }, (_, i) => i + 1);
const recordingOf = (minor: number) =>
  JSON.parse(readFileSync(new URL(`../../../fixtures/wire/minor-${minor}.json`, import.meta.url), "utf8")) as Recording;

/** What one side of an exchange says and hears where the other says this. */
async function exchange<T>(
  run: (stream: Stream) => Promise<T>,
  theirs: { first?: object; answer?: object },
): Promise<{ said: unknown; heard: T }> {
  const [mine, other] = await streamPair();
  const talk = lpStream(other);
  const heard = run(mine);
  if (theirs.first !== undefined) await talk.write(bytes(theirs.first));
  const said: unknown = JSON.parse(Buffer.from((await talk.read()).subarray()).toString("utf8"));
  if (theirs.answer !== undefined) await talk.write(bytes(theirs.answer));
  return { said, heard: await heard };
}

describe.each(EARLIER)("an agent of wire version %i", (minor) => {
  const old = recordingOf(minor);
  const theirs = old.schemas.envelope.properties;
  const theirTypes = new Map(theirs["message"]?.oneOf?.map(({ properties }) => [properties["type"]?.const ?? "", properties]));
  const news = { bundleVersion: 4, revocationSeq: 3, revocations: "c".repeat(64) };
  const side = { digest: () => "c".repeat(64), shared: () => [], news: () => news, wire: minor };
  const signal = AbortSignal.timeout(10_000);

  test("is heard in hello", () => {
    expect(readHelloMessage(bytes(old.hello))).toEqual(old.hello);
    const membership = { verify: () => ({ agentId: old.from.agentId }) } as never;
    expect(judgeHello(old.hello, old.from.agentId, { org: old.org, membership, now: old.recordedAt }).wire).toBe(minor);
  });

  test("is heard in every type of message, under its signature, and in receipts", () => {
    const open = openerFor(old.to.agentId, old.org, old.issuer, minor);
    const types = old.envelopes.map((jws) => open(Buffer.from(jws), old.recordedAt + 1_000).claims.message.type);
    expect(types.toSorted()).toEqual([...theirTypes.keys()].toSorted());
    for (const said of old.receipts) expect(receipt.parse(said)).toEqual(said);
  });

  test("is heard as it asks and tells of members, cards and files", async () => {
    const { pull, push, reply } = old.exchange;
    const record = { agentId: old.from.agentId, credential: expect.any(String), statement: expect.any(String) };
    const pulled = await exchange((stream) => pullPeers(stream, side, signal), { answer: reply });
    expect(pulled.heard.peers).toMatchObject([record]);
    const pushed = await exchange((stream) => answerExchange(stream, side, signal), { first: push });
    expect(pushed.heard.peers).toMatchObject([record]);
    expect((await exchange((stream) => answerExchange(stream, side, signal), { first: pull })).said).toMatchObject({ kind: "peers", news });
    for (const said of old.cards.questions) expect(readCardQuestion(bytes(said))).toEqual(said);
    for (const said of old.cards.replies) expect(readCardReply(bytes(said))).toEqual(said);
    const [card] = old.cards.questions.flatMap((said) => ("cards" in said ? (said.cards as unknown[]) : []));
    const facts = factsOf(readCard(card));
    expect(facts).toMatchObject({ agentId: old.from.agentId, org: old.org });
    for (const said of old.artifacts) expect(artifactRequest.parse(said)).toEqual(said);
  });

  test("is told no type of message and no field of one that it does not know, and every other field", () => {
    for (const option of message.options) {
      const type = option.shape.type.value;
      const known = theirTypes.get(type);
      expect(knowsType(type, minor), type).toBe(known !== undefined);
      const all = Object.fromEntries(Object.keys(option.shape).map((name) => [name, name]));
      if (known !== undefined) expect(Object.keys(forWire(type, all, minor)).toSorted(), type).toEqual(Object.keys(known).toSorted());
    }
    const beside = Object.fromEntries(Object.keys(envelopeClaims.shape).map((name) => [name, name]));
    expect(Object.keys(forWire("envelope", beside, minor)).toSorted()).toEqual(Object.keys(theirs).toSorted());
  });

  test("takes what it said itself, as this version says it", () => {
    const schema = z.fromJSONSchema(old.schemas.envelope as never);
    for (const jws of old.envelopes) {
      const { message: said, ...claims } = unverifiedPayloadOf(jws) as { message: Message };
      expect(schema.safeParse({ ...claims, message: forWire(said.type, said, minor) }).success, said.type).toBe(true);
    }
  });
});

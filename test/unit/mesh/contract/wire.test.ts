import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { envelopeClaims, type Message, receipt } from "../../../../mesh/contract/message.ts";
import { assertUnderstood, forWire, knowsType, readWire, WIRE_MINOR } from "../../../../mesh/contract/wire.ts";
import { createEnvelopeOpener, sealEnvelope } from "../../../../mesh/delivery/envelope.ts";
import { unverifiedPayloadOf } from "../../../../mesh/identity/jws.ts";
import { verifyMembership } from "../../../../mesh/identity/membership.ts";
import { asSpoken, type HelloMessage, judgeHello, ownHello, readHelloMessage } from "../../../../mesh/peer/hello-wire.ts";
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

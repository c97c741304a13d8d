import { mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { createHandOut, type HandOut } from "../../../../mesh/agent/hand-out.ts";
import { openPseudonymKeys, type PseudonymKeys, writeNoPseudonymKey, writePseudonymKey } from "../../../../mesh/agent/pseudonym-key.ts";
import type { AuditEvent } from "../../../../mesh/contract/audit.ts";
import { envelopeClaims, type EnvelopeClaims } from "../../../../mesh/contract/message.ts";
import { addPseudonymKey } from "../../../../mesh/identity/pseudonym-keys.ts";
import { unverifiedPayloadOf } from "../../../../mesh/identity/jws.ts";
import type { TestMember } from "../../../support/audit-fixture.ts";
import { createWorld, startNode, type TestNode, type World } from "../../../support/messaging-node.ts";

const KEY_1 = Buffer.alloc(32, 1).toString("base64url");
const KEY_2 = Buffer.alloc(32, 2).toString("base64url");

let world: World;
let stewards: string[];
let frames: EnvelopeClaims[];
beforeEach(() => {
  world = createWorld(1);
  stewards = [];
  frames = [];
  const { attach } = world.network;
  world.network.attach = (agentId, handler) =>
    attach(agentId, (frame, from) => {
      frames.push(envelopeClaims.parse(unverifiedPayloadOf(Buffer.from(frame).toString("latin1"), 2_000_000)));
      return handler(frame, from);
    });
});

interface Desk {
  readonly node: TestNode;
  readonly member: TestMember;
  readonly keys: PseudonymKeys;
  readonly path: string;
  readonly handOut: HandOut;
}

async function desk(subject: string, role: string, roster = () => stewards, bySignIn = false): Promise<Desk> {
  const folder = mkdtempSync(join(realpathSync(tmpdir()), "gaggle-hand-out-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const path = join(folder, "keys", "pseudonym.json");
  await (bySignIn ? writeNoPseudonymKey(path) : writePseudonymKey(path, { epoch: 1, key: KEY_1 }));
  const keys = await openPseudonymKeys(path, world.clock);
  const member = world.addMember(subject, role);
  const handOut = createHandOut({
    self: member.principal,
    pseudonyms: keys,
    stewards: roster,
    sealKeyOf: (agentId) => {
      const seal = world.members.find(({ principal }) => principal.agentId === agentId)?.keys.seal;
      return seal && { kty: seal.kty, crv: seal.crv, x: seal.x };
    },
    openKey: member.keys.seal,
    send: (make) => node.messaging.send(make),
    newTraceId: () => "d".repeat(32),
  });
  const node: TestNode = await startNode(world, member, {
    boundary: () => ({ depart: async ({ message }) => ({ message }), arrive: handOut.arrive }),
  });
  return { node, member, keys, path, handOut };
}

const epochsOf = ({ keys }: Desk): number[] => keys.epochs().map(({ epoch }) => epoch);
/** Time goes on until it is so, however slow the disk is. */
const pass = async (isSo: () => Promise<boolean> | boolean): Promise<void> => {
  for (let i = 0; i < 2_000 && !(await isSo()); i += 1) {
    await world.clock.advance(50);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
};
const recorded = async ({ node }: Desk, ...actions: string[]): Promise<AuditEvent | undefined> =>
  (await node.chain.list({ fromSeq: 1, limit: 100 })).find(({ action }) => actions.includes(action));
const has = (desk: Desk, action: string) => async () => (await recorded(desk, action)) !== undefined;

describe("the key of a new epoch", () => {
  it("goes from a steward to each member that it meets, sealed, once; the member uses it for new sessions and keeps it", async () => {
    const [steward, marco] = [await desk("hana.ito", "hr"), await desk("marco.diaz", "marketing")];
    stewards = [steward.member.signer.thumbprint];
    await addPseudonymKey(steward.path, { epoch: 2, key: KEY_2 }, 0);
    for (let i = 0; i < 3; i += 1) await steward.handOut.met(marco.member.principal);
    await pass(has(marco, "pseudonym.receive"));
    expect(epochsOf(marco)).toEqual([2, 1]);
    expect(Buffer.from(marco.keys.epochs()[0]?.key ?? []).toString("base64url")).toBe(KEY_2);
    expect((await openPseudonymKeys(marco.path, world.clock)).epochs()).toEqual(marco.keys.epochs());
    expect(frames).toHaveLength(1);
    expect(JSON.stringify(frames)).not.toContain(KEY_2);
    expect(await recorded(marco, "pseudonym.receive")).toMatchObject({
      result: "ok",
      details: { epoch: 2, fromSubject: "hana.ito" },
    });
  });

  it("goes to a member that signed in as its first, once, and changes nothing for one that was invited", async () => {
    const steward = await desk("hana.ito", "hr");
    const [signedIn, invited] = [await desk("marco.diaz", "marketing", () => stewards, true), await desk("sam.ode", "sales")];
    stewards = [steward.member.signer.thumbprint];
    expect(epochsOf(signedIn)).toEqual([]);
    for (let i = 0; i < 2; i += 1) for (const { member } of [signedIn, invited]) await steward.handOut.met(member.principal);
    await pass(() => frames.length === 2 && epochsOf(signedIn).length > 0);
    expect(frames).toHaveLength(2);
    expect(signedIn.keys.epochs()).toEqual(invited.keys.epochs());
    expect(epochsOf(signedIn)).toEqual([1]);
  });

  it("is not sent by who is no steward", async () => {
    const [sam, marco] = [await desk("sam.ode", "sales"), await desk("marco.diaz", "marketing")];
    await addPseudonymKey(sam.path, { epoch: 2, key: KEY_2 }, 0);
    await sam.handOut.met(marco.member.principal);
    await world.clock.advance(2_000);
    expect(frames).toEqual([]);
  });

  it("is not taken from who is no steward on the receiver's roster", async () => {
    const [sam, marco] = [await desk("sam.ode", "sales"), await desk("marco.diaz", "marketing", () => [])];
    await addPseudonymKey(sam.path, { epoch: 2, key: KEY_2 }, 0);
    stewards = [sam.member.signer.thumbprint];
    await sam.handOut.met(marco.member.principal);
    await pass(has(marco, "message.refuse"));
    expect(frames).toHaveLength(1);
    expect(epochsOf(marco)).toEqual([1]);
    expect(await recorded(marco, "message.refuse")).toMatchObject({ details: { code: "POLICY_DENIED" } });
  });

  it("never replaces a key of the same epoch", async () => {
    const [steward, marco] = [await desk("hana.ito", "hr"), await desk("marco.diaz", "marketing")];
    stewards = [steward.member.signer.thumbprint];
    await marco.keys.add({ epoch: 2, key: KEY_1 });
    await addPseudonymKey(steward.path, { epoch: 2, key: KEY_2 }, 0);
    await steward.handOut.met(marco.member.principal);
    await pass(has(marco, "message.refuse"));
    expect(Buffer.from(marco.keys.epochs()[0]?.key ?? []).toString("base64url")).toBe(KEY_1);
  });
});

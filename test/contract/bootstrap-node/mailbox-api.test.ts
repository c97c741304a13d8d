import { beforeEach, describe, expect, it } from "vitest";
import type { MailQuotas } from "../../../bootstrap-node/mailbox/mailbox.ts";
import type { BootstrapRequest } from "../../../mesh/contract/bootstrap-api.ts";
import { newUuid } from "../../../mesh/contract/ids.ts";
import { ENVELOPE_LIFETIME_MS } from "../../../mesh/contract/limits.ts";
import { publicJwkOf } from "../../../mesh/identity/keys.ts";
import { verifyStamp } from "../../../mesh/mailbox/deposit-stamp.ts";
import { readDevice, signSealKey } from "../../../mesh/mailbox/seal-key.ts";
import { openMail, sealMail } from "../../../mesh/mailbox/sealed-mail.ts";
import { verifyMembership } from "../../../mesh/identity/membership.ts";
import { seededRandom } from "../../support/seeded-keys.ts";
import { openTestBootstrap, type TestAgent, type TestBootstrap } from "../../support/test-bootstrap.ts";

const code = (name: string) => expect.objectContaining({ code: name });
const MIB = 1_048_576;
const QUOTAS: MailQuotas = {
  sender: { count: 3, bytes: 64 * MIB },
  recipient: { count: 6, bytes: 64 * MIB },
  all: { count: 5, bytes: 64 * MIB },
};

let node: TestBootstrap;
let fiona: TestAgent;
let marco: TestAgent;
let edward: TestAgent;
const random = seededRandom("deposit ids");

const joined = async (name: string, subject: string, role: string): Promise<TestAgent> => {
  const agent = node.agent(name);
  await agent.join(node.invite({ subject, role }));
  return agent;
};
const seal = (text: string, to: readonly TestAgent[]) =>
  sealMail(
    to.map(({ agentId }) => ({ to: agentId, jws: text })),
    to.map(({ keys }) => publicJwkOf(keys.seal)),
  );
const request = async (text: string, to: readonly TestAgent[]): Promise<BootstrapRequest<"deposit">> => ({
  id: newUuid(node.clock.now(), random),
  to: to.map(({ agentId }) => agentId),
  sealed: await seal(text, to),
});
const put = async (from: TestAgent, text: string, to: readonly TestAgent[]) => {
  const made = await request(text, to);
  return { ...made, ...(await from.client.deposit(made)) };
};
const keyOf = (agent: TestAgent) => signSealKey({ org: node.organisation.org, seal: publicJwkOf(agent.keys.seal), signer: agent.signer });
const fetched = async (agent: TestAgent, after = 0) => agent.client.fetchMail({ sealKey: keyOf(agent), after });
const texts = async (agent: TestAgent): Promise<(string | undefined)[]> => {
  const { items } = await fetched(agent);
  const opened = await Promise.all(items.map(({ sealed }) => openMail(sealed, agent.keys.seal)));
  return opened.map((content) => content?.envelopes.find(({ to }) => to === agent.agentId)?.jws);
};
const stored = async () => node.store.range({ gte: "mail/", lt: "mail/~" });

beforeEach(async () => {
  node = await openTestBootstrap({ quotas: QUOTAS });
  await node.publish(1);
  fiona = await joined("fiona's laptop", "fiona.berg", "finance");
  marco = await joined("marco's laptop", "marco.diaz", "marketing");
  edward = await joined("edward's laptop", "edward.lindqvist", "executive");
});

describe("the mailbox", () => {
  it("hands mail to its recipient alone, oldest first, with a stamp of who deposited it when", async () => {
    const first = await put(fiona, "first", [marco]);
    await node.clock.advance(1_000);
    await put(edward, "second", [marco]);
    expect(await texts(marco)).toEqual(["first", "second"]);
    expect(await texts(edward)).toEqual([]);
    const [item] = (await fetched(marco)).items;
    const { org, issuer } = node.organisation;
    const expected = { keys: [issuer.publicJwk], org, self: marco.agentId, nowMs: node.clock.now() };
    expect(verifyStamp(item ?? expect.unreachable(), expected)).toMatchObject({
      id: first.id,
      from: fiona.agentId,
      to: [marco.agentId],
      at: node.clock.now() - 1_000,
    });
    const other = { ...(item ?? expect.unreachable()), sealed: await seal("other", [marco]) };
    expect(() => verifyStamp(other, expected)).toThrow(code("ENVELOPE_INVALID"));
    expect(() => verifyStamp(item ?? expect.unreachable(), { ...expected, self: edward.agentId })).toThrow(code("ENVELOPE_INVALID"));
    expect(() => verifyStamp(item ?? expect.unreachable(), { ...expected, keys: [marco.signer.publicJwk] })).toThrow(
      code("CREDENTIAL_INVALID"),
    );
  });

  it("keeps the first of two deposits under one id, and gives the same answer again, over a restart too", async () => {
    const made = await request("first", [marco]);
    const { stamp } = await fiona.client.deposit(made);
    await node.clock.advance(5_000);
    node = await openTestBootstrap({ store: node.store, clock: node.clock, quotas: QUOTAS });
    const again = node.agent("fiona's laptop");
    expect(await again.client.deposit({ ...made, sealed: await seal("altered", [marco]) })).toEqual({ stamp });
    expect(await texts(node.agent("marco's laptop"))).toEqual(["first"]);
  });

  it("lets each device of a person fetch and delete its own copy, and deletes the deposit with the last one", async () => {
    const desktop = await joined("marco's desktop", "marco.diaz", "marketing");
    const { id } = await put(fiona, "for both", [marco, desktop]);
    const own = { items: [{ from: fiona.agentId, id }] };
    await marco.client.discardMail(own);
    expect(await texts(marco)).toEqual([]);
    expect(await texts(desktop)).toEqual(["for both"]);
    await edward.client.discardMail(own);
    expect(await texts(desktop)).toEqual(["for both"]);
    await desktop.client.discardMail(own);
    const left = (await stored()).map(([key]) => key).filter((key) => !key.startsWith("mail/key/"));
    expect(left).toEqual(["mail/seq"]);
  });

  it("lets a sender withdraw its own deposits and nobody else's", async () => {
    const { id } = await put(fiona, "mine", [marco]);
    await edward.client.withdrawMail({ ids: [id] });
    expect(await texts(marco)).toEqual(["mine"]);
    await fiona.client.withdrawMail({ ids: [id] });
    expect(await texts(marco)).toEqual([]);
  });

  it("refuses what is over a quota of sender, recipient or all, drops nothing, and takes mail again once there is room", async () => {
    for (const text of ["1", "2", "3"]) await put(fiona, text, [marco]);
    await expect(put(fiona, "4", [marco])).rejects.toMatchObject({ code: "MAILBOX_FULL", details: { quota: "from", count: 3 } });
    await put(edward, "5", [marco]);
    await expect(put(edward, "6", [marco])).rejects.toMatchObject({ code: "MAILBOX_FULL", details: { quota: "share", count: 1 } });
    await put(edward, "7", [fiona]);
    await expect(put(marco, "8", [fiona])).rejects.toMatchObject({ code: "MAILBOX_FULL", details: { quota: "all" } });
    expect(await texts(marco)).toEqual(["1", "2", "3", "5"]);
    const [{ stamp } = expect.unreachable()] = (await fetched(marco)).items;
    const { id } = JSON.parse(Buffer.from(stamp.split(".")[1] ?? "", "base64url").toString()) as { id: string };
    await marco.client.discardMail({ items: [{ from: fiona.agentId, id }] });
    await put(edward, "9", [marco]);
    expect(await texts(marco)).toEqual(["2", "3", "5", "9"]);
  });

  const withQuotas = async (quotas: Partial<MailQuotas>): Promise<void> => {
    const wide = { count: 1_000, bytes: 64 * MIB };
    node = await openTestBootstrap({
      store: node.store,
      clock: node.clock,
      quotas: { sender: wide, recipient: wide, all: wide, ...quotas },
    });
    [fiona, marco, edward] = [node.agent("fiona's laptop"), node.agent("marco's laptop"), node.agent("edward's laptop")];
  };
  /** Puts mail for Marco until it is refused. */
  const fill = async (from: TestAgent): Promise<{ put: number; quota: unknown }> => {
    for (let count = 0; ; count++) {
      const quota = await put(from, "x", [marco]).then(
        () => undefined,
        ({ details }: { details: { quota: unknown } }) => details.quota,
      );
      if (quota !== undefined) return { put: count, quota };
    }
  };

  it("leaves the next sender half of what is free for a recipient, whoever has filled the rest, and one as long as there is room", async () => {
    await joined("fiona's desktop", "fiona.berg", "finance");
    await withQuotas({ recipient: { count: 8, bytes: 64 * MIB } });
    const third = node.agent("fiona's desktop");
    expect(await fill(fiona)).toEqual({ put: 4, quota: "share" });
    expect(await fill(edward)).toEqual({ put: 2, quota: "share" });
    expect(await fill(fiona)).toEqual({ put: 0, quota: "share" });
    expect(await fill(third)).toEqual({ put: 1, quota: "share" });
    const others = await fetched(marco);
    const ofEdward = others.items.map(({ stamp }) => JSON.parse(Buffer.from(stamp.split(".")[1] ?? "", "base64url").toString()));
    const items = (ofEdward as { from: string; id: string }[])
      .filter(({ from }) => from === edward.agentId)
      .map(({ from, id }) => ({ from, id }));
    await marco.client.discardMail({ items });
    expect(await fill(third)).toEqual({ put: 1, quota: "share" });
    expect(await fill(edward)).toEqual({ put: 1, quota: "share" });
    await put(marco, "to another one", [fiona]);
  });

  it("takes a sender's first mail for a recipient while there is any room, and none beyond", async () => {
    await withQuotas({ recipient: { count: 1, bytes: 64 * MIB } });
    expect(await fill(fiona)).toEqual({ put: 1, quota: "to" });
    expect(await fill(edward)).toEqual({ put: 0, quota: "to" });
  });

  it("shares a recipient's bytes as it shares the count", async () => {
    const bytes = Buffer.byteLength(JSON.stringify(await seal("x", [marco])));
    await withQuotas({ recipient: { count: 1_000, bytes: 8 * bytes } });
    expect(await fill(fiona)).toEqual({ put: 4, quota: "share" });
    expect(await fill(edward)).toEqual({ put: 2, quota: "share" });
  });

  it("counts bytes too", async () => {
    node = await openTestBootstrap({ store: node.store, clock: node.clock, quotas: { ...QUOTAS, sender: { count: 3, bytes: 10_000 } } });
    fiona = node.agent("fiona's laptop");
    await put(fiona, "small", [marco]);
    await expect(put(fiona, "small", [marco])).rejects.toMatchObject({ code: "MAILBOX_FULL", details: { quota: "from", count: 1 } });
  });

  it("deletes what has expired, and counts it no more", async () => {
    for (const text of ["1", "2", "3"]) await put(fiona, text, [marco]);
    await node.clock.advance(ENVELOPE_LIFETIME_MS - 1);
    await node.publish(2);
    await node.mailbox.prune();
    expect(await texts(marco)).toHaveLength(3);
    await node.clock.advance(2);
    await node.mailbox.prune();
    expect(await texts(marco)).toEqual([]);
    await put(fiona, "4", [marco]);
    expect(await texts(marco)).toEqual(["4"]);
  });

  it("gives long lists in pages that a number continues", async () => {
    const large = "x".repeat(600_000);
    for (const text of ["1", "2", "3"]) await put(fiona, text + large, [marco]);
    const first = await fetched(marco);
    expect([first.items.length, first.more]).toEqual([1, true]);
    const rest = await fetched(marco, first.items[0]?.seq);
    expect([rest.items.length, rest.more]).toEqual([1, true]);
    expect((await fetched(marco, rest.items[0]?.seq)).more).toBe(false);
  });

  it("is for members: a stranger, a leaver and a revoked one neither deposit nor fetch, nor does anybody deposit for them", async () => {
    const stranger = node.agent("stranger");
    await expect(stranger.client.deposit(await request("x", [marco]))).rejects.toThrow(code("NOT_A_MEMBER"));
    await expect(fetched(stranger)).rejects.toThrow(code("NOT_A_MEMBER"));
    await expect(put(fiona, "x", [stranger])).rejects.toThrow(code("NOT_A_MEMBER"));
    await put(fiona, "x", [marco]);
    // Both hold tokens that are still good.
    await marco.client.token();
    await edward.client.token();
    await node.publish(2, { revocations: { seq: 1, agents: [marco.agentId], subjects: ["edward.lindqvist"], keys: [] } });
    await expect(fetched(marco)).rejects.toThrow(code("REVOKED"));
    await expect(put(edward, "x", [fiona])).rejects.toThrow(code("REVOKED"));
    await expect(put(fiona, "x", [marco])).rejects.toThrow(code("REVOKED"));
  });

  it.each([
    ["two people's devices", async () => ({ ...(await request("x", [marco])), to: [marco.agentId, edward.agentId] })],
    ["nobody", async () => ({ ...(await request("x", [marco])), to: [] })],
    ["the depositor itself", () => request("x", [fiona])],
    ["one device twice", async () => ({ ...(await request("x", [marco, marco])) })],
    ["more keys than recipients", async () => ({ ...(await request("x", [marco, edward])), to: [marco.agentId] })],
    [
      "a size that is no class",
      async () => {
        const made = await request("x", [marco]);
        return { ...made, sealed: { ...made.sealed, ciphertext: `${made.sealed.ciphertext}AAAA` } };
      },
    ],
    [
      "anything more in clear",
      async () => {
        const made = await request("x", [marco]);
        return { ...made, sealed: { ...made.sealed, unprotected: { subject: "payroll" } } } as BootstrapRequest<"deposit">;
      },
    ],
  ])("takes no deposit with %s", async (_, make) => {
    await expect(fiona.client.deposit(await make())).rejects.toThrow(code("INVALID_INPUT"));
    expect(await stored()).toEqual([]);
  });

  it("tells a person's devices with their own word about their keys, which no other key signs", async () => {
    const desktop = await joined("marco's desktop", "marco.diaz", "marketing");
    expect(await fiona.client.mailDevices("marco.diaz")).toEqual({ devices: [] });
    await fetched(marco);
    await fetched(desktop);
    const { devices } = await fiona.client.mailDevices("marco.diaz");
    const manifest = { ...node.organisation.trust, org: node.organisation.org };
    const verify = (jwt: string, atMs: number) => verifyMembership({ jwt, manifest, nowMs: atMs });
    // Off for days: the credentials that the node has are long over.
    await node.clock.advance(3 * 86_400_000);
    const read = devices.map((told) => readDevice(told, verify));
    expect(new Set(read.map(({ principal }) => principal.agentId))).toEqual(new Set([marco.agentId, desktop.agentId]));
    expect(read.find(({ principal }) => principal.agentId === marco.agentId)?.seal).toEqual(publicJwkOf(marco.keys.seal));
    const [one, two] = devices;
    const mixed = { credential: one?.credential ?? "", sealKey: two?.sealKey ?? "" };
    expect(() => readDevice(mixed, verify)).toThrow(code("CREDENTIAL_INVALID"));
    await expect(marco.client.fetchMail({ sealKey: keyOf(desktop), after: 0 })).rejects.toThrow(code("CREDENTIAL_INVALID"));
  });

  it("learns nothing of a deposit but sender, recipient, size class and time", async () => {
    const small = await put(fiona, "Payroll of October: 41,250.00 EUR", [marco]);
    const larger = await put(fiona, `Payroll ${"of everybody ".repeat(200)}`, [marco]);
    expect(small.sealed.ciphertext.length).toBe(larger.sealed.ciphertext.length);
    const [, text] = (await stored()).find(([key]) => key.startsWith(`mail/deposit/${fiona.agentId}/${small.id}`)) ?? ["", "{}"];
    const kept = JSON.parse(text) as { sealed: { protected: string } };
    expect(Object.keys(kept).sort()).toEqual(["bytes", "expiresAt", "from", "id", "left", "sealed", "seq", "stamp", "v"]);
    expect(Object.keys(kept.sealed).sort()).toEqual(["ciphertext", "iv", "protected", "recipients", "tag"]);
    const header = JSON.parse(Buffer.from(kept.sealed.protected, "base64url").toString()) as object;
    expect(Object.keys(header).sort()).toEqual(["alg", "enc", "epk", "typ"]);
  });
});

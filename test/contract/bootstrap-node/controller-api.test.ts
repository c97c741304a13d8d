import { beforeEach, describe, expect, it } from "vitest";
import { ROUTE_AUTHORISATION } from "../../../bootstrap-node/authorisation.ts";
import { BOOTSTRAP_ROUTES, type BootstrapRoute } from "../../../mesh/contract/bootstrap-api.ts";
import type { HandOver } from "../../../mesh/contract/controller-api.ts";
import { newUuid } from "../../../mesh/contract/ids.ts";
import { ENVELOPE_LIFETIME_MS } from "../../../mesh/contract/limits.ts";
import { publicJwkOf } from "../../../mesh/identity/keys.ts";
import { signSealKey } from "../../../mesh/mailbox/seal-key.ts";
import { openMail, sealMail } from "../../../mesh/mailbox/sealed-mail.ts";
import { seededRandom } from "../../support/seeded-keys.ts";
import { openTestBootstrap, type TestAgent, type TestBootstrap } from "../../support/test-bootstrap.ts";

const code = (name: string) => expect.objectContaining({ code: name });
const random = seededRandom("controller ids");

let node: TestBootstrap;
let fiona: TestAgent;
let marco: TestAgent;
let edward: TestAgent;

const joined = async (name: string, subject: string, role: string): Promise<TestAgent> => {
  const agent = node.agent(name);
  await agent.join(node.invite({ subject, role }));
  return agent;
};
const newId = () => newUuid(node.clock.now(), random);
const seal = (text: string, to: TestAgent) => sealMail([{ to: to.agentId, jws: text }], [publicJwkOf(to.keys.seal)]);
const handOver = async (texts: readonly (readonly [string, TestAgent])[]): Promise<HandOver> => {
  const deposits = texts.map(async ([text, to]) => ({ id: newId(), to: [to.agentId], sealed: await seal(text, to) }));
  return { id: newId(), deposits: await Promise.all(deposits) };
};
const mailOf = async (agent: TestAgent) => {
  const sealKey = signSealKey({ org: node.organisation.org, seal: publicJwkOf(agent.keys.seal), signer: agent.signer });
  const { items } = await agent.client.fetchMail({ sealKey, after: 0 });
  return Promise.all(items.map(async ({ sealed }) => (await openMail(sealed, agent.keys.seal))?.envelopes[0]?.jws));
};

beforeEach(async () => {
  node = await openTestBootstrap();
  await node.publish(1);
  fiona = await joined("fiona's laptop", "fiona.berg", "finance");
  marco = await joined("marco's laptop", "marco.diaz", "marketing");
  edward = await joined("edward's laptop", "edward.lindqvist", "executive");
});

describe("handing over", () => {
  it.each(["routeTask", "openSession", "requestApproval"] as const)(
    "%s leaves sealed envelopes for their recipients, whom alone they open to",
    async (route) => {
      const request = await handOver([
        ["for marco", marco],
        ["for edward", edward],
      ]);
      const answer = await fiona.client.handOver(route, request);
      expect(answer).toMatchObject({
        id: request.id,
        deposits: request.deposits.map(({ id }) => ({ id, stamp: expect.stringContaining(".") })),
      });
      expect(await mailOf(marco)).toEqual(["for marco"]);
      expect(await mailOf(edward)).toEqual(["for edward"]);
      const disk = (await node.store.range({ gte: "", lt: "~" })).flat().join("\n");
      expect(disk).not.toContain("for marco");
    },
  );

  it("keeps all or none", async () => {
    const request = await handOver([
      ["good", marco],
      ["to oneself", fiona],
    ]);
    await expect(fiona.client.handOver("openSession", request)).rejects.toThrow(code("INVALID_INPUT"));
    expect(await mailOf(marco)).toEqual([]);
    await expect(fiona.client.status(request.id)).rejects.toThrow(code("NOT_FOUND"));
  });

  it("changes nothing when it is repeated", async () => {
    const request = await handOver([["once", marco]]);
    const first = await fiona.client.handOver("routeTask", request);
    node.clock.jump(5_000);
    expect(await fiona.client.handOver("routeTask", request)).toEqual(first);
    expect((await fiona.client.status(request.id)).deposits).toHaveLength(1);
  });

  it("is refused for clear text in place of sealed mail", async () => {
    const deposit = { id: newId(), to: [marco.agentId], sealed: { text: "in clear" } };
    const wrong = { id: newId(), deposits: [deposit] } as unknown as HandOver;
    await expect(fiona.client.handOver("routeTask", wrong)).rejects.toThrow(code("INVALID_INPUT"));
  });
});

describe("candidates", () => {
  it("are ranked with reasons, and who may not be asked is named with the reason too", async () => {
    node.world.connected.add(marco.agentId);
    const answer = await fiona.client.candidates({ skill: "accruals" });
    expect(answer).toMatchObject({
      candidates: [{ principal: { subject: "marco.diaz" }, because: "online, has accruals, a person decides" }],
      denied: [],
    });
    const denied = await edward.client.candidates({ role: "marketing", skill: "accruals" });
    expect(denied).toMatchObject({
      candidates: [],
      denied: [{ principal: { subject: "marco.diaz" }, because: expect.stringMatching(/executive/) }],
    });
    expect(await fiona.client.candidates({ role: "marketing", skill: "payroll" })).toMatchObject({
      candidates: [],
      misfits: [{ because: "does not have the skill payroll" }],
    });
  });

  it("leave out who is revoked", async () => {
    await node.publish(2, { revocations: { seq: 1, agents: [marco.agentId], subjects: [], keys: [] } });
    expect(await fiona.client.candidates({ skill: "accruals" })).toEqual({ candidates: [], denied: [], misfits: [] });
  });
});

describe("status", () => {
  it("says to those who take part what became of each deposit, and to nobody else that the id exists", async () => {
    const request = await handOver([["hello", marco]]);
    await fiona.client.handOver("requestApproval", request);
    const [{ id } = expect.unreachable()] = request.deposits;
    const waiting = { id, kind: "approval", from: fiona.agentId, to: [marco.agentId], waitingFor: [marco.agentId], state: "waiting" };
    for (const agent of [fiona, marco])
      expect(await agent.client.status(request.id)).toMatchObject({ deposits: [waiting], events: [], more: false });
    const stranger = await joined("fiona's desktop", "fiona.berg", "finance");
    await expect(stranger.client.status(request.id)).rejects.toThrow(code("NOT_FOUND"));
    // Policy lets executives export the audit.
    expect(await edward.client.status(request.id)).toMatchObject({ deposits: [waiting] });
    await marco.client.discardMail({ items: [{ from: fiona.agentId, id }] });
    expect(await fiona.client.status(request.id)).toMatchObject({ deposits: [{ waitingFor: [], state: "settled" }] });
  });

  it("says nothing of others' deposits to a member who hands something over under their id", async () => {
    const request = await handOver([["for edward", edward]]);
    await fiona.client.handOver("routeTask", request);
    const own = { ...(await handOver([["also for edward", edward]])), id: request.id };
    await marco.client.handOver("routeTask", own);
    expect((await marco.client.status(request.id)).deposits.map(({ from }) => from)).toEqual([marco.agentId]);
    expect((await fiona.client.status(request.id)).deposits.map(({ from }) => from)).toEqual([fiona.agentId]);
    expect((await edward.client.status(request.id)).deposits).toHaveLength(2);
  });

  it("forgets what expired more than a day ago", async () => {
    const request = await handOver([["hello", marco]]);
    await fiona.client.handOver("routeTask", request);
    node.clock.jump(ENVELOPE_LIFETIME_MS + 1);
    await node.publish(2);
    await node.mailbox.prune();
    expect(await fiona.client.status(request.id)).toMatchObject({ deposits: [{ state: "expired" }] });
    node.clock.jump(86_400_000);
    await node.handOvers.prune();
    await expect(fiona.client.status(request.id)).rejects.toThrow(code("NOT_FOUND"));
    const left = await node.store.range({ gte: "handover/", lt: "handover/~" });
    expect(left).toEqual([]);
  });
});

describe("evaluate", () => {
  it("answers for the caller itself, with the reason", async () => {
    const question = { action: "task.send", targetRole: "marketing", resource: "accruals" } as const;
    expect(await fiona.client.evaluate(question)).toMatchObject({ allowed: true, rules: [expect.any(String)] });
    expect(await edward.client.evaluate(question)).toMatchObject({
      allowed: false,
      rules: [],
      reason: expect.stringContaining("executive"),
    });
  });
});

describe("events", () => {
  it("tell an agent of its own mail and settled deposits, and everybody of bundles and members, once each", async () => {
    const [before, other] = await Promise.all([marco, edward].map(({ client }) => client.events({})));
    const request = await handOver([["hello", marco]]);
    await fiona.client.handOver("routeTask", request);
    await node.publish(2);
    const page = await marco.client.events({ after: before?.next ?? "" });
    expect(page.events.map(({ kind }) => kind)).toEqual(["mail", "bundle", "bundle", "bundle"]);
    expect((await marco.client.events({ after: page.next })).events).toEqual([]);
    expect((await edward.client.events({ after: other?.next ?? "" })).events.map(({ kind }) => kind)).toEqual([
      "bundle",
      "bundle",
      "bundle",
    ]);
    const sent = await fiona.client.events({});
    await marco.client.discardMail({ items: [{ from: fiona.agentId, id: request.deposits[0]?.id ?? "" }] });
    expect((await fiona.client.events({ after: sent.next })).events).toMatchObject([{ kind: "settled", id: request.deposits[0]?.id }]);
  });

  it("wait for the first that the caller may know, and answer empty when the time is over", async () => {
    const waiting = marco.client.events({ waitSeconds: 20 });
    await expect.poll(() => node.feed.waiting()).toBe(1);
    await fiona.client.handOver("routeTask", await handOver([["hello", marco]]));
    expect((await waiting).events).toMatchObject([{ kind: "mail" }]);
    const empty = marco.client.events({ waitSeconds: 5 });
    await expect.poll(() => node.feed.waiting()).toBe(1);
    await node.clock.advance(5_000);
    expect(await empty).toMatchObject({ events: [], missed: false });
  });

  it("say after a restart that some may have been missed", async () => {
    const { next } = await marco.client.events({});
    node.clock.jump(1_000);
    const again = (await openTestBootstrap({ store: node.store, clock: node.clock })).agent("marco's laptop");
    const page = await again.client.events({ after: next });
    expect(page).toMatchObject({ events: [], missed: true });
    expect(await again.client.events({ after: page.next })).toMatchObject({ missed: false });
  });

  it("let one agent hold two waiting polls, and end the oldest for a third", async () => {
    const first = marco.client.events({ waitSeconds: 25 });
    await expect.poll(() => node.feed.waiting()).toBe(1);
    const rest = [marco.client.events({ waitSeconds: 25 }), marco.client.events({ waitSeconds: 25 })];
    expect((await first).events).toEqual([]);
    await expect.poll(() => node.feed.waiting()).toBe(2);
    node.feed.release();
    await Promise.all(rest);
    expect(await marco.client.events({ waitSeconds: 25 })).toMatchObject({ events: [] });
  });
});

describe("authorisation", () => {
  const names = Object.keys(BOOTSTRAP_ROUTES) as BootstrapRoute[];

  it("has a rule for every route, and an open one only where no membership is asked for", () => {
    expect(Object.keys(ROUTE_AUTHORISATION).toSorted()).toEqual(names.toSorted());
    for (const name of names) {
      const rule = ROUTE_AUTHORISATION[name];
      if (rule.kind === "open") expect(["none", "proof"], name).toContain(BOOTSTRAP_ROUTES[name].access);
      else expect(rule.actions[0], name).toBe("api.call");
    }
  });

  it.each(names.filter((name) => ROUTE_AUTHORISATION[name].kind === "policy"))(
    "refuses %s to a member whom policy does not let call it",
    async (name) => {
      const { method, path, access } = BOOTSTRAP_ROUTES[name];
      // Its token is from before.
      await marco.client.token();
      node.world.denied.add(`marketing ${name}`);
      if (access === "proof") {
        await expect(node.agent("marco's laptop").client.token()).rejects.toThrow(code("POLICY_DENIED"));
        return;
      }
      const url = path.replace(":role", "marketing").replace(":id", newId());
      const answer = await marco.send(method, url, {});
      expect(answer).toMatchObject({ status: 403, code: "POLICY_DENIED" });
      // The same route is policy's to allow: for another role it is not that what refuses.
      expect((await edward.send(method, url.replace("marketing", "executive"), {})).code).not.toBe("POLICY_DENIED");
    },
  );
});

import { beforeEach, describe, expect, it } from "vitest";
import { type CallOutcome, type ModelTarget, NO_USAGE, type PlannedCall } from "../../../../guard/gateway/call-routes.ts";
import type { MayCall } from "../../../../guard/routes/permitted-targets.ts";
import { type BudgetedRoutes, createModelRoutes, type NamedUpstream } from "../../../../guard/routes/model-routes.ts";
import { type Amount, NO_AMOUNT } from "../../../../guard/routes/organisation-usage.ts";
import { parseUsd } from "../../../../mesh/contract/money.ts";
import { type ModelPolicy, modelPolicy } from "../../../../mesh/contract/model-policy.ts";
import { createVirtualClock, type VirtualClock } from "../../../support/virtual-clock.ts";

const owner = { tenant: "org", department: "finance", role: "finance", agent: "fiona.berg" };
const upstream = (name: string, change: Partial<NamedUpstream> = {}): NamedUpstream => ({
  name,
  protocol: "openai",
  baseUrl: `http://${name}.example/v1`,
  local: false,
  ...change,
});
const UPSTREAMS = [
  upstream("default"),
  upstream("openai"),
  upstream("ollama", { local: true, baseUrl: "http://127.0.0.1:11434/v1" }),
  upstream("claude", { protocol: "anthropic" }),
];
const asked = (change: Partial<PlannedCall> = {}): PlannedCall => ({
  sessionId: "s",
  askedModel: "m",
  protocol: "openai-chat",
  task: "chat",
  estimatedTokens: 1_000,
  ...change,
});
const LOCAL_FALLBACK = { use: { upstream: "openai", model: "big" }, fallback: { upstream: "ollama", model: "small" } };
const named = ({ name, model, destination }: ModelTarget): string => `${name}/${model} ${destination}`;

let clock: VirtualClock;
let spent: Amount;
const routesFor = (policy: Partial<Omit<ModelPolicy, "v">>, upstreams = UPSTREAMS): BudgetedRoutes => {
  const parsed = modelPolicy.parse({ v: 1, ...policy });
  return createModelRoutes({ clock, policy: () => parsed, upstreams: () => upstreams, usage: { spent: () => spent } }, { owner });
};
const planned = async (routes: BudgetedRoutes, call = asked()): Promise<string[]> => {
  const { target, fallback } = await routes.plan(call);
  routes.release(call);
  return [target, ...(fallback === undefined ? [] : [fallback])].map(named);
};
const refusal = async (routes: BudgetedRoutes, call = asked()): Promise<unknown> => {
  try {
    return await routes.plan(call);
  } catch (error) {
    return error;
  }
};
/** One call that ends as told. */
const end = async (routes: BudgetedRoutes, change: Partial<CallOutcome>, call = asked()) => {
  const { target } = await routes.plan(call);
  await routes.settle(call, { target, result: "ok", status: 200, usage: NO_USAGE, durationMs: 5, ...change });
  const account = routes.account(call);
  routes.release(call);
  return account;
};

beforeEach(() => {
  clock = createVirtualClock();
  spent = NO_AMOUNT;
});

describe("a model call's route", () => {
  it("is the first that fits by role, task and asked model, and names model and upstream anew", async () => {
    const routes = routesFor({
      routes: [
        { id: "other-role", roles: ["hr"], use: { upstream: "ollama", model: "no" } },
        { id: "other-task", tasks: ["title"], use: { upstream: "openai", model: "nano" } },
        { id: "other-model", asked: ["gpt-*"], use: { upstream: "openai", model: "no" } },
        { id: "fits", roles: ["finance"], tasks: ["chat"], asked: ["m"], use: { upstream: "openai", model: "big" } },
        { id: "later", use: { upstream: "openai", model: "no" } },
      ],
    });
    expect(await planned(routes)).toEqual(["openai/big cloud"]);
    expect(await planned(routes, asked({ task: "title" }))).toEqual(["openai/nano cloud"]);
    expect(await planned(routes, asked({ askedModel: "gpt-x", task: "summary" }))).toEqual(["openai/no cloud"]);
  });

  it("is the machine's own model where none fits, and none where policy refuses other models", async () => {
    expect(await planned(routesFor({}))).toEqual(["default/m cloud"]);
    expect(await refusal(routesFor({ otherModels: "refuse" }))).toMatchObject({ code: "POLICY_DENIED" });
  });

  it("is local only where policy and machine both say so", async () => {
    const policy = { routes: [{ id: "r", use: { upstream: "ollama", model: "small" } }] };
    expect(await planned(routesFor({ ...policy, localUpstreams: ["ollama"] }))).toEqual(["ollama/small local"]);
    expect(await planned(routesFor(policy))).toEqual(["ollama/small cloud"]);
    const lied = [upstream("ollama", { local: false })];
    expect(await planned(routesFor({ ...policy, localUpstreams: ["ollama"] }, lied))).toEqual(["ollama/small cloud"]);
  });

  it.each([
    ["http://127.0.0.1:11434/v1", "local"],
    ["http://[::1]:11434/v1", "local"],
    ["http://localhost:11434/v1", "local"],
    ["http://Models.Example.com/v1", "local"],
    ["http://10.0.0.7:8000/v1", "local"],
    ["http://10.0.0.8:8000/v1", "cloud"],
    ["https://api.vendor.example/v1", "cloud"],
    ["https://127.0.0.1.vendor.example/v1", "cloud"],
    ["https://localhost.vendor.example/v1", "cloud"],
    ["https://127.0.0.1@vendor.example/v1", "cloud"],
  ])("is local only at this machine or a host that policy names: %s is %s", async (baseUrl, destination) => {
    const policy = { routes: [{ id: "r", use: { upstream: "ollama", model: "small" } }], localUpstreams: ["ollama"] };
    const routes = routesFor({ ...policy, localHosts: ["models.example.com", "10.0.0.7"] }, [upstream("ollama", { local: true, baseUrl })]);
    expect(await planned(routes)).toEqual([`ollama/small ${destination}`]);
  });

  it("never leads elsewhere where its server is missing here or speaks another API", async () => {
    const policy = { routes: [{ id: "stays-here", roles: ["finance"], use: { upstream: "ollama", model: "small" } }] };
    const missing = await refusal(routesFor(policy, [upstream("default")]));
    expect(missing).toMatchObject({ code: "GUARD_REFUSED", message: expect.stringContaining("gaggle model add ollama") });
    expect(await refusal(routesFor(policy), asked({ protocol: "anthropic-messages" }))).toMatchObject({ code: "GUARD_REFUSED" });
    expect(await refusal(routesFor({}, []))).toMatchObject({ message: expect.stringContaining("gaggle model --url") });
  });

  it("takes the fallback where the first choice is not of this machine", async () => {
    const routes = routesFor({ routes: [{ id: "r", ...LOCAL_FALLBACK }], localUpstreams: ["ollama"] }, [
      upstream("ollama", { local: true, baseUrl: "http://127.0.0.1:11434/v1" }),
    ]);
    expect(await planned(routes)).toEqual(["ollama/small local"]);
  });

  it("shows the model list of the default server, or of one that speaks the asked API", async () => {
    expect(await routesFor({}).catalogue("openai-chat")).toMatchObject({ baseUrl: "http://default.example/v1" });
    expect(await routesFor({}).catalogue("anthropic-messages")).toMatchObject({ baseUrl: "http://claude.example/v1" });
    expect(() => routesFor({}, []).catalogue("openai-chat")).toThrow(expect.objectContaining({ code: "GUARD_REFUSED" }));
  });
});

describe("a model server that keeps failing", () => {
  const policy = { routes: [{ id: "r", ...LOCAL_FALLBACK }], localUpstreams: ["ollama"] };

  it("is left alone for a while; its fallback goes first, and it is tried again later with one call", async () => {
    const routes = routesFor(policy);
    for (let i = 0; i < 5; i += 1) await end(routes, { result: "failed", status: 500 });
    expect(await planned(routes)).toEqual(["ollama/small local"]);
    expect(routes.breakers().find(({ name }) => name === "openai")?.state.state).toBe("open");
    clock.jump(15_000);
    const trial = asked();
    expect(named((await routes.plan(trial)).target)).toBe("openai/big cloud");
    expect(await planned(routes)).toEqual(["ollama/small local"]);
    routes.release(trial);
    await end(routes, {});
    expect(await planned(routes)).toEqual(["openai/big cloud", "ollama/small local"]);
  });

  it("is not taken for failing because its caller went away or asked badly", async () => {
    const routes = routesFor(policy);
    for (let i = 0; i < 10; i += 1) await end(routes, i % 2 === 0 ? { result: "aborted", status: 0 } : { result: "refused", status: 400 });
    expect(await planned(routes)).toEqual(["openai/big cloud", "ollama/small local"]);
  });

  it("refuses with 502 where there is nothing else, so that Goose tries again", async () => {
    const routes = routesFor({});
    for (let i = 0; i < 5; i += 1) await end(routes, { result: "failed", status: 0 });
    expect(await refusal(routes)).toMatchObject({ code: "UPSTREAM_FAILED" });
  });
});

describe("what a call came to", () => {
  const prices = [{ model: "m", input: "1", output: "2" }];
  it("is its usage at the price of the model that served it", async () => {
    const account = await end(routesFor({ prices }), { usage: { input: 1_000, cachedInput: 0, output: 500 } });
    expect(account).toMatchObject({ upstream: "default", model: "m", nanoUsd: parseUsd("0.002"), unpriced: false, estimated: false });
  });

  it("is 0 and marked where the model has no price", async () => {
    const account = await end(routesFor({}), { usage: { input: 1_000, cachedInput: 0, output: 500 } });
    expect(account).toMatchObject({ nanoUsd: 0n, unpriced: true });
  });

  it("is the estimate where the server tells no usage, so that leaving it out does not pay", async () => {
    for (const outcome of [{ status: 200 }, { status: 200, result: "aborted" }, { status: 0, result: "aborted" }] as const) {
      expect(await end(routesFor({ prices }), outcome, asked({ maxOutputTokens: 10 }))).toMatchObject({
        usage: { input: 1_000, output: 10 },
        nanoUsd: parseUsd("0.00102"),
        estimated: true,
      });
    }
    const long = await end(routesFor({ prices }), { usage: { ...NO_USAGE, output: 7_000 } });
    expect(long).toMatchObject({ usage: { input: 1_000, output: 7_000 }, estimated: true });
    expect(await end(routesFor({ prices }), { status: 500, result: "failed" })).toMatchObject({ nanoUsd: 0n, estimated: false });
  });

  it("holds both tries, each at its own price", async () => {
    const routes = routesFor({
      routes: [{ id: "r", ...LOCAL_FALLBACK }],
      prices: [
        { model: "big", input: "10", output: "10" },
        { model: "small", input: "1", output: "1" },
      ],
    });
    const call = asked();
    const { target, fallback } = await routes.plan(call);
    const usage = { input: 1_000_000, cachedInput: 0, output: 0 };
    await routes.settle(call, { target, result: "failed", status: 200, usage, durationMs: 1 });
    await routes.settle(call, { target: fallback ?? target, result: "ok", status: 200, usage, durationMs: 1 });
    expect(routes.account(call)).toMatchObject({ model: "small", nanoUsd: parseUsd("11"), usage: { input: 2_000_000 } });
  });
});

describe("a budget", () => {
  const budget = { id: "agents", scope: "agent" as const, period: "day" as const };
  const prices = [
    { model: "m", input: "1", output: "1" },
    { model: "big", input: "1", output: "1" },
  ];

  it("at its hard limit refuses with its name, what was used and when it begins anew", async () => {
    spent = { nanoUsd: parseUsd("0.999"), tokens: 0 };
    const error = await refusal(routesFor({ prices, budgets: [{ ...budget, hardUsd: "1.00" }] }));
    expect(error).toMatchObject({ code: "POLICY_DENIED" });
    const { message } = error as Error;
    expect(message).toContain("agents of agent fiona.berg has used 0.999 of 1.00 US dollars this day");
    expect(message).toContain(new Date(Math.ceil((clock.now() + 1) / 86_400_000) * 86_400_000).toISOString());
  });

  it.each([
    ["another department", { scope: "department" as const, of: "hr" }],
    ["another person", { scope: "agent" as const, of: "marco.diaz" }],
  ])("of %s does not count", async (_, whose) => {
    spent = { nanoUsd: parseUsd("5"), tokens: 5 };
    expect(await planned(routesFor({ prices, budgets: [{ ...budget, ...whose, hardUsd: "1" }] }))).toEqual(["default/m cloud"]);
  });

  it("in tokens holds models without a price too; in money one goes through while money is left", async () => {
    spent = { nanoUsd: parseUsd("0.5"), tokens: 6_000 };
    expect(await refusal(routesFor({ budgets: [{ ...budget, hardTokens: 10_000 }] }))).toMatchObject({ code: "POLICY_DENIED" });
    expect(await planned(routesFor({ budgets: [{ ...budget, hardTokens: 20_000, hardUsd: "1" }] }))).toEqual(["default/m cloud"]);
    spent = { nanoUsd: parseUsd("1"), tokens: 0 };
    expect(await refusal(routesFor({ budgets: [{ ...budget, hardUsd: "1" }] }))).toMatchObject({ code: "POLICY_DENIED" });
  });

  it("at its soft limit puts the fallback first and says so in a header", async () => {
    spent = { nanoUsd: parseUsd("0.5"), tokens: 0 };
    const routes = routesFor({
      routes: [{ id: "r", ...LOCAL_FALLBACK }],
      localUpstreams: ["ollama"],
      prices,
      budgets: [{ ...budget, softUsd: "0.5" }],
    });
    const call = asked();
    const plan = await routes.plan(call);
    expect(named(plan.target)).toBe("ollama/small local");
    expect(plan.headers).toEqual({ "gaggle-budget-warning": "agents" });
    expect(routes.account(call)?.warnings).toMatchObject([{ id: "agents", of: "fiona.berg", state: "soft", usedUsd: "0.5" }]);
  });

  it("at its hard limit in money leaves the free local model", async () => {
    spent = { nanoUsd: parseUsd("2"), tokens: 0 };
    const route = { routes: [{ id: "r", ...LOCAL_FALLBACK }], localUpstreams: ["ollama"], prices };
    expect(await planned(routesFor({ ...route, budgets: [{ ...budget, hardUsd: "1" }] }))).toEqual(["ollama/small local"]);
    expect(await refusal(routesFor({ ...route, budgets: [{ ...budget, hardUsd: "1", hardTokens: 10 }] }))).toMatchObject({
      code: "POLICY_DENIED",
    });
  });

  it("counts a call that is refused afterwards no longer", async () => {
    const routes = routesFor({ prices, budgets: [{ ...budget, hardTokens: 6_000 }] });
    const call = asked();
    await routes.plan(call);
    expect(await refusal(routes)).toMatchObject({ code: "POLICY_DENIED" });
    routes.release(call);
    expect(await planned(routes)).toEqual(["default/m cloud"]);
  });
});

describe("policy on a model", () => {
  const LOCAL = { routes: [{ id: "r", ...LOCAL_FALLBACK }], localUpstreams: ["ollama"] };
  /** Routes under a policy that allows some places, and what it was asked. */
  const under = (allows: (target: ModelTarget) => boolean, tooOften = false) => {
    const counted: string[] = [];
    const parsed = modelPolicy.parse({ v: 1, ...LOCAL });
    const mayCall: MayCall = (target, _call, { counts }) => {
      if (counts !== false) counted.push(named(target));
      const allowed = allows(target) && (counts === false || !tooOften);
      return { allowed, rules: ["r1"], reason: "r1 says so.", policyHash: "d".repeat(64) };
    };
    const deps = { clock, policy: () => parsed, upstreams: () => UPSTREAMS, usage: { spent: () => spent }, mayCall };
    return { routes: createModelRoutes(deps, { owner }), counted };
  };

  it("lets a denied route fall to its fallback only where policy allows that, and refuses where it allows neither", async () => {
    expect(await planned(under(() => true).routes)).toEqual(["openai/big cloud", "ollama/small local"]);
    expect(await planned(under(({ destination }) => destination === "local").routes)).toEqual(["ollama/small local"]);
    expect(await planned(under(({ destination }) => destination === "cloud").routes)).toEqual(["openai/big cloud"]);
    expect(await refusal(under(() => false).routes)).toMatchObject({
      code: "POLICY_DENIED",
      message: expect.stringContaining("r1 says so."),
    });
  });

  it("counts a call once, at the model that it goes to; one too many does not slip to the fallback", async () => {
    const { routes, counted } = under(() => true);
    await planned(routes);
    expect(counted).toEqual(["openai/big cloud"]);
    expect(await refusal(under(() => true, true).routes)).toMatchObject({ code: "POLICY_DENIED" });
  });

  it("gives the decision along, for the audit", async () => {
    const call = asked();
    const { target } = await under(() => true).routes.plan(call);
    expect(target.decision).toMatchObject({ allowed: true, rules: ["r1"] });
  });
});

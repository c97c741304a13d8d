import { describe, expect, it } from "vitest";
import { createModelRoutes, type NamedUpstream } from "../../../../guard/routes/model-routes.ts";
import { NO_AMOUNT } from "../../../../guard/routes/organisation-usage.ts";
import { testPort } from "../../../support/test-port.ts";
import { type ModelPolicy, modelPolicy } from "../../../../mesh/contract/model-policy.ts";
import { startGuardGateway, type TestGateway, type TestGatewayConfig } from "../../../support/guard-gateway.ts";
import { createRealClock } from "../../../support/real-clock.ts";
import { startRecordingUpstream, type UpstreamReply } from "../../../support/recording-upstream.ts";

const EMAIL = "ada.lovelace@example.org";
const owner = { tenant: "org", department: "finance", role: "finance", agent: "fiona.berg" };
const chat = { model: "m", stream: true, messages: [{ role: "user", content: `Write to ${EMAIL}.` }] };
const route = { id: "r", use: { upstream: "first", model: "big" }, fallback: { upstream: "second", model: "small" } };
const server = (name: string, baseUrl: string, local = false): NamedUpstream => ({ name, protocol: "openai", baseUrl, local });
const nobody = async (): Promise<string> => `http://127.0.0.1:${await testPort()}/v1`;

/** A gateway with two model servers under the names `first` and `second`. */
async function gatewayWith(
  upstreams: readonly NamedUpstream[],
  policy: Partial<Omit<ModelPolicy, "v">> = {},
  config: TestGatewayConfig = {},
): Promise<TestGateway> {
  const parsed = modelPolicy.parse({ v: 1, routes: [route], ...policy });
  const deps = { clock: createRealClock(), policy: () => parsed, upstreams: () => upstreams, usage: { spent: () => NO_AMOUNT } };
  const routes = createModelRoutes(deps, { owner });
  const calls: TestGateway["calls"] = [];
  const gateway = await startGuardGateway("unused", config, {
    routes,
    record: (call, planned) => {
      calls.push(call);
      if (planned !== undefined) routes.release(planned);
    },
  });
  return { ...gateway, calls };
}

describe("the gateway with two model servers", () => {
  it("answers from the fallback where the first can't be reached, under the fallback's model name", async () => {
    const second = await startRecordingUpstream(() => ({ say: "hello" }));
    const { post, calls } = await gatewayWith([server("first", await nobody()), server("second", second.baseUrl)]);
    const answer = await post(chat);
    expect(answer.status).toBe(200);
    expect(await answer.text()).toContain("data:");
    expect(JSON.parse(second.requests[0]?.raw ?? "{}")).toMatchObject({ model: "small" });
    await expect.poll(() => calls).toMatchObject([{ model: "m", served: { upstream: "second", model: "small" }, result: "ok" }]);
  });

  it.each([500, 503, 429])("answers from the fallback where the first says %i, and stops asking it after five times", async (status) => {
    const first = await startRecordingUpstream((): UpstreamReply => ({ status, body: "{}" }));
    const second = await startRecordingUpstream(() => ({ say: "hello" }));
    const { post } = await gatewayWith([server("first", first.baseUrl), server("second", second.baseUrl)]);
    for (let i = 0; i < 8; i += 1) expect((await post(chat)).status).toBe(200);
    expect(first.requests).toHaveLength(5);
    expect(second.requests).toHaveLength(8);
  });

  it("passes on what the first refuses: another model would not help", async () => {
    const first = await startRecordingUpstream((): UpstreamReply => ({ status: 400, body: "{}" }));
    const second = await startRecordingUpstream(() => ({ say: "hello" }));
    const { post } = await gatewayWith([server("first", first.baseUrl), server("second", second.baseUrl)]);
    expect((await post(chat)).status).toBe(400);
    expect(second.requests).toHaveLength(0);
  });

  it("masks anew for each destination: a local model's laxer rules never go along to the cloud", async () => {
    const local = { mode: "off" as const, classes: {} };
    const policy = { localUpstreams: ["first"] };
    const here = await startRecordingUpstream((): UpstreamReply => ({ status: 503, body: "{}" }));
    const cloud = await startRecordingUpstream(() => ({ say: "hello" }));
    const { post } = await gatewayWith([server("first", here.baseUrl, true), server("second", cloud.baseUrl)], policy, { local });
    expect((await post(chat)).status).toBe(200);
    expect(here.requests[0]?.raw, "the local server's own rules").toContain(EMAIL);
    expect(cloud.requests).toHaveLength(1);
    expect(cloud.requests[0]?.raw).not.toContain("lovelace");
    expect(cloud.requests[0]?.raw).toContain("EMAIL_");
  });

  it("takes a server for the cloud that only the machine calls local", async () => {
    const here = await startRecordingUpstream(() => ({ say: "hello" }));
    const { post } = await gatewayWith([server("first", here.baseUrl, true)], {}, { local: { mode: "off", classes: {} } });
    await post(chat);
    expect(here.requests[0]?.raw).not.toContain("lovelace");
  });

  it("lets one of two calls at once through where the hard limit leaves room for one, and says why it refuses the other", async () => {
    const go = Promise.withResolvers<UpstreamReply>();
    const first = await startRecordingUpstream(() => go.promise);
    const budgets = [{ id: "small", scope: "role" as const, period: "day" as const, hardTokens: 150 }];
    const { post } = await gatewayWith([server("first", first.baseUrl)], { budgets });
    const running = post({ ...chat, max_tokens: 50 });
    await expect.poll(() => first.requests.length).toBe(1);
    const refused = await post({ ...chat, max_tokens: 50 });
    expect(refused.status).toBe(403);
    expect(await refused.text()).toMatch(/budget small of role finance .* begins anew at \d{4}-\d\d-\d\dT00:00:00/);
    go.resolve({ say: "hello" });
    expect((await running).status).toBe(200);
    await (await running).text();
    await expect.poll(async () => (await post({ ...chat, max_tokens: 50 })).status).toBe(200);
  });

  it("warns in a header at a soft limit", async () => {
    const second = await startRecordingUpstream(() => ({ say: "hello" }));
    const budgets = [{ id: "small", scope: "role" as const, period: "day" as const, softTokens: 0 }];
    const { post } = await gatewayWith([server("first", await nobody()), server("second", second.baseUrl)], { budgets });
    expect((await post(chat)).headers.get("gaggle-budget-warning")).toBe("small");
  });
});

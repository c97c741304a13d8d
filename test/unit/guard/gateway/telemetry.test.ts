import { describe, expect, it } from "vitest";
import { GATEWAY_TOKEN, startGuardGateway } from "../../../support/guard-gateway.ts";
import { startRecordingUpstream } from "../../../support/recording-upstream.ts";

const body = { model: "m", messages: [{ role: "user", content: "hello" }] };
const traceparent = `00-${"a".repeat(32)}-${"b".repeat(16)}-01`;

describe("the gateway's telemetry", () => {
  it("gives metrics to whoever has the token, and to nobody else", async () => {
    const { baseUrl } = await startRecordingUpstream(() => ({ say: "ok" }));
    const { gateway } = await startGuardGateway(baseUrl, {}, { metrics: async () => "gaggle_agent_peers_connected 1\n" });
    const get = (headers: Record<string, string>): Promise<Response> => fetch(`${gateway.url}/metrics`, { headers });
    const answer = await get({ authorization: `Bearer ${GATEWAY_TOKEN}` });
    expect([answer.status, answer.headers.get("content-type"), await answer.text()]).toEqual([
      200,
      "text/plain; version=0.0.4; charset=utf-8",
      "gaggle_agent_peers_connected 1\n",
    ]);
    expect((await get({})).status).toBe(401);
    expect((await get({ authorization: `Bearer ${GATEWAY_TOKEN}`, origin: "https://example.org" })).status).toBe(403);
  });

  it("tells the trace to a server of the company's own, and never to a vendor", async () => {
    const upstream = await startRecordingUpstream(() => ({ say: "ok" }));
    const ids: string[] = [];
    const deps = {
      traceparent: ({ id }: { id: string }): string => {
        ids.push(id);
        return traceparent;
      },
    };
    const cloud = await startGuardGateway(upstream.baseUrl, {}, deps);
    await cloud.post(body);
    expect(upstream.requests[0]?.headers["traceparent"]).toBeUndefined();
    const routes = {
      plan: () => ({ target: { name: "own", upstream: { baseUrl: upstream.baseUrl }, model: "m", destination: "local" as const } }),
      settle: () => undefined,
      catalogue: () => ({ baseUrl: upstream.baseUrl }),
    };
    const own = await startGuardGateway(upstream.baseUrl, {}, { ...deps, routes });
    await own.post(body);
    expect(upstream.requests[1]?.headers["traceparent"]).toBe(traceparent);
    expect(ids).toEqual([own.calls[0]?.id]);
    expect(own.calls[0]?.id).toMatch(/^[0-9a-f]{32}$/);
  });
});

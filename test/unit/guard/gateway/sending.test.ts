import { createServer, request as httpRequest } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { describe, expect, it, onTestFinished } from "vitest";
import type { CallOutcome, CallPlan, ModelRoutes, ModelTarget, PlannedCall } from "../../../../guard/gateway/call-routes.ts";
import { GaggleError } from "../../../../mesh/contract/errors.ts";
import { createTokenSessions } from "../../../../guard/pseudonym/token-sessions.ts";
import { GATEWAY_TOKEN, startGuardGateway } from "../../../support/guard-gateway.ts";
import { createRealClock, realRandom } from "../../../support/real-clock.ts";
import { startRecordingUpstream, type UpstreamReply } from "../../../support/recording-upstream.ts";
import { SEAL } from "../../../support/vendor-answers.ts";

const EMAIL = "ada@example.org";
const CARD = "4111111111111111";
const body = { model: "asked", max_tokens: 50, messages: [{ role: "user", content: `mail ${EMAIL}, card ${CARD}` }] };
const say = (text: string) => (): UpstreamReply => ({ say: text });
const down = (): UpstreamReply => ({ status: 503, body: "{}" });

/** Routes with a fixed plan that note what they are asked and told. */
function notingRoutes(plan: CallPlan | GaggleError): ModelRoutes & { readonly planned: PlannedCall[]; readonly outcomes: CallOutcome[] } {
  const planned: PlannedCall[] = [];
  const outcomes: CallOutcome[] = [];
  return {
    planned,
    outcomes,
    plan: (call) => {
      planned.push(call);
      if (plan instanceof GaggleError) throw plan;
      return plan;
    },
    settle: (_call, outcome) => void outcomes.push(outcome),
    catalogue: () => {
      throw new GaggleError("GUARD_REFUSED", "none");
    },
  };
}

const target = (name: string, baseUrl: string, destination: ModelTarget["destination"] = "cloud"): ModelTarget => ({
  name,
  upstream: { baseUrl },
  model: `${name}-model`,
  destination,
});

describe("a call", () => {
  it("goes to the planned upstream under the planned model's name, and is settled with what it used", async () => {
    const upstream = await startRecordingUpstream(say("ok"));
    const routes = notingRoutes({ target: target("big", upstream.baseUrl), headers: { "gaggle-budget-warning": "month" } });
    const guard = await startGuardGateway(upstream.baseUrl, {}, { routes });
    const answer = await guard.post(body, { "agent-session-id": "s" });
    expect(answer.headers.get("gaggle-budget-warning")).toBe("month");
    expect(JSON.parse(upstream.requests[0]?.raw ?? "")).toMatchObject({ model: "big-model" });
    expect(routes.planned).toEqual([
      {
        sessionId: "s",
        askedModel: "asked",
        protocol: "openai-chat",
        task: "chat",
        maxOutputTokens: 50,
        estimatedTokens: expect.any(Number) as number,
      },
    ]);
    expect(routes.outcomes[0]).toMatchObject({
      result: "ok",
      status: 200,
      usage: { input: 3, cachedInput: 2, output: 4 },
      target: { name: "big" },
    });
    expect(guard.calls[0]).toMatchObject({ model: "asked", served: { upstream: "big", model: "big-model", destination: "cloud" } });
  });

  it.each([
    ["the highest of its limits", { max_tokens: 9_000, max_completion_tokens: 10 }, 9_000],
    ["its limit for each answer", { n: 3 }, 150],
    ["what is usual for each answer where it sets no limit", { n: 2, max_tokens: undefined }, 8_192],
    ["no number that is none", { n: -1, max_completion_tokens: "all" }, 50],
  ])("reserves %s", async (_name, more, most) => {
    const upstream = await startRecordingUpstream(say("ok"));
    const routes = notingRoutes({ target: target("big", upstream.baseUrl) });
    const guard = await startGuardGateway(upstream.baseUrl, {}, { routes });
    await guard.post({ ...body, ...more });
    expect(routes.planned[0]?.maxOutputTokens).toBe(most);
  });

  it.each([
    ["answers with 503", down],
    ["can't be reached", undefined],
  ])("goes to the fallback where the first target %s, by the rules of that destination", async (_name, first) => {
    const local = await startRecordingUpstream(say("local"));
    const firstUrl = first === undefined ? "http://127.0.0.1:1/v1" : (await startRecordingUpstream(first)).baseUrl;
    const routes = notingRoutes({ target: target("cloud", firstUrl), fallback: target("here", local.baseUrl, "local") });
    const profile = { local: { mode: "mask-and-forward" as const, classes: { EMAIL: "off" as const } } };
    const guard = await startGuardGateway(firstUrl, profile, { routes });
    const answer = await guard.post(body);
    expect(await answer.text()).toContain("local");
    expect(routes.outcomes.map(({ result, target: { name } }) => [name, result])).toEqual([
      ["cloud", "failed"],
      ["here", "ok"],
    ]);
    expect(local.requests[0]?.raw).toContain(EMAIL);
    expect(local.requests[0]?.raw).not.toContain(CARD);
    expect(guard.departures.map(({ served }) => served.upstream)).toEqual(["cloud", "here"]);
  });

  it("never takes a local model's sealed reasoning to another server", async () => {
    const local = await startRecordingUpstream(() => ({ say: "ok", thinks: `of ${EMAIL}` }));
    const cloud = await startRecordingUpstream(say("ok"));
    let plan: CallPlan = { target: target("here", local.baseUrl, "local") };
    const routes = { ...notingRoutes(plan), plan: () => plan };
    const guard = await startGuardGateway(local.baseUrl, { local: { mode: "off", classes: {} } }, { routes });
    const thought = { role: "assistant", content: [{ type: "thinking", thinking: `of ${EMAIL}`, signature: SEAL }] };
    const send = async (...messages: object[]): Promise<unknown> => {
      const asked = { model: "m", max_tokens: 10, messages: [...messages, { role: "user", content: "go on" }] };
      return (await guard.post(asked, { "agent-session-id": "s" }, "/v1/messages")).text();
    };
    await send();
    await send(thought);
    plan = { target: target("cloud", cloud.baseUrl) };
    await send(thought);
    expect(local.requests[1]?.raw).toContain(`of ${EMAIL}`);
    expect(cloud.requests[0]?.raw).toContain("Reasoning was left out here");
    expect(cloud.requests[0]?.raw).not.toContain(EMAIL);
  });

  it("with a class that is blocked for the cloud is refused before the fallback is tried", async () => {
    const local = await startRecordingUpstream(say("local"));
    const routes = notingRoutes({ target: target("cloud", local.baseUrl), fallback: target("here", local.baseUrl, "local") });
    const guard = await startGuardGateway(local.baseUrl, { classes: { CARD: "block" }, local: { mode: "off", classes: {} } }, { routes });
    expect((await guard.post(body)).status).toBe(403);
    expect([local.requests.length, guard.departures.length]).toEqual([0, 0]);
  });

  it("that nobody may serve is refused with the reason", async () => {
    const upstream = await startRecordingUpstream(say("ok"));
    const routes = notingRoutes(new GaggleError("POLICY_DENIED", "The budget of this month is used up."));
    const guard = await startGuardGateway(upstream.baseUrl, {}, { routes });
    const answer = await guard.post(body);
    expect(answer.status).toBe(403);
    expect(await answer.text()).toContain("The budget of this month is used up.");
    expect(guard.calls[0]).toMatchObject({ result: "denied", refusal: { code: "POLICY_DENIED" } });
    expect(upstream.requests).toEqual([]);
  });

  it("of a title or a summary is told from a chat's turns, in every API", async () => {
    const upstream = await startRecordingUpstream(say("ok"));
    const routes = notingRoutes({ target: target("m", upstream.baseUrl) });
    const guard = await startGuardGateway(upstream.baseUrl, {}, { routes, session: () => ({ unattended: true }) });
    const title = "Generate a short title (four words or less) for this conversation.\n\nRules";
    const ask = "---BEGIN HINTS---\nx";
    const session = { "agent-session-id": "s" };
    await guard.post(
      {
        model: "m",
        messages: [
          { role: "system", content: title },
          { role: "user", content: ask },
        ],
      },
      session,
    );
    await guard.post(
      {
        model: "m",
        input: [
          { role: "system", content: [{ type: "input_text", text: title }] },
          { role: "user", content: ask },
        ],
      },
      session,
      "/v1/responses",
    );
    await guard.post(
      { model: "m", system: [{ type: "text", text: title }], messages: [{ role: "user", content: ask }] },
      session,
      "/v1/messages",
    );
    await guard.post(
      {
        model: "m",
        messages: [
          { role: "system", content: title },
          { role: "user", content: "hello" },
        ],
      },
      session,
    );
    await guard.post(
      {
        model: "m",
        messages: [
          { role: "system", content: title },
          { role: "user", content: ask },
        ],
        tools: [],
      },
      session,
    );
    const summary = "Please summarize the conversation history provided in the system prompt.";
    const task = "## Task Context\n- An llm context limit was reached when a user was in a working session";
    await guard.post(
      {
        model: "m",
        messages: [
          { role: "system", content: task },
          { role: "user", content: summary },
        ],
      },
      session,
    );
    expect(routes.planned.map((call) => call.task)).toEqual(["title", "title", "title", "unattended", "unattended", "summary"]);
  });
});

describe("an answer that breaks off", () => {
  it("has used what was said until then, also where the server tells its output last", async () => {
    const start = { type: "message_start", message: { usage: { input_tokens: 30, output_tokens: 1 } } };
    const delta = { type: "content_block_delta", index: 0, delta: { type: "text_delta", text: "on and on" } };
    const server = createServer((_request, response) => {
      response.writeHead(200, { "content-type": "text/event-stream" });
      const text = [start, ...Array.from({ length: 500 }, () => delta)].map((event) => `data: ${JSON.stringify(event)}\n\n`).join("");
      response.write(text, () => setTimeout(() => response.destroy(), 50));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    onTestFinished(() => void server.close());
    const routes = notingRoutes({ target: target("vendor", `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`) });
    const guard = await startGuardGateway("http://127.0.0.1:1/v1", {}, { routes });
    const answer = await guard.post({ ...body, stream: true }, {}, "/v1/messages");
    await expect(answer.text()).rejects.toThrow("terminated");
    expect(routes.outcomes[0]).toMatchObject({ result: "failed", usage: { input: 30, output: 501 } });
  });
});

describe("a long answer of a server that tells no usage", () => {
  it("has used a token an event", async () => {
    const server = createServer((_request, response) => {
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.end(`data: {"choices":[{"index":0,"delta":{"content":"on "}}]}\n\n`.repeat(5_000));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    onTestFinished(() => void server.close());
    const routes = notingRoutes({ target: target("vendor", `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`) });
    const guard = await startGuardGateway("http://127.0.0.1:1/v1", {}, { routes });
    await (await guard.post({ ...body, stream: true })).text();
    expect(routes.outcomes[0]).toMatchObject({ result: "ok", usage: { input: 0, output: 5_000 } });
  });
});

describe("nothing leaves", () => {
  it("where the call can't be recorded", async () => {
    const upstream = await startRecordingUpstream(say("ok"));
    const guard = await startGuardGateway(
      upstream.baseUrl,
      {},
      { depart: () => Promise.reject(new GaggleError("STORE_FAILED", "The store failed.")) },
    );
    expect((await guard.post(body)).status).toBe(403);
    expect(upstream.requests).toEqual([]);
    expect(guard.calls[0]).toMatchObject({ result: "denied", refusal: { code: "STORE_FAILED" } });
  });

  it("before the session's tokens are on the disk", async () => {
    const upstream = await startRecordingUpstream(say("ok"));
    const sessions = createTokenSessions(
      { clock: createRealClock(), random: realRandom },
      { epochs: [{ epoch: 1, key: new Uint8Array(32).fill(7) }] },
    );
    const failing = { ...sessions.temporary(), settle: () => Promise.reject(new GaggleError("STORE_FAILED", "The store failed.")) };
    const guard = await startGuardGateway(upstream.baseUrl, {}, { sessions: { ...sessions, temporary: () => failing } });
    expect((await guard.post(body)).status).toBe(403);
    expect(upstream.requests).toEqual([]);
  });

  it("where looking through takes too long, or finds fewer texts than there are", async () => {
    const upstream = await startRecordingUpstream(say("ok"));
    const never = { detect: () => new Promise<never>(() => undefined) };
    const slow = await startGuardGateway(upstream.baseUrl, { detectTimeoutMs: 50 }, { detection: never });
    expect(await (await slow.post(body)).text()).toContain("in time");
    const short = await startGuardGateway(upstream.baseUrl, {}, { detection: { detect: async () => [] } });
    expect((await short.post(body)).status).toBe(403);
    expect(upstream.requests).toEqual([]);
  });

  it("of a compressed request, one that is too large, or one that never ends", async () => {
    const upstream = await startRecordingUpstream(say("ok"));
    const guard = await startGuardGateway(upstream.baseUrl, { maxRequestBytes: 1_000, requestTimeoutMs: 100 });
    expect((await guard.post(body, { "content-encoding": "gzip" })).status).toBe(403);
    const claimed = await new Promise<number | undefined>((resolve, reject) => {
      const headers = { authorization: `Bearer ${GATEWAY_TOKEN}`, "content-length": "100000" };
      const sent = httpRequest(`${guard.gateway.url}/v1/responses`, { method: "POST", headers }, (response) => {
        response.resume();
        resolve(response.statusCode);
        sent.destroy();
      });
      sent.on("error", reject);
      sent.write("{");
    });
    expect(claimed).toBe(403);
    const { hostname, port } = new URL(guard.gateway.url);
    const socket = connect(Number(port), hostname);
    socket.write(
      `POST /v1/messages HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nAuthorization: Bearer ${GATEWAY_TOKEN}\r\nContent-Length: 100\r\n\r\n{`,
    );
    let said = "";
    for await (const piece of socket) said += String(piece);
    expect(said).toMatch(/^HTTP\/1\.1 (?:408|403)/);
    expect(upstream.requests).toEqual([]);
  });
});

describe("a session", () => {
  it("of an unattended run has tokens and a name of its own, even with the id of a person's chat", async () => {
    const upstream = await startRecordingUpstream(say("ok"));
    const asked: string[] = [];
    const session = (id: string) => {
      asked.push(id);
      return id === "run:1" ? { unattended: true } : undefined;
    };
    const guard = await startGuardGateway(upstream.baseUrl, { unregistered: "refuse" }, { session });
    expect((await guard.post(body, { "agent-session-id": "1" })).status).toBe(403);
    expect((await guard.post(body, { "agent-session-id": "1", "x-gaggle-run": "1" })).status).toBe(200);
    expect((await guard.post(body)).status).toBe(403);
    expect(asked).toEqual(["1", "run:1"]);
    expect(guard.calls[1]).toMatchObject({ sessionId: "run:1", task: "unattended" });
  });
});

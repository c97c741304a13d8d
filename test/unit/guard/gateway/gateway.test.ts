import { createServer, request as httpRequest } from "node:http";
import { type AddressInfo, Server } from "node:net";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { GATEWAY_TOKEN, startGuardGateway } from "../../../support/guard-gateway.ts";
import { startRecordingUpstream, type UpstreamReply } from "../../../support/recording-upstream.ts";

const EMAIL = "ada@example.org";
const IBAN = "DE89370400440532013000";
const CARD = "4111111111111111";
const DNI = "12345678Z";
const SECRET = ["AKIA", "ABCDEFGHIJKLMNOP"].join("");

const user = (content: unknown): object => ({ role: "user", content });
const chat = (...messages: object[]): Record<string, unknown> => ({ model: "m", messages });
const call = (args: string): object => ({
  role: "assistant",
  content: null,
  tool_calls: [{ id: "call_1", type: "function", function: { name: "f", arguments: args } }],
});
const say = (text: string) => (): UpstreamReply => ({ say: text });
const echoUser = (body: { messages: readonly { content?: unknown }[] }): UpstreamReply => ({ say: String(body.messages[0]?.content) });

interface Answer {
  readonly error?: { readonly code: string; readonly message: string; readonly param: string | null };
  readonly choices?: readonly {
    readonly message: { readonly content: string; readonly tool_calls?: readonly { readonly function: { readonly arguments: string } }[] };
  }[];
}
const read = async (response: Response): Promise<Answer> => (await response.json()) as Answer;

describe("what reaches the model", () => {
  it("is nothing of a request that is nested without end", async () => {
    const upstream = await startRecordingUpstream(say("ok"));
    const { post, calls, faults } = await startGuardGateway(upstream.baseUrl);
    const bomb = `{"model":"m","messages":[{"role":"user","content":${"[".repeat(200_000)}${"]".repeat(200_000)}}]}`;
    const refused = await post(bomb);
    expect([refused.status, (await read(refused)).error?.code]).toEqual([403, "GUARD_REFUSED"]);
    expect([upstream.requests, faults]).toEqual([[], []]);
    expect(calls).toHaveLength(1);
  });

  it("holds no value from any place of a request", { timeout: 30_000 }, async () => {
    const upstream = await startRecordingUpstream(say("ok"));
    const { post, calls } = await startGuardGateway(upstream.baseUrl);
    const response = await post({
      ...chat(
        { role: "system", content: `You serve ${EMAIL}` },
        { role: "user", name: "ada", content: [{ type: "text", text: `pay ${IBAN}` }] },
        { role: "assistant", content: `I asked ${EMAIL}`, reasoning_content: `${DNI} is hers` },
        call(
          JSON.stringify({
            to: EMAIL,
            card: Number(CARD),
            [`${EMAIL}.x`]: 1,
            nested: JSON.stringify({ deep: JSON.stringify({ iban: IBAN }) }),
          }),
        ),
        { role: "tool", tool_call_id: "call_1", content: JSON.stringify({ rows: [{ national_id: DNI, email: EMAIL }] }) },
      ),
      tools: [
        {
          type: "function",
          function: {
            name: "f",
            description: `Ask ${EMAIL}`,
            parameters: { type: "object", properties: { to: { type: "string", enum: [EMAIL] } } },
          },
        },
      ],
      user: EMAIL,
      metadata: { who: EMAIL },
      stop: [EMAIL],
      response_format: { type: "json_schema", json_schema: { name: "x", schema: { type: "object", description: EMAIL } } },
      temperature: 0.2,
      stream_options: { include_usage: true },
    });
    expect(response.status, await response.clone().text()).toBe(200);
    const raw = upstream.requests[0]?.raw ?? "";
    for (const value of [EMAIL, IBAN, CARD, DNI, "example.org"]) expect(raw).not.toContain(value);
    const args =
      (JSON.parse(raw) as { messages: { tool_calls?: { function: { arguments: string } }[] }[] }).messages[3]?.tool_calls?.[0]?.function
        .arguments ?? "";
    expect(Object.keys(JSON.parse(args) as object)).toEqual(["to", "card", expect.stringMatching(/^EMAIL_\w{10}/), "nested"]);
    expect(JSON.parse(args)).toMatchObject({ card: expect.stringMatching(/^CARD_\w{10}$/) as string });
    expect(calls[0]).toMatchObject({ sessionId: "none", result: "ok", tokens: 7, status: 200, requestBytes: expect.any(Number) as number });
  });

  it.each([
    ["escaped characters", String.raw`{"e":"ada\u0040example.org","i":"\u0044E89370400440532013000"}`],
    [
      "escapes of escapes",
      JSON.stringify({
        a: JSON.stringify({ b: String.raw`{"e":"ada\u0040example.org"}` }),
        i: String.raw`{"\u0044E89370400440532013000":1}`,
      }),
    ],
    ["escaped slashes and line ends", String.raw`{"t":"\nada@example.org\r\nIBAN\/DE89370400440532013000"}`],
    ["numbers", `{"card":${CARD},"float":${CARD}.0,"power":4.111111111111111e15,"e":"${EMAIL}","i":"${IBAN}"}`],
    ["spaced and lower-case forms", '{"i":"de89 3704 0044 0532 0130 00","e":"ADA@EXAMPLE.ORG"}'],
  ])("is clean of %s, in arguments, results and prompts", async (_name, json) => {
    const upstream = await startRecordingUpstream(say("ok"));
    const { post } = await startGuardGateway(upstream.baseUrl);
    const response = await post(chat(call(json), { role: "tool", tool_call_id: "call_1", content: json }, user(`See ${json}`)));
    expect(response.status).toBe(200);
    const body = JSON.parse(upstream.requests[0]?.raw ?? "") as {
      messages: [{ tool_calls: { function: { arguments: string } }[] }, { content: string }, { content: string }];
    };
    const args = body.messages[0].tool_calls[0]?.function.arguments ?? "";
    expect(() => JSON.parse(args) as unknown).not.toThrow();
    for (const text of [args, body.messages[1].content, body.messages[2].content]) {
      // As a program would read it, however deep.
      const read = text
        .replace(/\\+u([0-9a-f]{4})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
        .replace(/\s/g, "")
        .toLowerCase();
      for (const value of [EMAIL, IBAN.toLowerCase(), CARD, "4.111111111111111e15", "example.org"]) expect(read).not.toContain(value);
    }
  });

  it("is never to be kept at the vendor, and gets no field that was not asked for", async () => {
    const upstream = await startRecordingUpstream(say("ok"));
    const { post } = await startGuardGateway(upstream.baseUrl);
    for (const more of [{ store: true }, {}]) await post({ ...chat(user("x")), ...more });
    const [stored, plain] = upstream.requests.map(({ raw }) => JSON.parse(raw) as object);
    expect(stored).toMatchObject({ store: false });
    expect(plain).not.toHaveProperty("store");
  });

  it("is clean of metadata that only its own name explains", async () => {
    const upstream = await startRecordingUpstream(say("ok"));
    const { post } = await startGuardGateway(upstream.baseUrl);
    const personal = { birth_date: "1985-03-12", phone: "030 1234567", passport_number: "C01X00T47" };
    await post({ ...chat(user("hello")), metadata: { ...personal, team: "close" } });
    const raw = upstream.requests[0]?.raw ?? "";
    for (const value of Object.values(personal)) expect(raw).not.toContain(value);
    expect((JSON.parse(raw) as { metadata: object }).metadata).toMatchObject({
      birth_date: expect.stringMatching(/^BIRTH_DATE_\w{10}$/) as string,
      team: "close",
    });
  });

  it("is clean of a value that only another message explains", async () => {
    const upstream = await startRecordingUpstream(say("ok"));
    const { post } = await startGuardGateway(upstream.baseUrl);
    await post(chat(user("What about 0171 2345678?"), user("Her phone is 0171 2345678.")));
    expect(upstream.requests[0]?.raw).not.toContain("2345678");
  });

  it("keeps its tokens within a session, and has others in the next", async () => {
    const upstream = await startRecordingUpstream(say("ok"));
    const { post } = await startGuardGateway(upstream.baseUrl);
    for (const session of ["a", "a", "b"]) await post(chat(user(`pay ${IBAN}`)), { "agent-session-id": session });
    const [first, second, third] = upstream.requests.map((request) => request.raw);
    expect(first).toBe(second);
    expect(first).not.toBe(third);
  });
});

describe("what comes back", () => {
  it("has its values again, whole and streamed, also where a token is cut", async () => {
    const upstream = await startRecordingUpstream(echoUser, 1);
    const { post } = await startGuardGateway(upstream.baseUrl);
    const text = `Mail ${EMAIL}, pay ${IBAN}; EMAIL_12 stays.`;
    expect((await read(await post(chat(user(text))))).choices?.[0]?.message.content).toBe(text);
    const streamed = await (await post({ ...chat(user(text)), stream: true })).text();
    const pieces = streamed.split("\n\n").filter((event) => event.startsWith("data: {"));
    const content = pieces
      .map((event) => (JSON.parse(event.slice(6)) as { choices: { delta: { content?: string } }[] }).choices[0]?.delta.content ?? "")
      .join("");
    expect(content).toBe(text);
    expect(streamed.trimEnd().endsWith("data: [DONE]")).toBe(true);
    expect(streamed).toContain('"total_tokens":7');
  });

  it("restores arguments as valid JSON, whole and streamed", async () => {
    const block = ["-----BEGIN ", "PRIVATE KEY-----\nMIIB\n-----END ", "PRIVATE KEY-----"].join("");
    const upstream = await startRecordingUpstream(
      (body) => ({ tool: "f", argumentsJson: JSON.stringify({ key: String(body.messages[0]?.content) }) }),
      2,
    );
    const { post } = await startGuardGateway(upstream.baseUrl);
    const whole = (await read(await post(chat(user(block))))).choices?.[0]?.message.tool_calls?.[0]?.function.arguments ?? "";
    expect(JSON.parse(whole)).toEqual({ key: block });
    const streamed = await (await post({ ...chat(user(block)), stream: true })).text();
    const pieces = streamed.split("\n\n").filter((event) => event.startsWith("data: {"));
    const args = pieces.flatMap(
      (event) =>
        (JSON.parse(event.slice(6)) as { choices: { delta: { tool_calls?: { function?: { arguments?: string } }[] } }[] }).choices[0]?.delta
          .tool_calls ?? [],
    );
    expect(JSON.parse(args.map((each) => each.function?.arguments ?? "").join(""))).toEqual({ key: block });
  });

  it("leaves tokens of other sessions as they are", async () => {
    const upstream = await startRecordingUpstream(say("EMAIL_Q1T2QTETNN"));
    const { post } = await startGuardGateway(upstream.baseUrl);
    await post(chat(user(EMAIL)), { "agent-session-id": "a" });
    expect((await read(await post(chat(user("hi")), { "agent-session-id": "b" }))).choices?.[0]?.message.content).toBe("EMAIL_Q1T2QTETNN");
    expect((await read(await post(chat(user("hi")), { "agent-session-id": "a" }))).choices?.[0]?.message.content).toBe(EMAIL);
  });

  it("is not fooled by a token that a text planted", async () => {
    const upstream = await startRecordingUpstream((body) => ({ say: String(body.messages[1]?.content) }));
    const { post } = await startGuardGateway(upstream.baseUrl);
    const answer = await read(await post(chat(user(EMAIL), user("send it to EMAIL_Q1T2QTETNN"))));
    expect(upstream.requests[0]?.raw).toContain("send it to LITERAL_");
    expect(answer.choices?.[0]?.message.content).toBe("send it to EMAIL_Q1T2QTETNN");
  });

  it("passes the model's own refusals on, with their status", async () => {
    const upstream = await startRecordingUpstream(() => ({
      status: 429,
      body: JSON.stringify({ error: { message: "slow down", code: "rate" } }),
    }));
    const { post, calls } = await startGuardGateway(upstream.baseUrl);
    const response = await post(chat(user("hi")));
    expect([response.status, response.headers.get("retry-after"), (await read(response)).error?.message]).toEqual([429, "7", "slow down"]);
    expect(calls[0]).toMatchObject({ result: "failed", status: 429 });
  });
});

describe("what is refused", () => {
  it.each([
    ["an image", chat(user([{ type: "image_url", image_url: { url: "https://x" } }])), "messages[0].content[0]"],
    [
      "a file",
      chat(
        user([
          { type: "text", text: "x" },
          { type: "file", file: {} },
        ]),
      ),
      "messages[0].content[1]",
    ],
    ["an unknown role", chat({ role: "function", content: "x" }), "messages[0]"],
    ["an unknown field of a message", chat({ ...user("x"), audio: { id: "x" } }), "messages[0].audio"],
    ["an unknown field of the request", { ...chat(user("x")), prediction: { content: "x" } }, "prediction"],
    [
      "a personal name of a tool",
      { ...chat(user("x")), tools: [{ type: "function", function: { name: IBAN } }] },
      "tools[0].function.name",
    ],
    ["a tool that is no function", { ...chat(user("x")), tools: [{ type: "web_search" }] }, "tools[0]"],
    ["messages that are no list", { model: "m", messages: "x" }, "messages"],
  ])("%s, naming the place", async (_name, body, where) => {
    const upstream = await startRecordingUpstream(say("ok"));
    const { post, calls } = await startGuardGateway(upstream.baseUrl);
    const response = await post(body);
    expect(response.status).toBe(403);
    expect((await read(response)).error).toMatchObject({ code: "GUARD_REFUSED", param: where });
    expect(upstream.requests).toEqual([]);
    expect(calls[0]).toMatchObject({ result: "denied", refusal: { where } });
  });

  it("broken JSON, bytes that are no UTF-8, too large a body, a long session id", async () => {
    const upstream = await startRecordingUpstream(say("ok"));
    const { post, gateway } = await startGuardGateway(upstream.baseUrl, { maxRequestBytes: 1_000 });
    expect((await post("{")).status).toBe(403);
    const bytes = await fetch(`${gateway.url}/v1/chat/completions`, {
      method: "POST",
      headers: { authorization: `Bearer ${GATEWAY_TOKEN}` },
      body: new Uint8Array([0x22, 0xff, 0x22]),
    });
    expect(bytes.status).toBe(403);
    expect((await read(await post(chat(user("x".repeat(1_000)))))).error?.code).toBe("TOO_LARGE");
    expect((await post(chat(user("x")), { "agent-session-id": "x".repeat(201) })).status).toBe(403);
    expect(upstream.requests).toEqual([]);
  });

  it("session ids that would open the map of a run or a task, or say something in the records", async () => {
    const upstream = await startRecordingUpstream(say("ok"));
    const { post, calls } = await startGuardGateway(upstream.baseUrl);
    for (const id of ["run:20261120_1", "task:0192a1b2-0000-7000-8000-000000000000", "../20261120_1", `of ${EMAIL}`])
      expect((await post(chat(user("x")), { "agent-session-id": id })).status).toBe(403);
    expect(upstream.requests).toEqual([]);
    expect(calls.map(({ sessionId }) => sessionId)).toEqual(["none", "none", "none", "none"]);
  });

  it("a model's name that says something, which no record repeats", async () => {
    const upstream = await startRecordingUpstream(say("ok"));
    const masked = await startGuardGateway(upstream.baseUrl);
    expect((await masked.post({ ...chat(user("x")), model: EMAIL })).status).toBe(403);
    const off = await startGuardGateway(upstream.baseUrl, { mode: "off" });
    expect((await off.post({ ...chat(user("x")), model: `for ${EMAIL}` })).status).toBe(200);
    expect(JSON.stringify([masked.calls, off.calls, off.departures])).not.toContain(EMAIL);
  });

  it("secrets in strict mode, without saying them", async () => {
    const upstream = await startRecordingUpstream(say("ok"));
    const { post, faults } = await startGuardGateway(upstream.baseUrl, { mode: "strict" });
    const response = await post(chat(user("hi"), user(`use ${SECRET}`)));
    const text = await response.text();
    expect(response.status).toBe(403);
    expect(text).toContain("class SECRET stands at messages[1].content");
    expect(text).not.toContain(SECRET);
    expect((await post(chat(user(EMAIL)))).status).toBe(200);
    expect(faults).toEqual([]);
  });

  it("everything when the detector fails", async () => {
    const upstream = await startRecordingUpstream(say("ok"));
    const broken = {
      detect: () => Promise.reject(new Error("broken")),
    };
    const { post, faults, calls } = await startGuardGateway(upstream.baseUrl, {}, { detection: broken });
    expect((await post(chat(user("x")))).status).toBe(403);
    expect([upstream.requests.length, faults.length, calls[0]?.result]).toEqual([0, 1, "denied"]);
  });

  it("sessions that are not admitted", async () => {
    const upstream = await startRecordingUpstream(say("ok"));
    const { post } = await startGuardGateway(
      upstream.baseUrl,
      { unregistered: "refuse" },
      { session: (id) => (id === "known" ? { unattended: false } : undefined) },
    );
    expect((await read(await post(chat(user("x")), { "agent-session-id": "other" }))).error?.code).toBe("SESSION_UNKNOWN");
    expect((await post(chat(user("x")))).status).toBe(403);
    expect((await post(chat(user("x")), { "agent-session-id": "known" })).status).toBe(200);
  });
});

describe("modes", () => {
  it("off and detect-only send the request as it is; detect-only counts", async () => {
    const upstream = await startRecordingUpstream(say("ok"));
    const off = await startGuardGateway(upstream.baseUrl, { mode: "off" });
    const detect = await startGuardGateway(upstream.baseUrl, { mode: "detect-only" });
    const body = chat(user(`to ${EMAIL}`), user([{ type: "image_url" }]));
    await off.post(body);
    await detect.post(body);
    expect(upstream.requests.map((request) => JSON.parse(request.raw) as unknown)).toEqual([body, body]);
    expect([off.calls[0]?.passed, off.calls[0]?.redactions, detect.calls[0]?.redactions]).toEqual([[], [], []]);
    expect(detect.calls[0]?.passed).toEqual([
      { class: "EMAIL", count: 1 },
      { class: "UNREADABLE", count: 1 },
    ]);
  });
});

describe("the door", () => {
  /** `fetch` won't send a Host of one's own. */
  const status = (url: string, headers: Record<string, string>): Promise<number | undefined> =>
    new Promise((resolve, reject) => {
      httpRequest(`${url}/v1/models`, { headers: { authorization: `Bearer ${GATEWAY_TOKEN}`, ...headers } }, (response) => {
        response.resume();
        resolve(response.statusCode);
      })
        .on("error", reject)
        .end();
    });

  it("opens to the token alone, not to other hosts' names or to pages", async () => {
    const upstream = await startRecordingUpstream(say("ok"));
    const { gateway } = await startGuardGateway(upstream.baseUrl);
    const port = new URL(gateway.url).port;
    expect(await status(gateway.url, {})).toBe(200);
    expect(await status(gateway.url, { host: `localhost:${port}` })).toBe(200);
    expect(await status(gateway.url, { authorization: "Bearer wrong" })).toBe(401);
    expect(await status(gateway.url, { authorization: GATEWAY_TOKEN })).toBe(401);
    expect(await status(gateway.url, { host: `evil.example:${port}` })).toBe(403);
    expect(await status(gateway.url, { host: "127.0.0.1:1" })).toBe(403);
    expect(await status(gateway.url, { origin: "https://evil.example" })).toBe(403);
  });

  it("leads to chat completions and models alone", async () => {
    const upstream = await startRecordingUpstream(say("ok"));
    const { gateway } = await startGuardGateway(upstream.baseUrl);
    for (const [method, path] of [
      ["POST", "/v1/embeddings"],
      ["GET", "/v1/chat/completions"],
      ["POST", "/v1/models"],
      ["GET", "/"],
    ]) {
      const response = await fetch(`${gateway.url}${path}`, {
        method: method ?? "GET",
        headers: { authorization: `Bearer ${GATEWAY_TOKEN}` },
      });
      expect(response.status).toBe(403);
    }
    expect(upstream.requests).toEqual([]);
  });

  it("needs a long token", async () => {
    await expect(startGuardGateway("http://127.0.0.1:1/v1", { token: "short" })).rejects.toMatchObject({ code: "INVALID_INPUT" });
  });
});

describe("the model's server", () => {
  it("that can't be reached, is silent, redirects or sends no JSON is a 502", async () => {
    const { post } = await startGuardGateway("http://127.0.0.1:1/v1");
    expect((await read(await post(chat(user("x"))))).error?.code).toBe("UPSTREAM_FAILED");
    const silent = await startRecordingUpstream(() => new Promise(() => undefined));
    expect((await (await startGuardGateway(silent.baseUrl, { firstByteTimeoutMs: 100 })).post(chat(user("x")))).status).toBe(502);
    const redirect = await startRecordingUpstream(() => ({ status: 302, body: "" }));
    expect((await (await startGuardGateway(redirect.baseUrl)).post(chat(user("x")))).status).toBe(502);
    const page = await startRecordingUpstream(() => ({ status: 200, body: "<html>" }));
    expect((await (await startGuardGateway(page.baseUrl)).post(chat(user("x")))).status).toBe(502);
  });

  it("can't put a line of its own between events by an event's name", async () => {
    const server = createServer((_request, response) => {
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.end(`data: ${JSON.stringify({ type: 'x\ndata: {"type":"forged"}\n' })}\n\n`);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    onTestFinished(() => void server.close());
    const { post } = await startGuardGateway(`http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`);
    const text = await (await post({ model: "m", max_tokens: 9, stream: true, messages: [user("x")] }, {}, "/v1/messages")).text();
    expect(text.split("\n").filter((line) => line !== "")).toEqual([expect.stringMatching(/^data: \{"type":"x\\ndata/)]);
  });

  it("is made also after a connection that the system could not hand over", async () => {
    const upstream = await startRecordingUpstream(say("fine"));
    const listen = vi.spyOn(Server.prototype, "listen");
    const { post, faults } = await startGuardGateway(upstream.baseUrl);
    const failed = Object.assign(new Error("accept ENFILE"), { code: "ENFILE" });
    (listen.mock.contexts.at(-1) as Server).emit("error", failed);
    listen.mockRestore();
    expect(faults).toEqual([failed]);
    expect((await post(chat(user("x")))).status).toBe(200);
  });

  it("is let go when the client goes", async () => {
    let gone: () => void = () => undefined;
    const left = new Promise<void>((resolve) => {
      gone = resolve;
    });
    const controller = new AbortController();
    const upstream = await startRecordingUpstream(() => {
      controller.abort();
      return new Promise(() => undefined);
    });
    const { gateway } = await startGuardGateway(upstream.baseUrl, {}, { record: () => gone() });
    const pending = fetch(`${gateway.url}/v1/chat/completions`, {
      method: "POST",
      signal: controller.signal,
      headers: { authorization: `Bearer ${GATEWAY_TOKEN}` },
      body: JSON.stringify(chat(user("x"))),
    });
    await expect(pending).rejects.toThrow("abort");
    await left;
  });
});

import { describe, expect, it } from "vitest";
import { startGuardGateway, type TestGateway } from "../../../support/guard-gateway.ts";
import { readStream } from "../../../support/read-stream.ts";
import { type RecordingUpstream, startRecordingUpstream, type UpstreamReply } from "../../../support/recording-upstream.ts";
import { SEAL } from "../../../support/vendor-answers.ts";

const EMAIL = "ada@example.org";
const IBAN = "DE89370400440532013000";
const CARD = "4111111111111111";
const PHONE = "+46 70-439 23 94";
const SECRET = ["AKIA", "ABCDEFGHIJKLMNOP"].join("");
const VALUES = [EMAIL, "example.org", IBAN, CARD, PHONE, "439 23 94"];
const TOKEN = /(?:EMAIL|IBAN|CARD|PHONE)_[0-9A-Z]{10}/g;

const RESPONSES = "/v1/responses";
const MESSAGES = "/v1/messages";
const say = (text: string) => (): UpstreamReply => ({ say: text });
const png = "data:image/png;base64,iVBORw0KGgo=";
const textFile = (text: string): string => `data:text/csv;base64,${Buffer.from(text).toString("base64")}`;

/** A request of the responses API with a value in every place. */
const response = {
  model: "gpt-5-x",
  instructions: `You serve ${EMAIL}`,
  input: [
    { type: "message", role: "developer", content: `They pay ${IBAN}` },
    {
      role: "user",
      content: [
        { type: "input_text", text: `call ${PHONE}` },
        { type: "input_file", filename: "a.csv", file_data: textFile(`email\n${EMAIL}\n`) },
      ],
    },
    {
      type: "message",
      id: "msg_1",
      role: "assistant",
      status: "completed",
      content: [{ type: "output_text", text: `I asked ${EMAIL}`, annotations: [], logprobs: [] }],
    },
    {
      type: "function_call",
      id: "fc_1",
      call_id: "call_1",
      name: "f",
      arguments: JSON.stringify({ to: EMAIL, card: Number(CARD) }),
      status: "completed",
    },
    { type: "function_call_output", call_id: "call_1", output: JSON.stringify({ rows: [{ iban: IBAN }] }) },
    { type: "function_call_output", call_id: "call_2", output: [{ type: "input_text", text: `to ${EMAIL}` }] },
    { type: "custom_tool_call", call_id: "call_3", name: "g", input: `mail ${EMAIL}` },
    { type: "custom_tool_call_output", call_id: "call_3", output: `sent to ${EMAIL}` },
    { type: "reasoning", id: "rs_1", summary: [{ type: "summary_text", text: `${EMAIL} wants it` }] },
  ],
  tools: [
    {
      type: "function",
      name: "f",
      description: `Ask ${EMAIL}`,
      parameters: { type: "object", properties: { to: { enum: [EMAIL] } } },
      strict: false,
    },
  ],
  text: { format: { type: "json_schema", name: "x", schema: { type: "object", description: EMAIL } }, verbosity: "low" },
  metadata: { who: EMAIL },
  user: EMAIL,
  safety_identifier: EMAIL,
  prompt_cache_key: EMAIL,
  include: ["reasoning.encrypted_content"],
  reasoning: { effort: "low", summary: "auto" },
  max_output_tokens: 128_000,
  tool_choice: "auto",
  temperature: 0.2,
};

/** A request of the messages API with a value in every place. */
const message = {
  model: "claude-x",
  max_tokens: 64_000,
  system: [{ type: "text", text: `You serve ${EMAIL}`, cache_control: { type: "ephemeral" } }],
  messages: [
    { role: "user", content: `call ${PHONE}` },
    {
      role: "assistant",
      content: [
        { type: "text", text: `I ask ${EMAIL}` },
        { type: "tool_use", id: "toolu_1", name: "f", input: { to: EMAIL, card: Number(CARD), nested: JSON.stringify({ iban: IBAN }) } },
      ],
    },
    {
      role: "user",
      content: [
        { type: "tool_result", tool_use_id: "toolu_1", content: `iban: ${IBAN}`, is_error: false, cache_control: { type: "ephemeral" } },
        { type: "tool_result", tool_use_id: "toolu_2", content: [{ type: "text", text: EMAIL }] },
        { type: "document", title: "a.csv", source: { type: "text", media_type: "text/plain", data: `pay ${IBAN}` } },
        { type: "document", source: { type: "base64", media_type: "text/csv", data: Buffer.from(`to ${EMAIL}`).toString("base64") } },
        { type: "search_result", source: EMAIL, title: EMAIL, content: [{ type: "text", text: EMAIL }] },
      ],
    },
  ],
  tools: [{ name: "f", description: `Ask ${EMAIL}`, input_schema: { type: "object", properties: { to: { enum: [EMAIL] } } } }],
  metadata: { user_id: EMAIL },
  stop_sequences: [EMAIL],
  thinking: { type: "enabled", budget_tokens: 2_000 },
  tool_choice: { type: "auto" },
};

async function world(reply: Parameters<typeof startRecordingUpstream>[0], config: Parameters<typeof startGuardGateway>[1] = {}) {
  const upstream = await startRecordingUpstream(reply);
  return { upstream, ...(await startGuardGateway(upstream.baseUrl, config)) };
}

async function sentBy({ post, upstream }: TestGateway & { upstream: RecordingUpstream }, body: object, path: string): Promise<string> {
  const answer = await post(body, {}, path);
  expect(answer.status, await answer.clone().text()).toBe(200);
  return upstream.requests.at(-1)?.raw ?? "";
}

describe.each([
  ["responses", RESPONSES, response],
  ["messages", MESSAGES, message],
])("a request of the %s API", (_name, path, body) => {
  it("reaches the model without a value from any of its places, at the same path", { timeout: 30_000 }, async () => {
    const guard = await world(say("ok"));
    const raw = await sentBy(guard, body, path);
    const seen = JSON.stringify(JSON.parse(raw)).replaceAll("\\", "");
    for (const value of VALUES) expect(seen).not.toContain(value);
    expect(guard.upstream.requests[0]?.path).toBe(path.slice(3));
    expect(seen.match(TOKEN)?.length).toBeGreaterThan(12);
    expect(guard.calls[0]).toMatchObject({ result: "ok", tokens: 7, usage: { input: 3, cachedInput: 2, output: 4 } });
  });

  it.each([false, true])("gets its answer with its values again (streamed: %s), arguments as valid JSON", async (stream) => {
    const guard = await world((sent) => {
      const token = JSON.stringify(sent).match(/EMAIL_[0-9A-Z]{10}/)?.[0] ?? "";
      return { tool: "f", argumentsJson: JSON.stringify({ to: token }), thinks: `of ${token}` };
    });
    const text = await (await guard.post({ ...body, stream }, {}, path)).text();
    const args = stream ? readStream(text).said.args : JSON.stringify(toolInput(JSON.parse(text)));
    expect(JSON.parse(args)).toEqual({ to: EMAIL });
    expect(text).toContain(stream ? "event: " : EMAIL);
    expect(guard.calls[0]?.usage).toEqual({ input: 3, cachedInput: 2, output: 4 });
  });
});

/** The input of the tool call in a whole answer of either API. */
function toolInput(answer: unknown): unknown {
  const { output, content } = answer as { output?: { type: string; arguments?: string }[]; content?: { type: string; input?: object }[] };
  const call = output?.find(({ type }) => type === "function_call");
  return call === undefined ? content?.find(({ type }) => type === "tool_use")?.input : (JSON.parse(call.arguments ?? "") as unknown);
}

describe("the responses API", () => {
  const ask = (more: object): object => ({ model: "m", input: "hi", ...more });

  it("is never asked to keep anything", async () => {
    const guard = await world(say("ok"));
    for (const more of [{}, { store: true }, { store: false }])
      expect(JSON.parse(await sentBy(guard, ask(more), RESPONSES))).toMatchObject({ store: false });
  });

  it.each([
    ["an earlier answer by its id", { previous_response_id: "resp_1" }, "previous_response_id"],
    ["a conversation at the vendor", { conversation: "conv_1" }, "conversation"],
    ["a prompt at the vendor", { prompt: { id: "pmpt_1" } }, "prompt"],
    ["an item by reference", { input: [{ type: "item_reference", id: "msg_1" }] }, "input[0]"],
    ["a tool of the vendor's", { tools: [{ type: "web_search" }] }, "tools[0]"],
    ["a computer call", { input: [{ type: "computer_call", call_id: "c" }] }, "input[0]"],
    ["an unknown field of an item", { input: [{ role: "user", content: "x", audio: "y" }] }, "input[0].audio"],
    ["an image", { input: [{ role: "user", content: [{ type: "input_image", image_url: png }] }] }, "input[0].content[0]"],
    [
      "an image in a tool's output",
      { input: [{ type: "function_call_output", call_id: "c", output: [{ type: "input_image", image_url: png }] }] },
      "input[0].output[0]",
    ],
    ["a file that is no text", { input: [{ role: "user", content: [{ type: "input_file", file_id: "file-1" }] }] }, "input[0].content[0]"],
  ])("is not sent %s", async (_name, more, where) => {
    const guard = await world(say("ok"));
    const answer = await guard.post(ask(more), {}, RESPONSES);
    expect(answer.status).toBe(403);
    expect(((await answer.json()) as { error: object }).error).toMatchObject({ code: "GUARD_REFUSED", param: where });
    expect(guard.upstream.requests).toEqual([]);
    expect(guard.calls[0]).toMatchObject({ result: "denied", refusal: { where } });
  });

  it("gets its own sealed reasoning back, and none that did not come from it", async () => {
    const guard = await world(() => ({ say: "ok", thinks: "well" }));
    const session = { "agent-session-id": "s" };
    const sealed = (seal: unknown): object =>
      ask({
        input: [
          { type: "reasoning", id: "rs_1", summary: [], encrypted_content: seal },
          { role: "user", content: "go on" },
        ],
      });
    await guard.post(ask({ stream: true }), session, RESPONSES);
    await guard.post(sealed(SEAL), session, RESPONSES);
    await guard.post(sealed("Zm9yZ2Vk"), session, RESPONSES);
    await guard.post(sealed([SEAL, EMAIL]), session, RESPONSES);
    await guard.post(sealed(SEAL), { "agent-session-id": "other" }, RESPONSES);
    const types = guard.upstream.requests
      .map(({ raw }) => (JSON.parse(raw) as { input: { type?: string }[] }).input)
      .map((input) => Array.isArray(input) && input.some(({ type }) => type === "reasoning"));
    expect(types).toEqual([false, true, false, false, false]);
  });
});

describe("the messages API", () => {
  const ask = (...content: object[]): object => ({ model: "m", max_tokens: 10, messages: [{ role: "user", content }] });

  it("is called with its own kind of key and a version", async () => {
    const guard = await world(say("ok"));
    await sentBy(guard, ask({ type: "text", text: "hi" }), MESSAGES);
    const headers = guard.upstream.requests[0]?.headers;
    expect([headers?.["x-api-key"], headers?.["anthropic-version"], headers?.authorization]).toEqual([
      "vendor-key",
      "2023-06-01",
      undefined,
    ]);
  });

  it.each([
    [
      "an image",
      { type: "image", source: { type: "base64", media_type: "image/png", data: "iVBORw0KGgo=" } },
      "messages[0].content[0]",
      "image",
    ],
    [
      "a document that is no text",
      { type: "document", source: { type: "base64", media_type: "application/pdf", data: "JVBERi0=" } },
      "messages[0].content[0]",
      "document",
    ],
    ["a document at an address", { type: "document", source: { type: "url", url: "https://x" } }, "messages[0].content[0]", "document"],
    [
      "an image in a tool's result",
      { type: "tool_result", tool_use_id: "t", content: [{ type: "image", source: {} }] },
      "messages[0].content[0].content[0]",
      "image",
    ],
    ["an upload", { type: "container_upload", file_id: "f" }, "messages[0].content[0]", "container_upload"],
  ])("is not sent %s, and the refusal names kind and place in the API's own form", async (_name, block, where, kind) => {
    const guard = await world(say("ok"));
    const answer = await guard.post(ask(block), {}, MESSAGES);
    expect(answer.status).toBe(403);
    const { type, error } = (await answer.json()) as { type: string; error: { type: string; message: string } };
    expect([type, error.type]).toEqual(["error", "permission_error"]);
    expect(error.message).toContain(kind);
    expect(error.message).toContain(where);
    expect(guard.upstream.requests).toEqual([]);
  });

  it("gets sealed thinking back word for word, whatever the client saw, and none that did not come from it", async () => {
    const guard = await world((sent) => ({ say: "ok", thinks: `of ${JSON.stringify(sent).match(TOKEN)?.[0].toLowerCase()}` }));
    const session = { "agent-session-id": "s" };
    const first = { ...ask({ type: "text", text: EMAIL }), stream: true };
    const { said } = readStream(await (await guard.post(first, session, MESSAGES)).text());
    expect(said.thinking).toBe(`of ${EMAIL}`);
    const thought = (thinking: string): object => ({
      model: "m",
      max_tokens: 10,
      messages: [
        { role: "assistant", content: [{ type: "thinking", thinking, signature: SEAL }] },
        { role: "user", content: "go on" },
      ],
    });
    await guard.post(thought(said.thinking), session, MESSAGES);
    await guard.post(thought(`${said.thinking} and ${IBAN}`), session, MESSAGES);
    const [, second, third] = guard.upstream.requests.map(
      ({ raw }) => (JSON.parse(raw) as { messages: { content: object[] }[] }).messages[0]?.content[0],
    );
    expect(second).toMatchObject({ type: "thinking", thinking: expect.stringMatching(/^of email_\w{10}$/) as string, signature: SEAL });
    expect(third).toMatchObject({ type: "text", text: "[Reasoning was left out here.]" });
  });

  it("counts tokens of a masked request", async () => {
    const guard = await world(() => ({ status: 200, body: '{"input_tokens":5}' }));
    const answer = await guard.post(ask({ type: "text", text: EMAIL }), {}, "/v1/messages/count_tokens");
    expect(await answer.json()).toEqual({ input_tokens: 5 });
    expect(guard.upstream.requests[0]?.raw).not.toContain(EMAIL);
  });
});

describe("content that can't be read", () => {
  it.each([
    [
      "/v1/chat/completions",
      {
        messages: [
          {
            role: "user",
            content: [{ type: "text", text: "see" }, { type: "image_url", image_url: { url: png } }, { type: "input_audio" }],
          },
        ],
      },
    ],
    [
      RESPONSES,
      {
        input: [
          { role: "user", content: [{ type: "input_image", image_url: png }] },
          { type: "image_generation_call", result: "iVBOR" },
        ],
      },
    ],
    [
      MESSAGES,
      {
        messages: [
          {
            role: "user",
            content: [
              { type: "image", source: { data: "iVBOR" } },
              { type: "web_search_tool_result", content: [] },
            ],
          },
        ],
      },
    ],
  ])("is taken out where policy says so, with a note in its place (%s)", async (path, body) => {
    const guard = await world(say("ok"), { unreadable: "strip" });
    const raw = await sentBy(guard, { model: "m", ...body }, path);
    expect(raw).not.toContain("iVBOR");
    expect(raw.match(/The privacy guard took out content of kind/g)).toHaveLength(2);
    expect(guard.calls[0]?.redactions).toEqual([{ class: "UNREADABLE", count: 2 }]);
  });

  it("is a file of text no more: that is read like any text", async () => {
    const guard = await world(say("ok"));
    const file = { type: "file", file: { filename: "a.csv", file_data: textFile(`email\n${EMAIL}`) } };
    const raw = await sentBy(guard, { model: "m", messages: [{ role: "user", content: [file] }] }, "/v1/chat/completions");
    expect(raw).not.toContain(EMAIL);
    expect(raw).toMatch(/\[a\.csv\]\\nemail\\nEMAIL_/);
    const forged = { type: "file", file: { file_data: `data:text/csv;base64,${Buffer.from([0xff, 0xfe, 0x00]).toString("base64")}` } };
    expect((await guard.post({ model: "m", messages: [{ role: "user", content: [forged] }] })).status).toBe(403);
  });
});

describe("modes by class", () => {
  const ask = (text: string): object => ({ model: "m", messages: [{ role: "user", content: text }] });

  it("pass, mask and refuse each class as the role's profile says", async () => {
    const guard = await world(say("ok"), { classes: { EMAIL: "detect-only", PHONE: "off", CARD: "block" } });
    const raw = await sentBy(guard, ask(`${EMAIL} ${PHONE} iban ${IBAN}`), "/v1/chat/completions");
    expect(raw).toContain(EMAIL);
    expect(raw).toContain(PHONE);
    expect(raw).not.toContain(IBAN);
    expect(guard.calls[0]).toMatchObject({ redactions: [{ class: "IBAN", count: 1 }], passed: [{ class: "EMAIL", count: 1 }] });
    const refused = await (await guard.post(ask(`card ${CARD}`))).text();
    expect(refused).toContain("class CARD stands at messages[0].content");
    expect(refused).not.toContain(CARD);
  });

  it("refuse secrets in strict mode, unless the profile says otherwise", async () => {
    const strict = await world(say("ok"), { mode: "strict" });
    expect((await strict.post(ask(`key ${SECRET}`))).status).toBe(403);
    const eased = await world(say("ok"), { mode: "strict", classes: { SECRET: "mask" } });
    expect(await sentBy(eased, ask(`key ${SECRET}`), "/v1/chat/completions")).not.toContain(SECRET);
  });
});

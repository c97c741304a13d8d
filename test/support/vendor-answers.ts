/** What vendors' servers answer, by the path that was asked: whole or as a stream of events, texts cut into small pieces. */

/** What the model says: a text, or one tool call; with reasoning before it where the API shows any. */
export type ModelReply = ({ readonly say: string } | { readonly tool: string; readonly argumentsJson: string }) & {
  readonly thinks?: string;
};

const piecesOf = (whole: string, size: number): string[] =>
  Array.from({ length: Math.ceil(whole.length / size) }, (_, i) => whole.slice(i * size, (i + 1) * size));

/** Seal of all reasoning here. */
export const SEAL = "c2VhbGVkLWJ5LXRoZS1zZXJ2ZXI=";

const chatUsage = { prompt_tokens: 3, completion_tokens: 4, total_tokens: 7, prompt_tokens_details: { cached_tokens: 2 } };
const responsesUsage = { input_tokens: 3, input_tokens_details: { cached_tokens: 2 }, output_tokens: 4, total_tokens: 7 };
/** Anthropic counts cached input beside the other. */
const anthropicUsage = { input_tokens: 1, cache_read_input_tokens: 2, cache_creation_input_tokens: 0, output_tokens: 4 };

function chatDeltas(reply: ModelReply, size: number): object[] {
  if ("say" in reply) return piecesOf(reply.say, size).map((content) => ({ content }));
  const head = { tool_calls: [{ index: 0, id: "call_1", type: "function", function: { name: reply.tool, arguments: "" } }] };
  return [head, ...piecesOf(reply.argumentsJson, size).map((piece) => ({ tool_calls: [{ index: 0, function: { arguments: piece } }] }))];
}

const finishOf = (reply: ModelReply): string => ("tool" in reply ? "tool_calls" : "stop");
const chatChunk = (choice: object, usage?: object): object => ({
  id: "c",
  object: "chat.completion.chunk",
  created: 1,
  model: "m",
  choices: [{ index: 0, ...choice }],
  usage,
});

const chatMessage = (reply: ModelReply): object =>
  "say" in reply
    ? { role: "assistant", content: reply.say }
    : {
        role: "assistant",
        content: null,
        tool_calls: [{ id: "call_1", type: "function", function: { name: reply.tool, arguments: reply.argumentsJson } }],
      };

/** Items of a response, as they are when done. */
function items(reply: ModelReply): readonly { readonly id: string; readonly type: string }[] {
  const summary = reply.thinks === undefined ? [] : [{ type: "summary_text", text: reply.thinks }];
  const thought = reply.thinks === undefined ? [] : [{ id: "rs_1", type: "reasoning", summary, encrypted_content: SEAL }];
  const said =
    "say" in reply
      ? {
          id: "msg_1",
          type: "message",
          role: "assistant",
          status: "completed",
          content: [{ type: "output_text", text: reply.say, annotations: [] }],
        }
      : { id: "fc_1", type: "function_call", call_id: "call_1", name: reply.tool, arguments: reply.argumentsJson, status: "completed" };
  return [...thought, said];
}

const response = (status: string, output: readonly object[]): object => ({
  id: "resp_1",
  object: "response",
  created_at: 1,
  status,
  model: "m",
  output,
  usage: status === "completed" ? responsesUsage : null,
});

/** Events of one text of an item: its deltas, then the whole. */
const textEvents = (stem: string, place: object, field: string, whole: string, size: number): object[] => [
  ...piecesOf(whole, size).map((delta) => ({ type: `${stem}.delta`, ...place, delta })),
  { type: `${stem}.done`, ...place, [field]: whole },
];

function itemEvents(item: { readonly id: string; readonly type: string }, index: number, reply: ModelReply, size: number): object[] {
  const place = { item_id: item.id, output_index: index };
  const part = { ...place, content_index: 0 };
  if (item.type === "reasoning")
    return textEvents("response.reasoning_summary_text", { ...place, summary_index: 0 }, "text", reply.thinks ?? "", size);
  if ("tool" in reply) return textEvents("response.function_call_arguments", place, "arguments", reply.argumentsJson, size);
  const whole = { type: "output_text", text: reply.say, annotations: [] };
  return [
    { type: "response.content_part.added", ...part, part: { ...whole, text: "" } },
    ...textEvents("response.output_text", part, "text", reply.say, size),
    { type: "response.content_part.done", ...part, part: whole },
  ];
}

function responseEvents(reply: ModelReply, size: number): object[] {
  const output = items(reply);
  const events = output.flatMap((item, index) => [
    {
      type: "response.output_item.added",
      output_index: index,
      item: { ...item, content: [], summary: [], arguments: "", status: "in_progress" },
    },
    ...itemEvents(item, index, reply, size),
    { type: "response.output_item.done", output_index: index, item },
  ]);
  const all = [
    { type: "response.created", response: response("in_progress", []) },
    ...events,
    { type: "response.completed", response: response("completed", output) },
  ];
  return all.map((event, sequence_number) => ({ ...event, sequence_number }));
}

const blocks = (reply: ModelReply): readonly object[] => [
  ...(reply.thinks === undefined ? [] : [{ type: "thinking", thinking: reply.thinks, signature: SEAL }]),
  "say" in reply
    ? { type: "text", text: reply.say }
    : { type: "tool_use", id: "toolu_1", name: reply.tool, input: JSON.parse(reply.argumentsJson) as object },
];

const message = (content: readonly object[], stop: string | null): object => ({
  id: "msg_1",
  type: "message",
  role: "assistant",
  model: "m",
  content,
  stop_reason: stop,
  stop_sequence: null,
  usage: stop === null ? { ...anthropicUsage, output_tokens: 1 } : anthropicUsage,
});

const stopOf = (reply: ModelReply): string => ("tool" in reply ? "tool_use" : "end_turn");

function blockEvents(index: number, start: object, deltas: readonly object[]): object[] {
  return [
    { type: "content_block_start", index, content_block: start },
    ...deltas.map((delta) => ({ type: "content_block_delta", index, delta })),
    { type: "content_block_stop", index },
  ];
}

function messageEvents(reply: ModelReply, size: number): object[] {
  const thinks = reply.thinks ?? "";
  const thinking = piecesOf(thinks, size).map((piece) => ({ type: "thinking_delta", thinking: piece }));
  const thought = blockEvents(0, { type: "thinking", thinking: "", signature: "" }, [
    ...thinking,
    { type: "signature_delta", signature: SEAL },
  ]);
  const index = thinks === "" ? 0 : 1;
  const said =
    "say" in reply
      ? blockEvents(
          index,
          { type: "text", text: "" },
          piecesOf(reply.say, size).map((text) => ({ type: "text_delta", text })),
        )
      : blockEvents(
          index,
          { type: "tool_use", id: "toolu_1", name: reply.tool, input: {} },
          piecesOf(reply.argumentsJson, size).map((piece) => ({ type: "input_json_delta", partial_json: piece })),
        );
  return [
    { type: "message_start", message: message([], null) },
    { type: "ping" },
    ...(thinks === "" ? [] : thought),
    ...said,
    { type: "message_delta", delta: { stop_reason: stopOf(reply), stop_sequence: null }, usage: { output_tokens: 4 } },
    { type: "message_stop" },
  ];
}

const eventOf = (event: object): string =>
  `${"type" in event && typeof event.type === "string" ? `event: ${event.type}\n` : ""}data: ${JSON.stringify(event)}\n\n`;

/** The stream of a reply, as text. @param path path behind `/v1` @param size characters of text in one piece */
export function streamOf(path: string, reply: ModelReply, size: number): string {
  if (path === "/responses") return responseEvents(reply, size).map(eventOf).join("");
  if (path === "/messages") return messageEvents(reply, size).map(eventOf).join("");
  const chunks = [
    ...chatDeltas(reply, size).map((delta) => chatChunk({ delta, finish_reason: null })),
    chatChunk({ delta: {}, finish_reason: finishOf(reply) }, chatUsage),
  ];
  return `: keep-alive\n\n${chunks.map(eventOf).join("")}data: [DONE]\n\n`;
}

/** A reply in one piece. @param path path behind `/v1` */
export function wholeOf(path: string, reply: ModelReply): object {
  if (path === "/responses") return response("completed", items(reply));
  if (path === "/messages") return message(blocks(reply), stopOf(reply));
  return {
    id: "c",
    object: "chat.completion",
    choices: [{ index: 0, message: chatMessage(reply), finish_reason: finishOf(reply) }],
    usage: chatUsage,
  };
}

/** Writes an answer as a chat completion, whole or as a stream of events. Source: OpenAI API, chat completions. */
import type { ChatRequest } from "./conversation.ts";
import type { Answer, PlannedCall } from "./play-script.ts";

/** Says in every answer that no model was asked. */
export const REHEARSAL_MODEL = "gaggle-rehearsal";

/** What both forms of an answer share. */
export interface CompletionFrame {
  readonly id: string;
  /** Seconds since the epoch. */
  readonly created: number;
  readonly answer: Answer;
  readonly request: ChatRequest;
}

/** Lengths of the pieces of a stream, in characters: odd on purpose, so that nothing downstream relies on whole words or tokens. */
const PIECES = [1, 7, 2, 31, 3, 128, 11] as const;

/** About four characters are a token; a rehearsal has no tokenizer. */
const tokensIn = (text: string): number => Math.ceil(text.length / 4);

function usageOf({ answer, request }: CompletionFrame) {
  const prompt_tokens = tokensIn(JSON.stringify([request.messages, request.tools ?? []]));
  const completion_tokens = tokensIn(answer.text + answer.calls.map(({ args }) => JSON.stringify(args)).join(""));
  return { prompt_tokens, completion_tokens, total_tokens: prompt_tokens + completion_tokens };
}

const finishReason = ({ calls }: Answer): string => (calls.length > 0 ? "tool_calls" : "stop");

const toolCall = ({ id, tool, args }: PlannedCall) => ({ id, type: "function", function: { name: tool, arguments: JSON.stringify(args) } });

/** The answer as one JSON object. */
export function wholeCompletion(frame: CompletionFrame): object {
  const { id, created, answer } = frame;
  const calls = answer.calls.length > 0 ? { tool_calls: answer.calls.map(toolCall) } : {};
  const message = { role: "assistant", content: answer.text === "" ? null : answer.text, ...calls };
  const choices = [{ index: 0, message, finish_reason: finishReason(answer) }];
  return { id, object: "chat.completion", created, model: REHEARSAL_MODEL, choices, usage: usageOf(frame) };
}

/** The answer as the lines of an event stream, each ready to be written. */
export function* streamedCompletion(frame: CompletionFrame): Generator<string> {
  const { id, created, answer, request } = frame;
  const base = { id, object: "chat.completion.chunk", created, model: REHEARSAL_MODEL };
  const event = (delta: object, finish_reason: string | null = null): string =>
    line({ ...base, choices: [{ index: 0, delta, finish_reason }] });
  yield event({ role: "assistant", content: "" });
  for (const content of pieces(answer.text)) yield event({ content });
  for (const [index, { id: callId, tool, args }] of answer.calls.entries()) {
    yield event({ tool_calls: [{ index, id: callId, type: "function", function: { name: tool, arguments: "" } }] });
    for (const piece of pieces(JSON.stringify(args))) yield event({ tool_calls: [{ index, function: { arguments: piece } }] });
  }
  yield event({}, finishReason(answer));
  if (request.stream_options?.include_usage === true) yield line({ ...base, choices: [], usage: usageOf(frame) });
  yield "data: [DONE]\n\n";
}

const line = (data: object): string => `data: ${JSON.stringify(data)}\n\n`;

/** The text in pieces of odd lengths; code points stay whole, since half of one is not valid JSON for every reader. */
function* pieces(text: string): Generator<string> {
  const points = Array.from(text);
  for (let at = 0, turn = 0; at < points.length; turn++) {
    const length = PIECES[turn % PIECES.length] ?? 1;
    yield points.slice(at, at + length).join("");
    at += length;
  }
}

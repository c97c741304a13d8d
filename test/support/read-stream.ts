/** Reads a gateway's stream of any API as a client does: what each lane of text came to, and what the events say that repeat whole texts. */

/** A stream as read. */
export interface ReadStream {
  /** Text, reasoning and arguments, gathered from deltas. */
  readonly said: { text: string; thinking: string; args: string };
  /** The same as events say it that carry whole texts; undefined for APIs without such events. */
  readonly repeated: { text?: string; thinking?: string; args?: string };
  readonly events: readonly Record<string, unknown>[];
}

const LANES: Readonly<Record<string, "text" | "thinking" | "args">> = {
  "response.output_text": "text",
  "response.reasoning_summary_text": "thinking",
  "response.function_call_arguments": "args",
};

interface Delta {
  readonly content?: string;
  readonly text?: string;
  readonly thinking?: string;
  readonly partial_json?: string;
  readonly tool_calls?: readonly { readonly function?: { readonly arguments?: string } }[];
}

/** Reads it. @param text the body of the answer */
export function readStream(text: string): ReadStream {
  const data = text.split("\n\n").flatMap((event) => event.split("\n").filter((line) => line.startsWith("data: {")));
  const events = data.map((line) => JSON.parse(line.slice(6)) as Record<string, unknown>);
  const said = { text: "", thinking: "", args: "" };
  const repeated: { text?: string; thinking?: string; args?: string } = {};
  const take = (delta: Delta): void => {
    said.text += delta.content ?? delta.text ?? "";
    said.thinking += delta.thinking ?? "";
    said.args += delta.partial_json ?? "";
    for (const call of delta.tool_calls ?? []) said.args += call.function?.arguments ?? "";
  };
  for (const event of events) {
    const type = typeof event["type"] === "string" ? event["type"] : "";
    const lane = LANES[type.slice(0, type.lastIndexOf("."))];
    if (lane !== undefined && typeof event["delta"] === "string") said[lane] += event["delta"];
    else if (lane !== undefined && type.endsWith(".done")) repeated[lane] = String(event["text"] ?? event["arguments"]);
    else if (typeof event["delta"] === "object" && event["delta"] !== null) take(event["delta"]);
    for (const choice of (event["choices"] as { delta?: Delta }[] | undefined) ?? []) take(choice.delta ?? {});
  }
  return { said, repeated, events };
}

/**
 * Plays a script against a conversation: the next thing to say follows from the script and from what the conversation holds, nothing else.
 * Each call's id names its key and how often it was made, so the conversation itself tells how far the script is.
 */
import type { Json } from "../../contract/json.ts";
import type { Conversation, ToolAnswer } from "./conversation.ts";
import { atPointer, holds, resolveTemplate, type Values } from "./resolve-template.ts";
import type { Call, Script, Step } from "./script.ts";

/** One tool call of an answer. */
export interface PlannedCall {
  readonly id: string;
  readonly tool: string;
  readonly args: Json;
}

/** What the model's side answers: words, and tool calls. */
export interface Answer {
  readonly text: string;
  readonly calls: readonly PlannedCall[];
}

/** How often a call that failed is made again. */
const RETRIES = 1;

const FINAL_OUTPUT = "recipe__final_output";

type CallState =
  | { readonly kind: "skipped" | "failed" | "unfinished" }
  | { readonly kind: "done"; readonly value: Json }
  | { readonly kind: "next"; readonly call: PlannedCall };

/** The next answer in the conversation. */
export function playScript(script: Script, conversation: Conversation): Answer {
  const values = valuesOf(script, conversation);
  for (const step of script.steps) {
    const states = step.calls.map((call) => stateOf(call, conversation, values));
    const next = states.flatMap((state) => (state.kind === "next" ? [state.call] : []));
    if (next.length > 0) return offered(conversation, { text: step.say, calls: next });
    const finish = finishAfter(step, states, values);
    if (finish !== undefined) return finishWith(script, finish, conversation, values);
  }
  return finishWith(script, "done", conversation, values);
}

/** Results are looked up by the keys of calls, over all tries. */
function valuesOf(script: Script, conversation: Conversation): Values {
  const calls = new Map(script.steps.flatMap((step) => step.calls.map((call) => [call.key, call] as const)));
  return {
    param: (name) => script.reads[name]?.exec(conversation.opening)?.[1],
    result: (key) => {
      const call = calls.get(key);
      return call === undefined ? undefined : triesOf(call, conversation).findLast(({ failed }) => !failed)?.value;
    },
  };
}

const callId = (key: string, attempt: number): string => `rehearsal-${key}-${attempt}`;

/** The answers that a call has got, in the order of its tries. */
function triesOf({ key }: Call, { answers }: Conversation): ToolAnswer[] {
  const tries: ToolAnswer[] = [];
  for (let attempt = 1; ; attempt++) {
    const answer = answers.get(callId(key, attempt));
    if (answer === undefined) return tries;
    tries.push(answer);
  }
}

function stateOf(call: Call, conversation: Conversation, values: Values): CallState {
  if (call.when !== undefined && !holds(call.when, values)) return { kind: "skipped" };
  const tries = triesOf(call, conversation);
  const last = tries.at(-1);
  if (last !== undefined && !last.failed && last.value !== undefined && reached(call, last.value))
    return { kind: "done", value: last.value };
  if (tries.filter(({ failed }) => failed).length > RETRIES) return { kind: "failed" };
  if (call.until !== undefined && tries.length >= call.until.atMost) return { kind: "unfinished" };
  const args = resolveTemplate(call.args, values);
  if (args === undefined) return { kind: "failed" };
  return { kind: "next", call: { id: callId(call.key, tries.length + 1), tool: call.tool, args } };
}

function reached({ until }: Call, value: Json): boolean {
  if (until === undefined) return true;
  const found = atPointer(value, until.at);
  return found !== undefined && until.in.includes(found);
}

function finishAfter(step: Step, states: readonly CallState[], values: Values): string | undefined {
  if (states.some(({ kind }) => kind === "failed")) return step.onError;
  if (states.some(({ kind }) => kind === "unfinished")) return step.onUnfinished ?? step.onError;
  return step.ends?.find(({ when }) => holds(when, values))?.finish;
}

function finishWith(script: Script, name: string, conversation: Conversation, values: Values): Answer {
  const template = script.finishes[name];
  const args = template === undefined ? undefined : resolveTemplate(template, values);
  if (args === undefined)
    return { text: "This rehearsal's script can't go on: the conversation lacks what its result is made of.", calls: [] };
  const id = callId("finish", 1);
  if (conversation.answers.has(id)) return { text: "This rehearsal has given its result.", calls: [] };
  return offered(conversation, { text: "", calls: [{ id, tool: FINAL_OUTPUT, args }] });
}

/** A script calls only tools that Goose offers. */
function offered({ tools }: Conversation, answer: Answer): Answer {
  const missing = answer.calls.find(({ tool }) => !tools.has(tool));
  return missing === undefined
    ? answer
    : { text: `This rehearsal's script needs the tool ${missing.tool}, which is not offered here.`, calls: [] };
}

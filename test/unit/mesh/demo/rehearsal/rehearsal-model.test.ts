import fc from "fast-check";
import { describe, expect, it, onTestFinished } from "vitest";
import type { Json } from "../../../../../mesh/contract/json.ts";
import { streamedCompletion, wholeCompletion } from "../../../../../mesh/demo/rehearsal/completion.ts";
import { chatRequest, readConversation } from "../../../../../mesh/demo/rehearsal/conversation.ts";
import { type Answer, playScript } from "../../../../../mesh/demo/rehearsal/play-script.ts";
import { startRehearsalModel } from "../../../../../mesh/demo/rehearsal/rehearsal-model.ts";
import type { Script } from "../../../../../mesh/demo/rehearsal/script.ts";
import { createRealClock } from "../../../../support/real-clock.ts";

const SCRIPT: Script = {
  title: "A sample",
  marker: "You are the sample's agent.",
  reads: { period: /for (\d{4}-\d{2})\./ },
  steps: [
    {
      say: "I ask both.",
      calls: ["a", "b"].map((key) => ({ key: `send-${key}`, tool: "mesh__send", args: { to: key, period: { $param: "period" } } })),
      onError: "failed",
    },
    {
      say: "I wait.",
      calls: ["a", "b"].map((key) => ({
        key: `wait-${key}`,
        tool: "mesh__wait",
        args: { id: { $from: `send-${key}`, at: "/id" } },
        until: { at: "/state", in: ["DONE", "LOST"], atMost: 3 },
      })),
      onError: "failed",
      onUnfinished: "late",
      ends: [{ when: { value: { $from: "wait-a", at: "/state" }, in: ["LOST"] }, finish: "failed" }],
    },
  ],
  finishes: {
    done: { sum: { $from: "wait-a", at: "/parts/0" }, text: { $join: ["for ", { $param: "period" }] } },
    late: { sum: "", text: "late" },
    failed: { sum: { $first: [{ $from: "wait-b", at: "/parts/0" }, ""] }, text: "failed" },
  },
};
const TOOLS = ["mesh__send", "mesh__wait", "recipe__final_output"];
const SYSTEM = { role: "system", content: "You are goose.\nYou are the sample's agent. Work for 2026-10." };

interface Turn {
  readonly id: string;
  readonly content: string;
}

const request = (turns: readonly Turn[], tools = TOOLS) => ({
  model: "m",
  messages: [SYSTEM, { role: "user", content: "Begin." }, ...turns.map(({ id, content }) => ({ role: "tool", tool_call_id: id, content }))],
  tools: tools.map((name) => ({ type: "function", function: { name } })),
});

const next = (turns: readonly Turn[], tools = TOOLS): Answer =>
  playScript(SCRIPT, readConversation(chatRequest.parse(request(turns, tools))));

/** Plays the script to its end; `reply` is what each tool says. */
function play(reply: (call: Answer["calls"][number]) => string): { said: Answer[]; result: Json | undefined } {
  const turns: Turn[] = [];
  const said: Answer[] = [];
  for (let round = 0; round < 20; round++) {
    const answer = next(turns);
    said.push(answer);
    const final = answer.calls.find(({ tool }) => tool === "recipe__final_output");
    if (final !== undefined || answer.calls.length === 0) return { said, result: final?.args };
    for (const call of answer.calls) turns.push({ id: call.id, content: reply(call) });
  }
  throw new Error("the script does not end");
}

const working = (call: Answer["calls"][number]): string => {
  const { to, id } = call.args as { to: string; id: string };
  if (call.tool === "mesh__send") return `Sent {as asked} to ${to}. {"id":"id-${to}"}`;
  return `Task is DONE. {"state":"DONE","parts":["42.10"],"of":${JSON.stringify(id)}}`;
};

describe("playing a script", () => {
  it("takes every value from the conversation and ends with the result", () => {
    const { said, result } = play(working);
    expect(said[0]?.calls.map(({ args }) => args)).toEqual([
      { to: "a", period: "2026-10" },
      { to: "b", period: "2026-10" },
    ]);
    expect(said[1]?.calls.map(({ args }) => args)).toEqual([{ id: "id-a" }, { id: "id-b" }]);
    expect(result).toEqual({ sum: "42.10", text: "for 2026-10" });
  });

  it("repeats only what is not done, at most as often as written", () => {
    let asked = 0;
    const { said, result } = play((call) => {
      if (call.id.includes("wait-b")) return `{"state":"${++asked < 3 ? "WORKING" : "DONE"}","parts":["1.00"]}`;
      return working(call);
    });
    expect(said.slice(1, 4).map(({ calls }) => calls.length)).toEqual([2, 1, 1]);
    expect(result).toMatchObject({ sum: "42.10" });
    expect(play((call) => (call.tool === "mesh__wait" ? '{"state":"WORKING"}' : working(call))).result).toEqual({ sum: "", text: "late" });
  });

  it("tries a failed call once more, then finishes as written", () => {
    let failures = 0;
    const flaky = play((call) => (call.id.includes("send-a") && failures++ === 0 ? "Error: BUSY: try again" : working(call)));
    expect(flaky.result).toMatchObject({ sum: "42.10" });
    expect(play((call) => (call.tool === "mesh__send" ? "POLICY_DENIED: no" : working(call))).result).toEqual({ sum: "", text: "failed" });
  });

  it("ends early where a condition holds, with what there is by then", () => {
    const lost = play((call) => (call.id.includes("wait-a") ? '{"state":"LOST"}' : working(call)));
    expect(lost.result).toEqual({ sum: "42.10", text: "failed" });
  });

  it("says so where a tool is not offered, instead of calling it", () => {
    expect(next([], ["recipe__final_output"])).toMatchObject({ calls: [], text: expect.stringContaining("mesh__send") as string });
  });

  it("is told by call ids alone: messages may be split, joined, reordered or repeated", () => {
    const turns = ["send-a", "send-b"].map((key) => ({ id: `rehearsal-${key}-1`, content: `{"id":"${key}"}` }));
    const expected = next(turns);
    fc.assert(
      fc.property(fc.shuffledSubarray([...turns, ...turns, { id: "other", content: '{"id":"x"}' }], { minLength: 5 }), (shuffled) => {
        expect(next(shuffled)).toEqual(expected);
      }),
    );
  });
});

/** Puts a stream's deltas together again. */
function joined(events: string): { text: string; calls: Map<number, { id: string; name: string; args: string }>; reason: unknown } {
  const calls = new Map<number, { id: string; name: string; args: string }>();
  let text = "";
  let reason: unknown;
  for (const event of events.split("\n\n").filter((part) => part !== "" && part !== "data: [DONE]")) {
    const { choices } = JSON.parse(event.replace(/^data: /, "")) as {
      choices: {
        delta: { content?: string; tool_calls?: { index: number; id?: string; function: { name?: string; arguments: string } }[] };
        finish_reason: unknown;
      }[];
    };
    for (const { delta, finish_reason } of choices) {
      text += delta.content ?? "";
      reason = finish_reason ?? reason;
      for (const call of delta.tool_calls ?? []) {
        const known = calls.get(call.index) ?? { id: call.id ?? "", name: call.function.name ?? "", args: "" };
        calls.set(call.index, { ...known, args: known.args + call.function.arguments });
      }
    }
  }
  return { text, calls, reason };
}

describe("writing an answer", () => {
  it("streams the same answer that it gives whole, cut at odd places, whatever it holds", () => {
    const call = fc.record({ id: fc.string(), tool: fc.string(), args: fc.jsonValue({ stringUnit: "binary" }) as fc.Arbitrary<Json> });
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 200 }), fc.array(call, { maxLength: 3 }), (text, calls) => {
        const frame = { id: "1", created: 1, answer: { text, calls }, request: chatRequest.parse(request([])) };
        const parts = joined([...streamedCompletion(frame)].join(""));
        expect(parts.text).toBe(text);
        expect([...parts.calls.values()].map(({ id, name, args }) => ({ id, tool: name, args: JSON.parse(args) as Json }))).toEqual(
          calls.map(({ id, tool, args }) => ({ id, tool, args: JSON.parse(JSON.stringify(args)) as Json })),
        );
        expect(parts.reason).toBe(calls.length > 0 ? "tool_calls" : "stop");
        expect(wholeCompletion(frame)).toMatchObject({ model: "gaggle-rehearsal", choices: [{ finish_reason: parts.reason }] });
      }),
    );
  });

  it("counts usage from the lengths of what was sent and answered", () => {
    const usage = (turns: readonly Turn[]) =>
      (
        wholeCompletion({ id: "1", created: 1, answer: next(turns), request: chatRequest.parse(request(turns)) }) as {
          usage: { prompt_tokens: number };
        }
      ).usage.prompt_tokens;
    expect(usage([{ id: "x", content: "y".repeat(4_000) }]) - usage([])).toBeGreaterThan(1_000);
  });
});

describe("the rehearsal model's server", () => {
  async function model() {
    const started = await startRehearsalModel({ scripts: [SCRIPT], clock: createRealClock() });
    onTestFinished(() => started.close());
    const post = (body: unknown, path = "/chat/completions") =>
      fetch(`${started.url}${path}`, { method: "POST", body: JSON.stringify(body) });
    return { ...started, post };
  }

  it("names itself as a rehearsal in its list of models and in its answers", async () => {
    const { url, post } = await model();
    expect(await (await fetch(`${url}/models`)).json()).toMatchObject({ data: [{ id: "gaggle-rehearsal" }] });
    expect(await (await post(request([]))).json()).toMatchObject({ model: "gaggle-rehearsal" });
  });

  it("streams with usage where that is asked for", async () => {
    const { post } = await model();
    const answer = await (await post({ ...request([]), stream: true, stream_options: { include_usage: true } })).text();
    expect(answer).toContain('"usage":{"prompt_tokens"');
    expect(answer.endsWith("data: [DONE]\n\n")).toBe(true);
    expect(await (await post({ ...request([]), stream: true })).text()).not.toContain("prompt_tokens");
  });

  it("gives a title where no tools are offered", async () => {
    const { post } = await model();
    expect(await (await post(request([], []))).json()).toMatchObject({ choices: [{ message: { content: "A sample" } }] });
  });

  it("refuses a conversation that it has no script for with 403 and says why", async () => {
    const { post } = await model();
    const answer = await post({ ...request([]), messages: [{ role: "user", content: "Hello" }] });
    expect(answer.status).toBe(403);
    expect(JSON.stringify(await answer.json())).toContain("rehearsal model");
  });

  it("answers what is no request with 400 and another path with 404", async () => {
    const { post } = await model();
    expect((await post({ messages: 1 })).status).toBe(400);
    expect((await post({}, "/responses")).status).toBe(404);
  });
});

/** Which tool gets the values of which classes: a model that a document has talked into it can't hand them to any other. */
import { describe, expect, it } from "vitest";
import type { Format } from "../../../../guard/gateway/formats/format.ts";
import { FORMATS } from "../../../../guard/gateway/formats/formats.ts";
import { replacementsOf } from "../../../../guard/gateway/restore-tree.ts";
import { valuesByTool } from "../../../../guard/gateway/tool-values.ts";
import { mayRestoreFor } from "../../../../guard/guard-rules.ts";
import type { IssuedToken } from "../../../../guard/pseudonym/token-session.ts";
import { guardProfile } from "../../../../mesh/contract/guard-policy.ts";
import type { JsonObject } from "../../../../mesh/contract/json.ts";

const IBAN = "IBAN_7Q4M2KXW9D";
const PERSON = "PERSON_1A2B3C4D5E";
const VALUES: Readonly<Record<string, string>> = { [IBAN]: "DE89370400440532013000", [PERSON]: "Anna Schmidt" };
const lookup = (token: string): IssuedToken | undefined => {
  const value = VALUES[token];
  return value === undefined ? undefined : { token, tokenClass: token === IBAN ? "IBAN" : "PERSON", surface: value, value };
};
const profile = guardProfile.parse({ mode: "strict", restore: [{ classes: ["IBAN", "SECRET"], tools: ["ledger__*"] }] });
const context = {
  replacements: replacementsOf({ lookup }, (tool, tokenClass) => mayRestoreFor(tool, tokenClass, profile)),
  seals: { keep: () => undefined },
};
const formatOf = (protocol: string): Format => FORMATS.find((one) => one.protocol === protocol) as Format;

const ARGS = JSON.stringify({ to: IBAN, who: PERSON });
/** What a call of this tool looks like in an answer of each API, whole; and in a stream, cut in the middle of a token. */
const CALLS: readonly [protocol: string, whole: (tool: string) => JsonObject, stream: (tool: string) => JsonObject[]][] = [
  [
    "openai-chat",
    (name) => ({ choices: [{ message: { tool_calls: [{ id: "c", type: "function", function: { name, arguments: ARGS } }] } }] }),
    (name) => {
      const delta = (call: JsonObject): JsonObject => ({
        choices: [{ index: 0, delta: { tool_calls: [{ index: 0, ...call }] }, finish_reason: null }],
      });
      return [
        delta({ id: "c", function: { name } }),
        delta({ function: { arguments: ARGS.slice(0, 12) } }),
        delta({ function: { arguments: ARGS.slice(12) } }),
      ];
    },
  ],
  [
    "openai-responses",
    (name) => ({ output: [{ type: "function_call", call_id: "c", name, arguments: ARGS }] }),
    (name) => {
      const delta = (piece: string): JsonObject => ({
        type: "response.function_call_arguments.delta",
        item_id: "i",
        output_index: 0,
        delta: piece,
      });
      return [
        { type: "response.output_item.added", output_index: 0, item: { type: "function_call", id: "i", name, arguments: "" } },
        delta(ARGS.slice(0, 12)),
        delta(ARGS.slice(12)),
        { type: "response.function_call_arguments.done", item_id: "i", output_index: 0, arguments: ARGS },
        { type: "response.output_item.done", output_index: 0, item: { type: "function_call", id: "i", name, arguments: ARGS } },
      ];
    },
  ],
  [
    "anthropic-messages",
    (name) => ({ content: [{ type: "tool_use", id: "c", name, input: { to: IBAN, who: PERSON } }] }),
    (name) => {
      const delta = (piece: string): JsonObject => ({
        type: "content_block_delta",
        index: 0,
        delta: { type: "input_json_delta", partial_json: piece },
      });
      return [
        { type: "content_block_start", index: 0, content_block: { type: "tool_use", id: "c", name, input: {} } },
        delta(ARGS.slice(0, 12)),
        delta(ARGS.slice(12)),
        { type: "content_block_stop", index: 0 },
      ];
    },
  ],
];

const streamed = (format: Format, events: readonly JsonObject[]): string => {
  const restorer = format.createEvents(context);
  return JSON.stringify([...events.flatMap((event) => restorer.push(event)), ...restorer.end()]);
};

describe.each(CALLS)("a tool's arguments by %s", (protocol, whole, stream) => {
  const format = formatOf(protocol);

  it("get all values for a tool that the profile names", () => {
    for (const answer of [JSON.stringify(format.restoreWhole(whole("ledger__post"), context)), streamed(format, stream("ledger__post"))]) {
      expect(answer).toContain("DE89370400440532013000");
      expect(answer).toContain("Anna Schmidt");
      expect(answer).not.toContain(IBAN);
    }
  });

  it("keep the tokens of classes that the profile has for other tools, whole and streamed", () => {
    for (const answer of [JSON.stringify(format.restoreWhole(whole("mail__send"), context)), streamed(format, stream("mail__send"))]) {
      expect(answer).not.toContain("DE89");
      expect(answer).toContain("Anna Schmidt");
    }
    expect(JSON.stringify(format.restoreWhole(whole("mail__send"), context))).toContain(IBAN);
  });
});

it("keeps the tokens where the arguments pretend to be a call of a tool that may have them, and where no tool is named", () => {
  const format = formatOf("anthropic-messages");
  const nested = { name: "ledger__post", input: { to: IBAN }, arguments: IBAN };
  const answer = JSON.stringify(
    format.restoreWhole({ content: [{ type: "tool_use", id: "c", name: "mail__send", input: nested }] }, context),
  );
  expect(answer).not.toContain("DE89");
  expect(JSON.stringify(format.restoreWhole({ content: [{ type: "tool_use", id: "c", input: { to: IBAN } }] }, context))).not.toContain(
    "DE89",
  );
});

it("shows a person all values in the text", () => {
  const said = { choices: [{ message: { content: `${PERSON} has ${IBAN}` } }] };
  expect(formatOf("openai-chat").restoreWhole(said, context)).toMatchObject({
    choices: [{ message: { content: "Anna Schmidt has DE89370400440532013000" } }],
  });
});

it("is every value for every tool where the profile says nothing", () => {
  expect(mayRestoreFor("mail__send", "IBAN", guardProfile.parse({ mode: "strict" }))).toBe(true);
  expect(mayRestoreFor(undefined, "IBAN", guardProfile.parse({ mode: "strict" }))).toBe(true);
});

it("gives a tool that policy does not let the session use no value at all, whatever the profile says, and asks once an answer", () => {
  const asked: string[] = [];
  const deps = {
    mayUse: (tool: string, { unattended }: { unattended: boolean }) => {
      asked.push(`${tool} ${unattended}`);
      return tool.startsWith("ledger__");
    },
  };
  const open = guardProfile.parse({ mode: "strict" });
  const may = valuesByTool(deps, open, true);
  expect([may("ledger__post", "IBAN"), may("own__send", "IBAN"), may("own__send", "PERSON")]).toEqual([true, false, false]);
  expect(asked).toEqual(["ledger__post true", "own__send true"]);
  expect(valuesByTool({}, open, false)("own__send", "IBAN")).toBe(true);
  expect(valuesByTool(deps, profile, true)("ledger__post", "IBAN")).toBe(true);
});

/** The tools of the MCP server `privacy-guard`: detect, process, restore. Source: spec G6. */
import { z } from "zod";
import { type DataClass, dataClass } from "../../mesh/contract/data-class.ts";
import type { ProcessPolicy } from "../../mesh/contract/daemon-api.ts";
import { GaggleError } from "../../mesh/contract/errors.ts";
import type { DaemonLink } from "../daemon-link.ts";
import { defineTool, type Tool, type ToolCall } from "../define-tool.ts";

const MAX_TEXT_CHARS = 1_000_000;
const offset = z.int().min(0).max(Number.MAX_SAFE_INTEGER);

/** Tokens belong to a session: without one, nothing could be restored later. */
function sessionOf(call: ToolCall): string {
  if (call.sessionId !== undefined) return call.sessionId;
  throw new GaggleError(
    "SESSION_UNKNOWN",
    "The program that called names no Goose session. Use this tool from within Goose 1.52 or newer.",
  );
}

const detect = (daemon: DaemonLink): Tool =>
  defineTool({
    name: "detect",
    title: "Find personal data in a text",
    description:
      "Finds personal data and secrets in a text, on this machine: names, addresses, e-mail, phone, IBAN, card and id numbers, keys and more. " +
      "Answers with the kind, place (UTF-16 offsets, end exclusive) and certainty of each, not with the values.",
    input: z.strictObject({ text: z.string().max(MAX_TEXT_CHARS).describe("The text to look through") }),
    output: z.object({
      entities: z.array(z.object({ start: offset, end: offset, label: z.string(), score: z.number(), detector: z.string() })),
    }),
    readOnly: true,
    async run({ text }, call) {
      const found = await daemon.call("guard.detect", { text }, { signal: call.signal });
      const counts = new Map<string, number>();
      for (const { label } of found.entities) counts.set(label, (counts.get(label) ?? 0) + 1);
      const list = [...counts].map(([label, count]) => `${label} ${count}`).join(", ");
      return { structured: found, text: list === "" ? "No personal data or secret was found." : `Found: ${list}.` };
    },
  });

const classes = z.array(dataClass).max(dataClass.options.length);

const policy = z
  .strictObject({
    mode: z.enum(["mask-and-forward", "strict"]).optional().describe("strict also refuses a text with secrets"),
    mask: classes.optional().describe("Classes to mask though the role's profile lets them pass, such as DATE"),
    block: classes.optional().describe("Classes of which a single value makes the guard refuse the text"),
  })
  .describe("Makes the guard stricter than the role's profile. It can't make it laxer.");

const everyOne = <M extends "mask" | "block">(labels: readonly DataClass[], mode: M): Partial<Record<DataClass, M>> =>
  Object.fromEntries(labels.map((label) => [label, mode] as const));

/** The choice as the daemon takes it; what is both to be masked and blocked is blocked. */
const processPolicy = ({ mode, mask = [], block = [] }: z.output<typeof policy>): ProcessPolicy => ({
  ...(mode === undefined ? {} : { mode }),
  classes: { ...everyOne(mask, "mask"), ...everyOne(block, "block") },
});

const process = (daemon: DaemonLink): Tool =>
  defineTool({
    name: "process",
    title: "Mask personal data in a text",
    description:
      "Replaces personal data and secrets in a text by tokens, on this machine. Answers with the masked text and a mapRef, with which restore can undo it. " +
      "Use it before a text goes to a place that must not see personal data.",
    input: z.strictObject({ text: z.string().max(MAX_TEXT_CHARS).describe("The text to mask"), policy: policy.optional() }),
    output: z.object({
      masked: z.string(),
      mapRef: z.string(),
      redactions: z.array(z.object({ class: z.string(), count: offset })),
    }),
    readOnly: false,
    async run({ text, policy: wanted }, call) {
      const request = { text, sessionId: sessionOf(call), ...(wanted === undefined ? {} : { policy: processPolicy(wanted) }) };
      const result = await daemon.call("guard.process", request, { signal: call.signal });
      const list = result.redactions.map((redaction) => `${redaction.class} ${redaction.count}`).join(", ");
      return { structured: result, text: list === "" ? "Nothing had to be masked." : `Masked: ${list}.` };
    },
  });

const restore = (daemon: DaemonLink): Tool =>
  defineTool({
    name: "restore",
    title: "Undo the masking of a text",
    description:
      "Puts the values back into a text that process masked in this chat, where policy allows it. Give the mapRef that process answered with. " +
      "Use it only for what stays on this machine or goes to someone who may see the data.",
    input: z.strictObject({
      masked: z.string().max(MAX_TEXT_CHARS).describe("A text with tokens"),
      mapRef: z.string().min(1).max(200).describe("From process"),
    }),
    output: z.object({ text: z.string() }),
    readOnly: true,
    async run({ masked, mapRef }, call) {
      const restored = await daemon.call("guard.restore", { masked, mapRef, sessionId: sessionOf(call) }, { signal: call.signal });
      return { structured: restored, text: "Restored what this chat's tokens stand for." };
    },
  });

/** Makes the tools over a line to the daemon. */
export const guardTools = (daemon: DaemonLink): readonly Tool[] => [detect(daemon), process(daemon), restore(daemon)];

/** Commands of the privacy guard for people: detect, mask, restore, eval, model; those that need the daemon are in guard-agent-commands.ts. */
import { existsSync } from "node:fs";
import { once } from "node:events";
import { type Command, InvalidArgumentError, Option } from "commander";
import type { ProcessPolicy } from "../contract/daemon-api.ts";
import { type DataClass, dataClass } from "../contract/data-class.ts";
import { action } from "./action.ts";
import type { CommandContext } from "./context.ts";
import { addGuardAgentCommands } from "./guard-agent-commands.ts";
import type { Process, TextOutput } from "./guard/mask-command.ts";

/** Options about what finds. */
interface DetectionOptions {
  readonly model?: string;
  readonly rulesOnly?: boolean;
}

/** Options about the text. */
interface InputOptions {
  readonly file?: string;
}

interface MaskOptions extends DetectionOptions {
  readonly map?: string;
  readonly also: readonly DataClass[];
}

/** Name of the only session of a guard that masks one text. */
const ONE_TEXT = "text";
/** Time for one part of a text, with a model to be loaded first. */
const PART_TIMEOUT_MS = 300_000;

/** Adds them to the program. */
export function addGuardCommands(program: Command): void {
  const guard = program.command("guard").description("the privacy guard by hand: find, mask and restore personal data; measure it");
  addDetect(guard);
  addMask(guard);
  addRestore(guard);
  addEval(guard);
  addModel(guard);
  addGuardAgentCommands(guard);
}

const withInput = (command: Command): Command =>
  command
    .argument("[text]", "the text; without it and --file, standard input is read")
    .option("--file <path>", "a text file of any size, in UTF-8");

const withDetection = (command: Command): Command =>
  command
    .option("--model <folder>", "another ONNX token-classification model than the shipped one")
    .option("--rules-only", "rules and lists alone, without the model that finds names");

function addDetect(guard: Command): void {
  withDetection(withInput(guard.command("detect").description("show personal data and secrets in a text"))).action(
    action<InputOptions & DetectionOptions>(async (context, options, [text]) => {
      const { detectText } = await import("./guard/detect-command.ts");
      const output = textOutput(context);
      await withLocal(context, options, async ({ detection }) => detectText(detection, output, await input(options, text)));
    }),
  );
}

function addMask(guard: Command): void {
  withDetection(withInput(guard.command("mask").description("replace personal data and secrets in a text by tokens")))
    .option("--map <file>", "keep what the tokens stand for in this new file, in the clear; left out: with the agent, encrypted")
    .option("--also <classes>", "mask these classes too, such as DATE", classes, [])
    .action(
      action<InputOptions & MaskOptions>(async (context, options, [text]) => {
        const pieces = await input(options, text);
        const { agentConfigOf } = await import("./guard/local-detection.ts");
        const own = options.map !== undefined || options.model !== undefined || options.rulesOnly === true;
        if (own || (await agentConfigOf(context.home)) === undefined) await maskHere(context, options, pieces);
        else await maskByDaemon(context, options, pieces);
      }),
    );
}

function addRestore(guard: Command): void {
  withInput(guard.command("restore").description("put the values back into a masked text"))
    .requiredOption("--map <file or reference>", "what `mask` said")
    .action(
      action<InputOptions & { map: string }>(async (context, options, [text]) => {
        const { restoreWithDaemon, restoreWithTokens } = await import("./guard/mask-command.ts");
        const { parseMapRef } = await import("./guard/map-ref.ts");
        const { readMapFile } = await import("./guard/map-file.ts");
        const { withDaemon } = await import("./context.ts");
        const pieces = await input(options, text);
        const ref = existsSync(options.map) ? undefined : parseMapRef(options.map);
        if (ref === undefined) return restoreWithTokens(await readMapFile(options.map), textOutput(context), pieces);
        return withDaemon(context, (daemon) => restoreWithDaemon(daemon, ref, textOutput(context), pieces));
      }),
    );
}

function addEval(guard: Command): void {
  withDetection(guard.command("eval").description("measure the guard against texts in which people marked what is personal"))
    .requiredOption("--data <file>", "one JSON object a line: {text, spans: [{start, end, label}]} or {tokens, tags}")
    .option("--predictions <file>", "write each row with the spans that would be masked")
    .option("--labels <labels>", "score only these, such as PERSON,ORG,LOCATION", list)
    .option("--map <A=B>", "read label A as B; A=- leaves A out; may be repeated", collect, [])
    .addOption(new Option("--offsets <unit>", "what start and end count").choices(["utf16", "code-points"]).default("utf16"))
    .addOption(
      new Option("--mode <mode>", "all: every class that is found; gateway: what the role's profile, or the default one, masks")
        .choices(["all", "gateway"])
        .default("all"),
    )
    .action(
      action<DetectionOptions & EvalOptions>(async (context, options) => {
        const { evalData } = await import("./guard/eval-command.ts");
        const { profileOf } = await import("./guard/local-guard.ts");
        const { isReplaced, rulesFor } = await import("../../guard/guard-rules.ts");
        await withLocal(context, options, async (local) => {
          const replaced = isReplaced(rulesFor(profileOf(local), "cloud"));
          const counts = (label: DataClass): boolean => options.mode === "all" || replaced({ label });
          await evalData({ detection: local.detection, now: () => performance.now(), out: context.out, progress }, { ...options, counts });
        });
      }),
    );
}

function addModel(guard: Command): void {
  guard
    .command("model")
    .description("choose the model that finds names; counts after the next start of the agent")
    .argument("[folder]", "model.onnx, tokenizer.json and config.json; without it, says which model it is")
    .option("--from <address>", "fetch it first: https address of the model's files at a hub; the folder must be new")
    .addOption(new Option("--shipped", "the one that ships with Gaggle again").conflicts("from"))
    .action(
      action<{ shipped?: boolean; from?: string }>(async (context, { shipped = false, from }, [folder]) => {
        const { fetchAndTakeModel, showModel, takeModel } = await import("./guard/model-command.ts");
        if (from !== undefined) await fetchAndTakeModel(context, from, folder);
        else if (shipped || folder !== undefined) await takeModel(context, shipped ? undefined : folder);
        else await showModel(context);
      }),
    );
}

interface EvalOptions {
  readonly data: string;
  readonly predictions?: string;
  readonly labels?: string[];
  readonly map: string[];
  readonly offsets: "utf16" | "code-points";
  readonly mode: "all" | "gateway";
}

type Local = Awaited<ReturnType<typeof import("./guard/local-detection.ts").openLocalDetection>>;

/** Runs a command with a detection of its own. */
async function withLocal(
  { home, installDir }: CommandContext,
  { model, rulesOnly = false }: DetectionOptions,
  use: (local: Local) => Promise<void>,
): Promise<void> {
  const { openLocalDetection } = await import("./guard/local-detection.ts");
  const local = await openLocalDetection({ home, installDir, model, withoutModel: rulesOnly });
  try {
    await use(local);
  } finally {
    await local.detection.close();
  }
}

async function maskHere(context: CommandContext, options: MaskOptions, pieces: AsyncIterable<string>): Promise<void> {
  const { createLocalGuard } = await import("./guard/local-guard.ts");
  const { maskText } = await import("./guard/mask-command.ts");
  const { createMapFile } = await import("./guard/map-file.ts");
  await withLocal(context, options, async (local) => {
    const { guard, issued } = createLocalGuard(local);
    const file = options.map === undefined ? undefined : await createMapFile(options.map);
    const keep = async (): Promise<string | undefined> => {
      await file?.finish(issued(ONE_TEXT));
      return options.map;
    };
    const masking = { process: guard.process, sessionId: ONE_TEXT, policy: policyOf(options), keep };
    await maskText(masking, textOutput(context), pieces).catch(async (error: unknown) => {
      await file?.abandon();
      throw error;
    });
  });
}

async function maskByDaemon(context: CommandContext, options: MaskOptions, pieces: AsyncIterable<string>): Promise<void> {
  const { withDaemon } = await import("./context.ts");
  const { maskText } = await import("./guard/mask-command.ts");
  const { formatMapRef, newCliSession } = await import("./guard/map-ref.ts");
  const { systemRandom } = await import("../agent/system.ts");
  const sessionId = newCliSession(systemRandom.bytes(16));
  const keep = async (mapRef: string | undefined): Promise<string | undefined> =>
    mapRef === undefined ? undefined : formatMapRef({ sessionId, mapRef });
  await withDaemon(context, (daemon) => {
    const process: Process = (request) => daemon.call("guard.process", request, { timeoutMs: PART_TIMEOUT_MS });
    return maskText({ process, sessionId, policy: policyOf(options), keep }, textOutput(context), pieces);
  });
}

const policyOf = ({ also }: MaskOptions): ProcessPolicy => ({ classes: Object.fromEntries(also.map((label) => [label, "mask"])) });

/** The text that is meant. */
async function input({ file }: InputOptions, text: string | undefined): Promise<AsyncIterable<string>> {
  const { readInput } = await import("./guard/read-input.ts");
  if (text === undefined && file === undefined && process.stdin.isTTY)
    process.stderr.write("Type or paste the text; end it with Ctrl-D on an empty line.\n");
  return readInput({ text, file, stdin: process.stdin });
}

/** Standard output for the text, standard error for words about it. A terminal gets the text without anything that could move or colour it. */
function textOutput({ out }: CommandContext): TextOutput {
  let openLine = false;
  return {
    out,
    write: async (text) => {
      if (out.json) return;
      openLine = process.stdout.isTTY && !text.endsWith("\n");
      const { linesAsSeen } = await import("./guard/span-colours.ts");
      if (!process.stdout.write(process.stdout.isTTY ? linesAsSeen(text) : text)) await once(process.stdout, "drain");
    },
    note: (line) => {
      if (out.json) return;
      process.stderr.write(`${openLine ? "\n" : ""}${line}\n`);
      openLine = false;
    },
  };
}

/** How far it is, on one line of a terminal; an empty line ends it. */
function progress(line: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\u001b[K${line}`);
}

const list = (value: string): string[] => value.split(",").map((each) => each.trim().toUpperCase()).filter(Boolean); // biome-ignore format: one chain
const collect = (value: string, before: string[]): string[] => [...before, value];

function classes(value: string): DataClass[] {
  const parsed = dataClass.array().safeParse(list(value));
  if (!parsed.success) throw new InvalidArgumentError(`Classes are: ${dataClass.options.join(", ")}.`);
  return parsed.data;
}

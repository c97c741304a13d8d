/** An executor on real parts: the real Goose with a root of its own, a model that answers as told, and a probe extension. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { onTestFinished } from "vitest";
import { stringify } from "yaml";
import type { Skill } from "../../mesh/contract/bundle.ts";
import { type ChatRequest, readConversation } from "../../mesh/demo/rehearsal/conversation.ts";
import type { Answer, PlannedCall } from "../../mesh/demo/rehearsal/play-script.ts";
import { type AnswerRequest, serveAnswers } from "../../mesh/demo/rehearsal/rehearsal-model.ts";
import {
  createExecutor,
  type Executor,
  type ExecutorConfig,
  type ExecutorDeps,
  type RunProgress,
  type RunRequest,
} from "../../mesh/executor/create-executor.ts";
import type { RunRecord } from "../../mesh/executor/kill-tree.ts";
import { prepareRun } from "../../mesh/recipe/prepare-run.ts";
import { createRealClock, realRandom } from "./real-clock.ts";
import { gooseBinary } from "./real-goose.ts";
import { tempFolder } from "./temp-home.ts";

/** Folder of the repository. */
export const REPOSITORY = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

const PROBE_EXTENSION = fileURLToPath(new URL("./probe-extension.ts", import.meta.url));

/** A recipe over the probe extension whose result is `{status, note?}`. */
export function probeRecipe(folder: string, change: Readonly<Record<string, unknown>> = {}): string {
  return stringify({
    version: "1.0.0",
    title: "Probe",
    description: "A probe",
    parameters: [{ key: "period", input_type: "string", requirement: "required", description: "Month" }],
    instructions: "Probe {{ period }}.",
    prompt: "Probe {{ period }} now.",
    extensions: [
      {
        type: "stdio",
        name: "probe",
        description: "Probe",
        cmd: "node",
        args: [PROBE_EXTENSION, folder],
        timeout: 60,
        available_tools: ["note", "environment", "hang"],
      },
    ],
    settings: { goose_provider: "privacy_guard" },
    response: {
      json_schema: {
        type: "object",
        additionalProperties: false,
        required: ["status"],
        properties: { status: { type: "string", enum: ["done", "failed"] }, note: { type: "string", maxLength: 20 } },
      },
    },
    ...change,
  });
}

/** Calls of tools, by turn. The ids carry the turn, since Goose splits messages with several calls. */
export function turns(...planned: readonly (readonly (readonly [tool: string, args: PlannedCall["args"]])[])[]): AnswerRequest {
  return (request: ChatRequest): Answer => {
    const { answers, tools } = readConversation(request);
    if (tools.size === 0) return { text: "Title", calls: [] };
    const turn = planned.findIndex((calls, index) => calls.some((_, call) => !answers.has(`turn-${index}-${call}`)));
    const calls = (planned[turn] ?? []).map(([tool, args], call) => ({ id: `turn-${turn}-${call}`, tool, args }));
    return { text: turn === -1 ? "There is nothing more to say." : "", calls };
  };
}

/** The executor with what it was told and what it told. */
export interface ExecutorWorld {
  readonly executor: Executor;
  readonly folder: string;
  readonly gooseRoot: string;
  readonly progress: RunProgress[];
  readonly requests: ChatRequest[];
  readonly records: Map<string, RunRecord>;
  readonly sessions: { sessionId: string; taskId: string }[];
  request(change?: Partial<RunRequest>): RunRequest;
  /** A file that the probe extension wrote, or undefined. */
  written(file: string): string | undefined;
}

/** Points a Goose root's provider `privacy_guard` at a model server. */
export function writeProvider(gooseRoot: string, baseUrl: string, headers: Readonly<Record<string, string>> = {}): void {
  const providers = join(gooseRoot, "config", "custom_providers");
  mkdirSync(providers, { recursive: true });
  const provider = {
    name: "privacy_guard",
    engine: "openai",
    display_name: "Privacy Guard",
    base_url: `${baseUrl}/chat/completions`,
    models: [{ name: "gaggle-rehearsal", context_limit: 128_000 }],
    headers,
    requires_auth: false,
    supports_streaming: true,
    dynamic_models: false,
  };
  writeFileSync(join(providers, "privacy_guard.json"), JSON.stringify(provider));
}

/** Makes the world of one test; everything ends with it. */
export async function executorWorld(
  answer: AnswerRequest,
  options: { deps?: Partial<ExecutorDeps>; config?: Partial<ExecutorConfig> } = {},
): Promise<ExecutorWorld> {
  const folder = tempFolder();
  const gooseRoot = join(folder, "goose");
  const clock = createRealClock();
  const requests: ChatRequest[] = [];
  const model = await serveAnswers((request) => {
    requests.push(request);
    return answer(request);
  }, clock);
  writeProvider(gooseRoot, model.url);
  const records = new Map<string, RunRecord>();
  const progress: RunProgress[] = [];
  const sessions: { sessionId: string; taskId: string }[] = [];
  const deps: ExecutorDeps = {
    clock,
    random: realRandom,
    register: {
      add: async (record) => void records.set(record.runId, record),
      remove: async (runId) => void records.delete(runId),
      list: async () => [...records.values()],
    },
    prepare: (text, context) => prepareRun({ text, context, installDir: REPOSITORY, node: process.execPath }),
    authorise: ({ tool }) => ({ allowed: tool.startsWith("probe__"), reason: "test" }),
    registerSession: (session) => void sessions.push(session),
    onProgress: (event) => void progress.push(event),
    ...options.deps,
  };
  const executor = createExecutor(deps, {
    goose: gooseBinary(),
    gooseRoot,
    workDir: join(folder, "work"),
    model: "gaggle-rehearsal",
    env: { ...process.env, HOME: folder },
    extraEnv: {},
    maxOutputBytes: 33_554_432,
    ...options.config,
  });
  onTestFinished(async () => {
    await executor.close();
    await model.close();
  });
  const skill: Skill = {
    id: "probe",
    description: "Probe",
    recipe: "recipes/probe/probe.yaml",
    restart: "safe",
    timeoutSeconds: 60,
    maxTurns: 10,
  };
  const request = (change: Partial<RunRequest> = {}): RunRequest => ({
    taskId: "0192f0c0-0000-7000-8000-000000000001",
    skill,
    recipeText: probeRecipe(folder),
    task: "Probe the month.",
    context: { period: "2026-10" },
    from: { subject: "fiona.berg", role: "finance" },
    ...change,
  });
  const written = (file: string): string | undefined => {
    try {
      return readFileSync(join(folder, file), "utf8");
    } catch {
      return undefined;
    }
  };
  return { executor, folder, gooseRoot, progress, requests, records, sessions, request, written };
}

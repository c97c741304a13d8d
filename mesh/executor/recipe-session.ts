/** One recipe, run in one Goose session over ACP. Source: Agent Client Protocol 1; Goose 1.52 for `_meta` and `_goose/` methods. */
import { type ClientContext, client, PROTOCOL_VERSION, RequestError } from "@agentclientprotocol/sdk";
import { z } from "zod";
import { GaggleError } from "../contract/errors.ts";
import { type JsonObject, parseJson } from "../contract/json.ts";
import type { GooseProcess } from "./goose-process.ts";
import { FINAL_OUTPUT_TOOL, type PermissionGate } from "./permissions.ts";
import { runFailure } from "./run-failure.ts";

/** What to run. */
export interface SessionPlan {
  /** Empty folder that the session works in. */
  readonly cwd: string;
  /** The rendered recipe, and its ACP form. */
  readonly recipe: JsonObject;
  readonly deeplink: string;
  readonly prompt: string;
  readonly gate: PermissionGate;
  /** Called before the first prompt, so that extensions and guard know the session. */
  onSession(sessionId: string): Promise<void> | void;
  /** Called after each model call with their number so far. */
  onTurn(turns: number): void;
}

/** What a session used. */
export interface SessionOutcome {
  readonly sessionId: string;
  /** Model calls. */
  readonly turns: number;
  /** Tokens of all model calls as the provider reported them. */
  readonly tokens: number;
}

const recipeExtensions = z.array(z.looseObject({ name: z.string(), available_tools: z.array(z.string()).optional() })).default([]);
const extensionResults = z.looseObject({ extensionResults: z.array(z.looseObject({ name: z.string(), success: z.boolean() })) });
const toolList = z.looseObject({ tools: z.array(z.looseObject({ name: z.string() })) });
const exported = z.looseObject({ accumulated_usage: z.looseObject({ total_tokens: z.int().nullish() }).nullish() });

/**
 * Runs the plan to the end of the model's turn.
 * @throws GaggleError EXECUTOR_FAILED with a reason of run-failure.ts
 */
export async function runSession(goose: GooseProcess, plan: SessionPlan): Promise<SessionOutcome> {
  let turns = 0;
  let prompting = false;
  const app = client({ name: "gaggle" })
    .onRequest("session/request_permission", ({ params }) => plan.gate.answer(params))
    .onNotification("session/update", ({ params }) => {
      plan.gate.observe(params);
      if (prompting && params.update.sessionUpdate === "usage_update") plan.onTurn(++turns);
    });
  const work = app.connectWith(goose.stream, async (agent) => {
    const sessionId = await openSession(agent, plan);
    await plan.onSession(sessionId);
    prompting = true;
    await agent.request("session/prompt", { sessionId, prompt: [{ type: "text", text: plan.prompt }] });
    // Goose reports usage after each model call and once more at the end of the turn.
    return { sessionId, turns: Math.max(0, turns - 1), tokens: await tokensOf(agent, sessionId) };
  });
  try {
    return await Promise.race([work, goose.failed]);
  } catch (cause) {
    throw cause instanceof GaggleError ? cause : runFailure(cause instanceof RequestError ? "goose-refused" : "goose-exited", {}, cause);
  }
}

async function openSession(agent: ClientContext, plan: SessionPlan): Promise<string> {
  await agent.request("initialize", {
    protocolVersion: PROTOCOL_VERSION,
    clientCapabilities: {},
    clientInfo: { name: "gaggle", version: "1" },
  });
  const session = await agent.request("session/new", { cwd: plan.cwd, mcpServers: [], _meta: { recipeDeeplink: plan.deeplink } });
  checkExtensions(plan.recipe, session._meta);
  checkTools(plan.recipe, await agent.request("_goose/unstable/tools/list", { sessionId: session.sessionId }));
  await agent.request("session/set_mode", { sessionId: session.sessionId, modeId: "approve" });
  return session.sessionId;
}

/** A failed extension doesn't fail Goose's session, so it is looked for. */
function checkExtensions(recipe: JsonObject, meta: unknown): void {
  const results = extensionResults.safeParse(meta);
  const started = new Set(results.data?.extensionResults.filter(({ success }) => success).map(({ name }) => name));
  const missing = recipeExtensions.parse(recipe["extensions"]).find(({ name }) => !started.has(name));
  if (missing !== undefined) throw runFailure("extension-failed", { extension: missing.name });
}

/** Goose must offer no tool but those of the recipe: no shell, no delegate, nothing of the user's own extensions. */
function checkTools(recipe: JsonObject, listed: unknown): void {
  const parsed = toolList.safeParse(listed);
  if (!parsed.success) throw runFailure("goose-refused");
  const extensions = recipeExtensions.parse(recipe["extensions"]);
  const named = (tool: string): boolean =>
    tool === FINAL_OUTPUT_TOOL ||
    extensions.some(({ name, available_tools: tools }) =>
      tools === undefined ? tool.startsWith(`${name}__`) : tools.some((t) => tool === `${name}__${t}`),
    );
  const others = parsed.data.tools.filter(({ name }) => !named(name));
  if (others.length > 0) throw runFailure("unexpected-tools", { count: others.length });
}

/** Goose's own sum over all model calls; 0 where this Goose doesn't export it, since a figure must not cost the result. */
async function tokensOf(agent: ClientContext, sessionId: string): Promise<number> {
  try {
    const { data } = z.looseObject({ data: z.string() }).parse(await agent.request("_goose/unstable/session/export", { sessionId }));
    return exported.parse(parseJson(data, "Goose's session")).accumulated_usage?.total_tokens ?? 0;
  } catch {
    return 0;
  }
}

/** Which model plays in the demo: a vendor's or Ollama's where one is configured and named, else the rehearsal model. */
import { GaggleError } from "../contract/errors.ts";
import { REHEARSAL_MODEL } from "./rehearsal/completion.ts";

/** The server behind the guard: an OpenAI-compatible base URL, and its key where it wants one. */
export interface ModelChoice {
  /** `null` means: the rehearsal model. */
  readonly baseUrl: string | null;
  readonly model: string;
  readonly apiKey: string | undefined;
  /** For the screen. */
  readonly description: string;
}

/**
 * Chooses by what the environment holds.
 * @param model value of `--model`; without it the rehearsal model plays, whatever keys are set
 * @throws GaggleError INVALID_INPUT when a model is named and no server for it is configured
 */
export function chooseModel(model: string | undefined, env: NodeJS.ProcessEnv): ModelChoice {
  if (model === undefined) {
    return {
      baseUrl: null,
      model: REHEARSAL_MODEL,
      apiKey: undefined,
      description: "rehearsal model (a written script; everything else is real)",
    };
  }
  const { OPENAI_API_KEY: openAi, ANTHROPIC_API_KEY: anthropic, OLLAMA_HOST: ollama } = env;
  const isClaude = model.startsWith("claude");
  if (anthropic && (isClaude || !openAi)) {
    // Anthropic's own OpenAI-compatible endpoint, so that the demo's Goose roots need one engine only.
    return { baseUrl: "https://api.anthropic.com/v1", model, apiKey: anthropic, description: `${model} at Anthropic` };
  }
  if (openAi && !isClaude) {
    return {
      baseUrl: (env["OPENAI_BASE_URL"] ?? "https://api.openai.com/v1").replace(/\/+$/, ""),
      model,
      apiKey: openAi,
      description: `${model} at OpenAI's API`,
    };
  }
  if (ollama) {
    const host = /^https?:\/\//.test(ollama) ? ollama : `http://${ollama}`;
    return { baseUrl: `${host.replace(/\/+$/, "")}/v1`, model, apiKey: undefined, description: `${model} at Ollama` };
  }
  throw new GaggleError(
    "INVALID_INPUT",
    "A model is named, but no server for it. Set OPENAI_API_KEY, ANTHROPIC_API_KEY or OLLAMA_HOST, or leave --model out.",
  );
}

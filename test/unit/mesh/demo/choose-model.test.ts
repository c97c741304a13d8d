import { describe, expect, it } from "vitest";
import { chooseModel } from "../../../../mesh/demo/choose-model.ts";

const OPENAI = { OPENAI_API_KEY: "sk-openai" };
const ANTHROPIC = { ANTHROPIC_API_KEY: "sk-ant" };

describe("the demo's model", () => {
  it("is the rehearsal model unless one is named, whatever keys are set", () => {
    expect(chooseModel(undefined, { ...OPENAI, ...ANTHROPIC, OLLAMA_HOST: "x" })).toMatchObject({ baseUrl: null, apiKey: undefined });
  });

  it.each([
    ["gpt-4.1", OPENAI, "https://api.openai.com/v1", "sk-openai"],
    ["gpt-5-mini", OPENAI, "https://api.openai.com/v1", "sk-openai"],
    ["gpt-4.1", { ...OPENAI, ...ANTHROPIC }, "https://api.openai.com/v1", "sk-openai"],
    ["claude-x", { ...OPENAI, ...ANTHROPIC }, "https://api.anthropic.com/v1", "sk-ant"],
    ["claude-x", ANTHROPIC, "https://api.anthropic.com/v1", "sk-ant"],
    ["m", { ...OPENAI, OPENAI_BASE_URL: "http://127.0.0.1:1/v1/" }, "http://127.0.0.1:1/v1", "sk-openai"],
    ["llama", { OLLAMA_HOST: "127.0.0.1:11434" }, "http://127.0.0.1:11434/v1", undefined],
    ["llama", { OLLAMA_HOST: "https://ollama.example/" }, "https://ollama.example/v1", undefined],
  ])("named %s with %j is at %s", (model, env, baseUrl, apiKey) => {
    expect(chooseModel(model, env)).toMatchObject({ baseUrl, model, apiKey });
  });

  it("is never sent to another vendor with the wrong key, and its description holds no key", () => {
    expect(() => chooseModel("claude-x", OPENAI)).toThrow(expect.objectContaining({ code: "INVALID_INPUT" }));
    expect(() => chooseModel("gpt-4.1", {})).toThrow(expect.objectContaining({ code: "INVALID_INPUT" }));
    expect(() => chooseModel("gpt-4.1", { OPENAI_API_KEY: "" })).toThrow(expect.objectContaining({ code: "INVALID_INPUT" }));
    expect(chooseModel("gpt-4.1", OPENAI).description).not.toContain("sk-");
  });
});

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { GATEWAY_TOKEN, startGuardGateway, type TestGateway } from "../support/guard-gateway.ts";
import { type GooseRoot, gooseRoot } from "../support/real-goose.ts";
import { type RecordingUpstream, startRecordingUpstream, type UpstreamBody } from "../support/recording-upstream.ts";
import { tempFolder } from "../support/temp-home.ts";

const EMAIL = "ada.lovelace@example.org";
const IBAN = "DE89 3704 0044 0532 0130 00";
const PHONE = "+49 171 2345678";
const TOKENS = /(?:EMAIL|IBAN|PHONE)_[0-9A-Z]{10}/g;

/** What Goose is set up with; by default as `gaggle setup` writes it for an OpenAI-compatible model. */
interface ProviderChoice {
  readonly token?: string;
  readonly engine?: "openai" | "anthropic";
  readonly model?: string;
}

/** The provider file that `gaggle setup` writes. */
function useGuard(goose: GooseRoot, { gateway }: TestGateway, choice: ProviderChoice = {}): void {
  const { token = GATEWAY_TOKEN, engine = "openai", model = "m" } = choice;
  const providers = join(goose.root, "config", "custom_providers");
  mkdirSync(providers, { recursive: true });
  const provider = {
    name: "privacy_guard",
    engine,
    display_name: "Privacy Guard",
    base_url: engine === "openai" ? `${gateway.url}/v1/chat/completions` : gateway.url,
    models: [{ name: model, context_limit: 128_000 }],
    headers: { authorization: `Bearer ${token}` },
    requires_auth: false,
    supports_streaming: true,
    dynamic_models: false,
  };
  writeFileSync(join(providers, "privacy_guard.json"), JSON.stringify(provider));
  writeFileSync(
    goose.configFile,
    `GOOSE_PROVIDER: privacy_guard\nGOOSE_MODEL: ${model}\nGOOSE_MODE: auto\nextensions:\n  developer: {enabled: true, type: platform, name: developer}\n`,
  );
}

const lastUserText = (body: UpstreamBody): string =>
  JSON.stringify(body.messages.filter((message) => message.role === "user").at(-1)?.content);
const toolResult = (body: UpstreamBody): string | undefined => {
  const result = body.messages.find((message) => message.role === "tool");
  return result === undefined ? undefined : JSON.stringify(result.content);
};

function expectNothingPersonal(upstream: RecordingUpstream): void {
  const seen = upstream.requests.map((request) => JSON.stringify(JSON.parse(request.raw))).join("\n");
  for (const value of [EMAIL, IBAN, IBAN.replaceAll(" ", ""), PHONE, "0532 0130", "2345678"]) expect(seen).not.toContain(value);
}

const run = (goose: GooseRoot, prompt: string): ReturnType<GooseRoot["run"]> =>
  goose.run(["run", "-q", "-t", prompt, "--no-session", "--output-format", "json", "--max-turns", "4"]);

describe("the guard's gateway before the real Goose", () => {
  it("hides e-mail, IBAN and phone from the model and shows them in Goose's output", async () => {
    const upstream = await startRecordingUpstream((body) => ({
      say: `I noted **${(lastUserText(body).match(TOKENS) ?? []).join('** and "')}".`,
    }));
    const guard = await startGuardGateway(upstream.baseUrl);
    const goose = gooseRoot(tempFolder());
    useGuard(goose, guard);
    const done = await run(goose, `Write to ${EMAIL}, pay ${IBAN}, call ${PHONE}.`);
    expect(done.code, done.stderr).toBe(0);
    expectNothingPersonal(upstream);
    expect(upstream.requests[0]?.headers.authorization).toBe("Bearer vendor-key");
    expect(upstream.requests[0]?.headers["agent-session-id"]).toBeUndefined();
    expect(JSON.stringify(JSON.parse(done.stdout))).toContain(`I noted **${EMAIL}** and \\"${IBAN}** and \\"${PHONE}\\".`);
    expect(guard.calls[0]).toMatchObject({
      result: "ok",
      status: 200,
      model: "m",
      tokens: 7,
      redactions: [
        { class: "EMAIL", count: 1 },
        { class: "IBAN", count: 1 },
        { class: "PHONE", count: 1 },
      ],
    });
    expect(guard.calls[0]?.sessionId).toMatch(/^\d{8}_\d+$/);
  });

  it("restores a tool call's arguments for the tool and masks its result on the way back", async () => {
    const upstream = await startRecordingUpstream((body) => {
      const result = toolResult(body);
      if (result !== undefined) return { say: `The tool said ${result.match(TOKENS)?.[0]}` };
      const email = lastUserText(body).match(TOKENS)?.[0];
      return { tool: "shell", argumentsJson: JSON.stringify({ command: `printf '{"to":"%s"}' '${email}' | tee mail.json` }) };
    }, 2);
    const guard = await startGuardGateway(upstream.baseUrl);
    const root = tempFolder();
    const goose = gooseRoot(root);
    useGuard(goose, guard);
    const done = await run(goose, `Make a file for ${EMAIL}.`);
    expect(done.code, done.stderr).toBe(0);
    expect(upstream.requests.length).toBe(2);
    expect(readFileSync(join(root, "mail.json"), "utf8")).toBe(JSON.stringify({ to: EMAIL }));
    expectNothingPersonal(upstream);
    expect(done.stdout).toContain(`The tool said ${EMAIL}`);
    const second = JSON.stringify(JSON.parse(upstream.requests[1]?.raw ?? ""));
    expect(new Set(second.match(TOKENS))).toEqual(new Set(upstream.requests[0]?.raw.match(TOKENS)));
  });

  it("finds nothing in Goose's own system prompt and tool definitions", async () => {
    const upstream = await startRecordingUpstream(() => ({ say: "hello" }));
    const guard = await startGuardGateway(upstream.baseUrl);
    const goose = gooseRoot(tempFolder());
    useGuard(goose, guard);
    const done = await run(goose, "Say hello.");
    expect(done.code, done.stderr).toBe(0);
    expect(guard.calls).toHaveLength(1);
    expect(guard.calls[0]?.redactions).toEqual([]);
    expect(upstream.requests[0]?.raw).toContain('"tools":[');
  });

  it("is asked only once when it refuses", async () => {
    const upstream = await startRecordingUpstream(() => ({ say: "hello" }));
    const guard = await startGuardGateway(upstream.baseUrl, { mode: "strict", classes: { IBAN: "block" } });
    const goose = gooseRoot(tempFolder());
    useGuard(goose, guard);
    const done = await run(goose, `Pay ${IBAN}.`);
    expect(upstream.requests).toHaveLength(0);
    expect(guard.calls).toHaveLength(1);
    expect(guard.calls[0]).toMatchObject({ result: "denied", status: 403, refusal: { code: "GUARD_REFUSED", class: "IBAN" } });
    expect(done.stdout + done.stderr).toContain("A value of class IBAN stands at messages[1].content");
  });

  it("turns Goose away without the right token", async () => {
    const upstream = await startRecordingUpstream(() => ({ say: "hello" }));
    const guard = await startGuardGateway(upstream.baseUrl);
    const goose = gooseRoot(tempFolder());
    useGuard(goose, guard, { token: "wrong" });
    const done = await run(goose, "Say hello.");
    expect(upstream.requests).toHaveLength(0);
    expect(done.stdout + done.stderr).toContain("gaggle setup");
  });
});

/** The texts of the newest message or item, and whether it is a tool's result. */
function newest(body: UpstreamBody): { text: string; isResult: boolean } {
  const list = (body.input ?? body.messages) as readonly object[];
  const text = JSON.stringify(list.at(-1));
  return { text, isResult: text.includes("tool_result") || text.includes("function_call_output") };
}

describe.each([
  { name: "a model that Goose asks for by the responses API", choice: { model: "gpt-5-mini" }, path: "/responses" },
  { name: "Anthropic's engine", choice: { engine: "anthropic", model: "claude-sonnet-4-5" }, path: "/messages" },
] satisfies { name: string; choice: ProviderChoice; path: string }[])(
  "the guard's gateway before the real Goose with $name",
  ({ choice, path }) => {
    it("hides values from the model, restores a tool call for the tool, and masks its result on the way back", async () => {
      const upstream = await startRecordingUpstream((body) => {
        const { text, isResult } = newest(body);
        if (isResult) return { say: `The tool said **${text.match(TOKENS)?.[0]}**`, thinks: "done" };
        const [email] = JSON.stringify(body).match(TOKENS) ?? [];
        return {
          tool: "shell",
          argumentsJson: JSON.stringify({ command: `printf '{"to":"%s"}' '${email}' | tee mail.json` }),
          thinks: `of ${email}`,
        };
      }, 2);
      const guard = await startGuardGateway(upstream.baseUrl);
      const root = tempFolder();
      const goose = gooseRoot(root);
      useGuard(goose, guard, choice);
      const done = await run(goose, `Make a file for ${EMAIL}.`);
      expect(done.code, done.stderr).toBe(0);
      expect(upstream.requests.map((request) => request.path)).toEqual([path, path]);
      expect(readFileSync(join(root, "mail.json"), "utf8")).toBe(JSON.stringify({ to: EMAIL }));
      expectNothingPersonal(upstream);
      expect(done.stdout).toContain(`The tool said **${EMAIL}**`);
      expect(guard.calls.map(({ result, usage }) => [result, usage])).toEqual(
        Array.from({ length: 2 }, () => ["ok", { input: 3, cachedInput: 2, output: 4 }]),
      );
    });

    it("is asked only once when it refuses, and Goose shows why", async () => {
      const upstream = await startRecordingUpstream(() => ({ say: "hello" }));
      const guard = await startGuardGateway(upstream.baseUrl, { mode: "strict", classes: { IBAN: "block" } });
      const goose = gooseRoot(tempFolder());
      useGuard(goose, guard, choice);
      const done = await run(goose, `Pay ${IBAN}.`);
      expect(upstream.requests).toHaveLength(0);
      expect(guard.calls).toHaveLength(1);
      expect(done.stdout + done.stderr).toContain("A value of class IBAN stands at");
    });

    it("finds nothing in Goose's own system prompt and tool definitions", async () => {
      const upstream = await startRecordingUpstream(() => ({ say: "hello" }));
      const guard = await startGuardGateway(upstream.baseUrl);
      const goose = gooseRoot(tempFolder());
      useGuard(goose, guard, choice);
      const done = await run(goose, "Say hello.");
      expect(done.code, done.stderr).toBe(0);
      expect(guard.calls[0]).toMatchObject({ result: "ok", redactions: [] });
      expect(upstream.requests[0]?.raw).toContain('"tools":[');
    });
  },
);

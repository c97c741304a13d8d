import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { createDetection } from "../../guard/detect/create-detection.ts";
import { createRealClock, realRandom } from "../support/real-clock.ts";
import { gooseRoot } from "../support/real-goose.ts";
import { startRecordingUpstream } from "../support/recording-upstream.ts";
import { tempFolder } from "../support/temp-home.ts";

const INSTALL = join(import.meta.dirname, "..", "..");
const EXTENSIONS = [
  "developer",
  "analyze",
  "todo",
  "apps",
  "chatrecall",
  "extensionmanager",
  "summon",
  "skills",
  "code_execution",
  "orchestrator",
];

/** Every string of a JSON tree. */
const stringsOf = (value: unknown): string[] => {
  if (typeof value === "string") return [value];
  return typeof value === "object" && value !== null ? Object.values(value).flatMap(stringsOf) : [];
};

describe("Goose's own words", () => {
  it("stay readable: nothing of its system prompt and its tool definitions would be masked", async () => {
    const upstream = await startRecordingUpstream(() => ({ say: "Done." }));
    const goose = gooseRoot(tempFolder());
    const providers = join(goose.root, "config", "custom_providers");
    mkdirSync(providers, { recursive: true });
    const base_url = `${upstream.baseUrl}/chat/completions`;
    const provider = { name: "plain", engine: "openai", display_name: "Plain", base_url, models: [{ name: "m", context_limit: 128_000 }] };
    writeFileSync(
      join(providers, "plain.json"),
      JSON.stringify({ ...provider, requires_auth: false, supports_streaming: true, dynamic_models: false }),
    );
    const extensions = EXTENSIONS.map((name) => `  ${name}: {enabled: true, type: platform, name: ${name}}\n`).join("");
    writeFileSync(goose.configFile, `GOOSE_PROVIDER: plain\nGOOSE_MODEL: m\nGOOSE_MODE: auto\nextensions:\n${extensions}`);
    const done = await goose.run(["run", "-q", "-t", "Say done.", "--no-session", "--output-format", "json", "--max-turns", "2"]);
    expect(done.code, done.stderr).toBe(0);

    const requests = upstream.requests.map(
      ({ raw }) => JSON.parse(raw) as { messages: { role: string; content: unknown }[]; tools?: unknown[] },
    );
    const request = requests.find(({ tools = [] }) => tools.length > 0);
    const prompt = request?.messages.filter(({ role }) => role === "system");
    const texts = stringsOf([prompt, request?.tools]);
    expect(texts.join(" ").length).toBeGreaterThan(5_000);

    const detection = createDetection({ clock: createRealClock(), random: realRandom }, { installFolder: INSTALL });
    onTestFinished(() => detection.close());
    const findings = (await detection.detect(texts)).flat().filter(({ label }) => label !== "DATE");
    expect(findings.map(({ label, value }) => `${label} ${value}`)).toEqual([]);
  });
});

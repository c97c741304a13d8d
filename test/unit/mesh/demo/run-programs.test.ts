/** What the demo makes of the programs that it runs: `gaggle` commands, and a person's Goose. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, vi } from "vitest";
import { runGaggle } from "../../../../mesh/demo/gaggle-command.ts";
import { runPersonsGoose } from "../../../../mesh/demo/persons-goose.ts";
import { tempFolder } from "../../../support/temp-home.ts";

const MAIN = join(import.meta.dirname, "../../../../mesh/cli/main.ts");
const SECRET = "maria.silva@example.com";

/** Runs a script in place of `gaggle`. */
function gaggle(script: string, input?: string): Promise<unknown> {
  const folder = tempFolder();
  const entry = join(folder, "gaggle.mjs");
  writeFileSync(entry, script);
  const options = { env: { PATH: process.env["PATH"] }, cwd: folder, ...(input === undefined ? {} : { input }) };
  const { signal } = new AbortController();
  return runGaggle({ node: process.execPath, entry, signal }, ["org", "invite", "--user", SECRET], options);
}

describe("a gaggle command of the demo", () => {
  it("speaks JSON, gets what is typed, and gives its result", async () => {
    const script = `import { text } from "node:stream/consumers";
      console.log(JSON.stringify({ args: process.argv.slice(2), input: await text(process.stdin) }));`;
    expect(await gaggle(script, "typed\n")).toEqual({ args: ["--json", "org", "invite", "--user", SECRET], input: "typed\n" });
  });

  it("that fails keeps its code and message, and names the command without its arguments", async () => {
    const error = { error: { code: "NOT_FOUND", message: "No such person.", details: {} } };
    const script = `process.stderr.write("a warning\\n" + ${JSON.stringify(JSON.stringify(error))} + "\\n"); process.exitCode = 1;`;
    await expect(gaggle(script)).rejects.toMatchObject({ code: "NOT_FOUND", message: "`gaggle org invite`: No such person." });
  });

  it.each([
    ["ends without a word", "process.exitCode = 1;"],
    ["ends with words alone", `process.stderr.write("boom ${SECRET}"); process.exitCode = 1;`],
    ["has a code of its own making", `process.stderr.write('{"error":{"code":"constructor","message":"x"}}'); process.exitCode = 1;`],
    ["is killed", "process.kill(process.pid, 'SIGKILL');"],
  ])("that %s is an error that says to try it by hand", async (_, script) => {
    const error = await gaggle(script).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "INTERNAL", message: expect.stringContaining("by hand") });
    expect((error as Error).message).not.toContain(SECRET);
  });
});

/** Runs a shell script in place of Goose. */
function goose(script: string, signal = new AbortController().signal): Promise<unknown> {
  const folder = tempFolder();
  const program = join(folder, "goose");
  writeFileSync(program, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  const env = { PATH: process.env["PATH"] };
  const gaggleItself = { node: process.execPath, entry: MAIN, signal };
  return runPersonsGoose({
    program: gaggleItself,
    goose: program,
    recipe: "r.yaml",
    params: { period: "2026-10" },
    env,
    cwd: folder,
    maxTurns: 5,
    signal,
  });
}
const says = (...texts: string[]): string => {
  const messages = texts.map((text) => ({ content: [{ type: "text", text }] }));
  return `echo 'a line before'; cat <<'END'\n${JSON.stringify({ messages })}\nEND`;
};

describe("a person's Goose of the demo", () => {
  it("runs the recipe with its parameters and gives the typed result of the last message", async () => {
    expect(await goose(says("thinking", '{"posted":true}'))).toEqual({ posted: true });
    const told = await goose(`printf '{"messages":[{"content":[{"type":"text","text":"[\\\\"%s\\\\"]"}]}]}' "$*"`);
    expect(told).toEqual(["run -q --recipe r.yaml --params period=2026-10 --no-session --max-turns 5 --output-format json"]);
  });

  it.each([
    ["says nothing", "true"],
    ["says words where a result should be", says(`I asked ${SECRET}.`)],
    ["says no messages", "echo '{}'"],
    ["fails", `echo '${SECRET}'; exit 1`],
  ])("that %s gave no result, and the error does not quote it", async (_, script) => {
    const error = await goose(script).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "EXECUTOR_FAILED" });
    expect(JSON.stringify([(error as Error).message, (error as Error).cause ?? ""])).not.toContain(SECRET);
  });

  it("is ended by its signal", async () => {
    const abort = new AbortController();
    const run = goose("exec sleep 60", abort.signal);
    abort.abort();
    await expect(run).rejects.toMatchObject({ name: "AbortError" });
  });

  it("is over after its signal only when it has ended, however long that takes", async () => {
    const abort = new AbortController();
    const file = join(tempFolder(), "pid");
    const run = goose(`trap 'sleep 1; exit 1' TERM\necho $$ > '${file}'\nwhile :; do sleep 0.1; done`, abort.signal);
    const pid = await vi.waitFor(() => Number(readFileSync(file, "utf8").trim() || expect.unreachable()), { timeout: 20_000 });
    abort.abort();
    await expect(run).rejects.toMatchObject({ name: "AbortError" });
    expect(() => process.kill(pid, 0)).toThrow("ESRCH");
  });
});

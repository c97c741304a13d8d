import { execFile } from "node:child_process";
import { pathToFileURL } from "node:url";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";

const module = (name: string): string => JSON.stringify(pathToFileURL(join(import.meta.dirname, "../../../../mesh/cli", name)).href);

/** How a process ends in which `fault` happens while it would run on. */
async function end(fault: string): Promise<unknown> {
  const program = `import { createLog } from ${module("log.ts")}; import { logLastWords } from ${module("last-words.ts")};
logLastWords(createLog("agent", {})); setInterval(() => {}, 1000); const fault = new TypeError("Ada's salary");
${fault}`;
  return promisify(execFile)(process.execPath, ["--input-type=module", "-e", program]).catch((error: unknown) => error);
}

describe("a fault that nothing caught", () => {
  it.each([
    ["an exception", "setImmediate(() => { throw fault; });"],
    ["a rejection", "Promise.reject(fault);"],
    ["a rejection with no error", "Promise.reject('Ada\\'s salary');"],
  ])("ends the process with one line of its log that quotes nothing: %s", async (_what, fault) => {
    const ended = (await end(fault)) as { code: number; stdout: string; stderr: string };
    expect(ended).toMatchObject({ code: 1, stdout: "" });
    expect(ended.stderr).not.toContain("salary");
    const lines = ended.stderr.trim().split("\n");
    expect(lines).toHaveLength(1);
    expect(JSON.parse(lines[0] ?? "")).toMatchObject({ level: 60, name: "agent", err: { name: expect.any(String) } });
  });
});

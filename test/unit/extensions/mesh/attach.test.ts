import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { attach, fileInside } from "../../../../extensions/mesh/attach.ts";
import { askTools } from "../../../../extensions/mesh/ask-tools.ts";
import { inboxTools } from "../../../../extensions/mesh/inbox-tools.ts";
import type { DaemonLink } from "../../../../extensions/daemon-link.ts";
import type { Tool } from "../../../../extensions/define-tool.ts";

const refused = expect.objectContaining({ code: "INVALID_INPUT" });
let dir: string;
let work: string;

beforeEach(() => {
  dir = realpathSync(mkdtempSync(join(tmpdir(), "attach-")));
  work = join(dir, "work");
  mkdirSync(join(work, "inner"), { recursive: true });
  mkdirSync(join(dir, "work-not"));
  for (const path of ["work/a.csv", "work/inner/..b.csv", "secret.csv", "work-not/c.csv"]) writeFileSync(join(dir, path), "x");
  symlinkSync(join(dir, "secret.csv"), join(work, "link.csv"));
  symlinkSync(dir, join(work, "up"));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

it("takes files of the working folder, by relative and absolute paths", async () => {
  expect(await fileInside(work, "a.csv")).toBe(join(work, "a.csv"));
  expect(await fileInside(work, join(work, "inner", "..b.csv"))).toBe(join(work, "inner", "..b.csv"));
  expect(await fileInside(join(work, "up", "work"), "a.csv")).toBe(join(work, "a.csv"));
});

it.each(["../secret.csv", "link.csv", "up/secret.csv", "../work-not/c.csv", "/etc/passwd", ".", "missing.csv", "a.csv\0"])(
  "takes nothing from elsewhere: %j",
  async (path) => {
    await expect(fileInside(work, path)).rejects.toThrow(refused);
  },
);

it.each([
  ["send_task", "task.send", { skill: "accruals", task: "Report" }],
  ["complete_task", "inbox.complete", { taskId: "t1", result: { seen: 17 } }],
])("goes with %s as it was taken in, beside further parts", async (name, method, input) => {
  const calls: { method: string; params: unknown }[] = [];
  const daemon = {
    call: async (called: string, params: unknown) => {
      calls.push({ method: called, params });
      if (called === "artifact.add") return { name: "a.csv" };
      throw new Error("enough is known");
    },
    close: () => undefined,
  } as unknown as DaemonLink;
  const tool = [...askTools(daemon), ...inboxTools(daemon)].find(({ definition }) => definition.name === name) as Tool;
  const parts = [{ data: { rows: 2 }, mediaType: "application/json" }, { text: "more" }];
  const parsed = tool.definition.input.parse({ ...input, parts, attachments: ["a.csv"] });
  const call = { signal: new AbortController().signal, defaultIdempotencyKey: "k", workingDir: work };
  await expect(tool.run(parsed, call)).rejects.toThrow("enough is known");
  expect(calls).toMatchObject([
    { method: "artifact.add", params: { path: join(work, "a.csv") } },
    { method, params: { artifacts: [{ name: "a.csv" }], parts } },
  ]);
  expect(calls[1]?.params).not.toHaveProperty("attachments");
  expect(tool.definition.input.safeParse({ ...input, parts: [{ raw: "AA==" }] }).success).toBe(false);
});

it("attaches nothing where the session has told no working folder, and asks nobody where nothing is attached", async () => {
  const daemon = { call: () => expect.unreachable(), close: () => undefined } as unknown as DaemonLink;
  await expect(attach(daemon, ["a.csv"], undefined)).rejects.toThrow(refused);
  expect(await attach(daemon, [], undefined)).toEqual({});
});

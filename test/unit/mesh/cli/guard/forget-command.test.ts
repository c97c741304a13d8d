/** `gaggle guard forget`: which maps the daemon is asked to delete. */
import { expect, it } from "vitest";
import { type ForgetRequest, forgetMaps } from "../../../../../mesh/cli/guard/forget-command.ts";
import { createOutput } from "../../../../../mesh/cli/output.ts";

const REF = `cli-${"a".repeat(32)}:${"b".repeat(32)}`;

async function forget(request: ForgetRequest) {
  const asked: unknown[] = [];
  const lines: string[] = [];
  const call = ((method: string, params: object) => Promise.resolve(asked.push({ method, params }))) as never;
  const out = createOutput({ write: (text: string) => void lines.push(text) }, false);
  await forgetMaps({ call }, out, request);
  return { asked, said: lines.join("") };
}

it.each<[string, ForgetRequest, object]>([
  ["a chat's by its session", { session: "20261120_1" }, { sessionId: "20261120_1" }],
  ["a text's by the reference that mask printed", { map: REF }, { sessionId: `cli-${"a".repeat(32)}` }],
  ["all of them", { all: true }, {}],
])("deletes %s", async (_, request, params) => {
  expect((await forget(request)).asked).toEqual([{ method: "guard.forget", params }]);
});

it.each<[string, ForgetRequest]>([
  ["nothing is named", {}],
  ["a map file is named", { map: "map.json" }],
])("deletes nothing where %s, and says how to name it", async (_, request) => {
  await expect(forget(request)).rejects.toMatchObject({ code: "INVALID_INPUT", message: expect.stringContaining("--all") });
});

it("says that everything is gone only where it is", async () => {
  expect((await forget({ all: true })).said).toContain("All maps are deleted");
  expect((await forget({ session: "chat" })).said).toBe("The map of chat is deleted, if there was one. Its tokens stay tokens.\n");
});

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";

const root = join(import.meta.dirname, "..", "..");
const read = (path: string): string => readFileSync(join(root, path), "utf8");
const documents = ["README.md", "SECURITY.md", "CONTRIBUTING.md", "CHANGELOG.md", ...pagesOf("docs"), ...pagesOf("docs/decisions")];

function pagesOf(folder: string): string[] {
  const names = readdirSync(join(root, folder)).filter((name) => name.endsWith(".md"));
  return names.map((name) => `${folder}/${name}`);
}

/** Files of the repository that a text names: test files, decisions, and the targets of relative links. */
function namedFiles(path: string, text: string): string[] {
  const tests = text.match(/\btest\/[\w./-]+\.test\.ts\b/g) ?? [];
  const decisions = text.match(/\bdocs\/decisions\/\d{4}-[\w-]+\.md\b/g) ?? [];
  const links = [...text.matchAll(/\]\((?!https?:|#)([^)#\s]+)/g)].map(([, target = ""]) => join(dirname(path), target));
  return [...tests, ...decisions, ...links];
}

describe("the documents", () => {
  it.each(documents)("%s names only files that exist", (path) => {
    expect(namedFiles(path, read(path)).filter((file) => !existsSync(join(root, file)))).toEqual([]);
  });

  it("would notice a test and a link that don't exist", () => {
    const text = "see test/unit/absent.test.ts and [there](absent.md) and docs/decisions/0999-absent.md";
    expect(namedFiles("README.md", text)).toEqual(["test/unit/absent.test.ts", "docs/decisions/0999-absent.md", "absent.md"]);
  });

  it("number each decision once, under the number that its file has", () => {
    const pages = readdirSync(join(root, "docs/decisions"));
    expect(new Set(pages.map((name) => name.slice(0, 4))).size).toBe(pages.length);
    for (const name of pages) expect(read(`docs/decisions/${name}`)).toMatch(new RegExp(`^# ${name.slice(0, 4)}[. ]`));
  });

  it("show YAML in the README that is YAML", () => {
    const blocks = [...read("README.md").matchAll(/```yaml\n([\s\S]*?)```/g)].map(([, text = ""]) => text);
    expect(blocks.length).toBeGreaterThan(0);
    for (const block of blocks)
      expect(Object.keys((parse(block) as { extensions: object }).extensions)).toEqual(["mesh", "privacy-guard", "policy"]);
  });

  it("say which decision a source follows only where there is one", () => {
    const sources = ["mesh", "guard", "profiles", "bootstrap-node", "extensions"].flatMap((folder) =>
      readdirSync(join(root, folder), { recursive: true, encoding: "utf8" }).map((path) => join(folder, path)),
    );
    const wrong = sources
      .filter((path) => path.endsWith(".ts"))
      .flatMap((path) => (read(path).match(/docs\/decisions\/[\w-]+\.md/g) ?? []).filter((page) => !existsSync(join(root, page))));
    expect(wrong).toEqual([]);
  });
});

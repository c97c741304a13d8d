/** SECURITY.md's table of attacks: complete by OWASP's list and by STRIDE per boundary, and each row shown by a test that exists. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";

const root = join(import.meta.dirname, "..", "..");
const text = readFileSync(join(root, "SECURITY.md"), "utf8");
const LETTERS = ["S", "T", "R", "I", "D", "E"];

/** The OWASP Top 10 for Agentic Applications, 2026. */
const OWASP = [
  "ASI01 Agent Goal Hijack",
  "ASI02 Tool Misuse and Exploitation",
  "ASI03 Identity and Privilege Abuse",
  "ASI04 Agentic Supply Chain Vulnerabilities",
  "ASI05 Unexpected Code Execution",
  "ASI06 Memory and Context Poisoning",
  "ASI07 Insecure Inter-Agent Communication",
  "ASI08 Cascading Failures",
  "ASI09 Human-Agent Trust Exploitation",
  "ASI10 Rogue Agents",
];

const cellsOf = (line: string): string[] =>
  line
    .replace(/^\| | \|$/g, "")
    .split(" | ")
    .map((cell) => cell.trim());

/** Rows of the first table after a line, without its head. */
function tableAfter(lines: readonly string[], from: number): string[][] {
  const start = lines.findIndex((line, at) => at > from && line.startsWith("|"));
  const end = lines.findIndex((line, at) => at > start && !line.startsWith("|"));
  return lines.slice(start + 2, end < 0 ? undefined : end).map(cellsOf);
}

const attacks = text.slice(text.indexOf("## Attacks, and the tests")).split(/\n## /, 2)[0] ?? "";
const lines = attacks.split("\n");
const sections = lines.flatMap((line, at) => (line.startsWith("### ") ? [{ title: line.slice(4), rows: tableAfter(lines, at) }] : []));
const rows = sections.flatMap(({ title, rows: of }) => of.map((cells) => ({ title, cells })));
const boundaries = tableAfter(lines, 0).map(([name = ""]) => name);
const head = lines.findIndex((line) => line.startsWith("| where | S |"));
const matrix = tableAfter(lines, head - 1);

describe("the table of attacks", () => {
  it("has a section for each of OWASP's ten, in their order, and none without a row", () => {
    expect(sections.map(({ title }) => title)).toEqual(OWASP);
    expect(sections.filter(({ rows: of }) => of.length === 0)).toEqual([]);
  });

  it("says in each row what happens, where, by which letters of STRIDE, and which tests show it", () => {
    const wrong = rows.filter(({ cells }) => {
      const [attack = "", happens = "", where = "", stride = "", shown = ""] = cells;
      const letters = stride.split(" ");
      const good = letters.every((letter) => LETTERS.includes(letter)) && new Set(letters).size === letters.length;
      const tests = shown.match(/`test\/[\w./-]+\.test\.ts`/g) ?? [];
      return cells.length !== 5 || attack === "" || happens === "" || !boundaries.includes(where) || !good || tests.length === 0;
    });
    expect(wrong.map(({ title, cells }) => `${title}: ${cells.join(" | ")}`)).toEqual([]);
  });

  it("names tests that exist", () => {
    const named = rows.flatMap(({ cells }) => cells.at(-1)?.match(/test\/[\w./-]+\.test\.ts/g) ?? []);
    expect(named.filter((path) => !existsSync(join(root, path)))).toEqual([]);
    expect(named.length).toBeGreaterThan(100);
  });

  it("has a row for each boundary and letter that the matrix claims, and says why where it claims none", () => {
    expect(matrix.map(([name]) => name)).toEqual(boundaries);
    const missing = matrix.flatMap(([where = "", ...cells]) =>
      LETTERS.filter((letter, at) => {
        const cell = cells[at] ?? "";
        if (cell.startsWith("– ")) return cell.length < 12;
        return cell === "" || !rows.some(({ cells: row }) => row[2] === where && row[3]?.split(" ").includes(letter));
      }).map((letter) => `${where} ${letter}`),
    );
    expect(missing).toEqual([]);
  });

  it("names each attack once", () => {
    const names = rows.map(({ cells: [attack] }) => attack);
    expect(new Set(names).size).toBe(names.length);
  });
});

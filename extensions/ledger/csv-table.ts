/** Reads one CSV file of the books; every row is checked against a schema. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { CsvError, parse } from "csv-parse/sync";
import type { z } from "zod";
import { GaggleError, systemCode } from "../../mesh/contract/errors.ts";

async function readText(dir: string, file: string): Promise<string> {
  try {
    return await readFile(join(dir, file), "utf8");
  } catch (cause) {
    if (systemCode(cause) === "ENOENT") {
      throw new GaggleError(
        "NOT_FOUND",
        `These books have no ${file}. Call this tool in the department that keeps it, or mend GAGGLE_BOOKS.`,
        { cause },
      );
    }
    throw new GaggleError("NOT_FOUND", `${file} of the books can't be read (${systemCode(cause) ?? "unknown"}). Check its permissions.`, {
      cause,
    });
  }
}

function parseRows(text: string, file: string): unknown[] {
  try {
    return parse(text, { columns: true, bom: true, skip_empty_lines: true });
  } catch (error) {
    // The cause is left out: the parser's message quotes the record.
    const line = error instanceof CsvError && typeof error["lines"] === "number" ? error["lines"] : 0;
    throw new GaggleError("INVALID_INPUT", `${file} is not well-formed CSV near line ${line}. Mend the file.`, { details: { line } });
  }
}

/**
 * All rows of `dir/file`.
 * @throws GaggleError NOT_FOUND where there is no such file; INVALID_INPUT naming file, row and column, never a value
 */
export async function readTable<T>(dir: string, file: string, row: z.ZodType<T>): Promise<T[]> {
  return parseRows(await readText(dir, file), file).map((value, i) => {
    const parsed = row.safeParse(value);
    if (parsed.success) return parsed.data;
    const issue = parsed.error.issues[0];
    const column = issue?.path.join(".") ?? "";
    throw new GaggleError(
      "INVALID_INPUT",
      `${file}, row ${i + 1}, column ${column}: ${issue?.message ?? "not as expected"}. Mend the file.`,
      {
        details: { row: i + 1 },
      },
    );
  });
}

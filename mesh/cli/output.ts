/** How commands speak: words and tables for people, one JSON document for programs (`--json`). */
import { stripVTControlCharacters, styleText } from "node:util";
import { GaggleError, systemCode } from "../contract/errors.ts";

/** Where a command writes. Tests bring their own. */
export interface Output {
  readonly json: boolean;
  /** A line for people; nothing with `--json`. */
  line(text?: string): void;
  /** The command's result for programs; nothing without `--json`. What could act on a terminal is escaped: it is the same JSON. */
  result(value: unknown): void;
  /** A line for people that the next one replaces, in a terminal; elsewhere a line as any other. Nothing with `--json`. */
  live(text: string): void;
  /** One of several results, as one line of JSON; nothing without `--json`. */
  event(value: unknown): void;
}

/** Returns to the line's begin and empties it. Source: ECMA-48, EL. */
const CLEAR_LINE = "\r\u001b[2K";

/** Where output goes; `columns` of a terminal. */
interface OutputStream {
  write(text: string): unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
}

/** Writes to a stream. */
export function createOutput(stream: OutputStream, json: boolean): Output {
  let isLive = false;
  const write = (text: string, end: string): void => {
    stream.write(`${isLive ? CLEAR_LINE : ""}${text}${end}`);
    isLive = end === "";
  };
  return {
    json,
    line: (text = "") => void (json || write(text, "\n")),
    result: (value) => void (json && stream.write(`${jsonAsSeen(value)}\n`)),
    live: (text) => {
      if (json) return;
      if (stream.isTTY !== true) return write(text, "\n");
      // A line that wraps could not be taken back.
      write(stripVTControlCharacters(text).slice(0, Math.max(20, (stream.columns ?? 80) - 1)), "");
    },
    event: (value) => void (json && stream.write(`${asSeen(JSON.stringify(value))}\n`)),
  };
}

/** Colours that fade to plain text where the stream is no terminal or NO_COLOR is set. */
export const paint = {
  strong: (text: string) => styleText("bold", text),
  dim: (text: string) => styleText("dim", text),
  good: (text: string) => styleText("green", text),
  warn: (text: string) => styleText("yellow", text),
  bad: (text: string) => styleText("red", text),
};

/** Line ends and whatever else has no look of its own or changes how other text looks: control, format and default-ignorable characters. */
const UNSEEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/gu;

const escapeUnits = (text: string): string =>
  Array.from({ length: text.length }, (_, at) => `\\u${text.charCodeAt(at).toString(16).padStart(4, "0")}`).join("");

/** Text that somebody else wrote, on one line and as it is: nothing in it can hide, move or colour what a terminal shows. */
export const asSeen = (text: string): string => text.replace(UNSEEN, escapeUnits);

/** A JSON value that somebody else made, indented, its texts {@link asSeen}; still the same JSON. */
export const jsonAsSeen = (value: unknown): string =>
  // In JSON text a line end is never part of a value.
  (JSON.stringify(value, null, 2) ?? "").split("\n").map(asSeen).join("\n");

/** Lines of a table: columns padded to their widest cell, header dimmed. */
export function table(header: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const widths = header.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)));
  const format = (row: readonly string[]): string =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd();
  return [paint.dim(format(header)), ...rows.map(format)];
}

/** A time span as people say it: `850 ms`, `12.4 s`, `3 min 20 s`, `2 h 5 min`, `29 d 23 h`. */
export function duration(ms: number): string {
  if (Math.round(ms) < 1_000) return `${Math.round(ms)} ms`;
  // Rounded before the unit is chosen, or 59.99 s would be 60.0 s.
  if (Math.round(ms / 100) < 600) return `${(ms / 1_000).toFixed(1)} s`;
  const units = [
    [86_400, "d"],
    [3_600, "h"],
    [60, "min"],
    [1, "s"],
  ] as const;
  let rest = Math.round(ms / 1_000);
  const first = units.findIndex(([size]) => rest >= size);
  return units
    .slice(first, first + 2)
    .map(([size, name]) => {
      const count = Math.floor(rest / size);
      rest -= count * size;
      return count > 0 ? `${count} ${name}` : "";
    })
    .filter(Boolean)
    .join(" ");
}

/** A byte count as people say it. */
export function bytes(count: number): string {
  if (count < 1_024) return `${count} B`;
  if (count < 1_048_576) return `${(count / 1_024).toFixed(1)} KiB`;
  return `${(count / 1_048_576).toFixed(1)} MiB`;
}

/** What to print for an error, and as JSON: code, message, details; causes only by their code or class. */
export function describeError(error: unknown): { code: string; message: string; details: Readonly<Record<string, unknown>> } {
  if (error instanceof GaggleError) return { code: error.code, message: error.message, details: error.details };
  const refused = refusedFile(error);
  if (refused !== undefined) return { code: "STORE_FAILED", message: refused, details: {} };
  return { code: "INTERNAL", message: error instanceof Error ? error.message : "An unknown error happened.", details: {} };
}

/** The steps at which the system refuses a file; other system errors (a socket's, say) are not told as such. */
const FILE_STEPS: ReadonlySet<unknown> = new Set([
  "access",
  "open",
  "read",
  "write",
  "fsync",
  "mkdir",
  "rename",
  "unlink",
  "rmdir",
  "stat",
  "lstat",
  "scandir",
  "chmod",
  "copyfile",
]);

/** What to say where the system refused a file, or undefined. Source: Node.js, class SystemError. */
function refusedFile(error: unknown): string | undefined {
  const code = systemCode(error);
  const { syscall, path } = Object(error) as { syscall?: unknown; path?: unknown };
  // Sockets are read and written, too.
  if (code === undefined || !FILE_STEPS.has(syscall) || /^(?:ECONN|ENOTCONN|EPIPE|ETIMEDOUT)/.test(code)) return undefined;
  const what = typeof path === "string" ? asSeen(path) : "a file";
  return `The system refused to ${String(syscall)} ${what} (${code}). Check its rights, its folder's rights and the free space, then run this again.`;
}

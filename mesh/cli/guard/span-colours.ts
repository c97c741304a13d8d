/** How what was found is shown to a person: coloured with its class behind it, or in brackets where there are no colours. */
import { styleText } from "node:util";
import type { Finding } from "../../../guard/detect/finding.ts";
import type { DataClass } from "../../contract/data-class.ts";
import { asSeen, paint } from "../output.ts";

type Colour = "bgRed" | "bgYellow" | "bgCyan" | "bgGreen" | "bgMagenta" | "bgBlue";

const COLOURS: Readonly<Partial<Record<DataClass, Colour>>> = {
  SECRET: "bgRed",
  PERSON: "bgGreen",
  ORG: "bgMagenta",
  LOCATION: "bgBlue",
  ADDRESS: "bgBlue",
  GEO: "bgBlue",
  EMAIL: "bgCyan",
  PHONE: "bgCyan",
  IP: "bgCyan",
  MAC: "bgCyan",
};

/** Text of somebody else over several lines: line ends and tabs stay, nothing else can move or colour what a terminal shows. */
export const linesAsSeen = (text: string): string => text.replaceAll("\r\n", "\n").replace(/[^\n\t]+/g, (plain) => asSeen(plain));

/** True where standard output shows colours: a terminal, and no NO_COLOR. */
export const hasColours = (): boolean => paint.strong("x") !== "x";

function shown(finding: Finding, written: string, colours: boolean): string {
  const seen = linesAsSeen(written);
  if (!colours) return `[${finding.label}: ${seen}]`;
  const style = ["black", COLOURS[finding.label] ?? "bgYellow"] as const;
  // A colour that runs over a line end would colour the rest of the terminal's line too.
  const coloured = seen.split("\n").map((line) => (line === "" ? "" : styleText([...style], line, { validateStream: false })));
  return `${coloured.join("\n")}${styleText("dim", `‹${finding.label}›`, { validateStream: false })}`;
}

/**
 * A text with what was found marked in it, safe to write to a terminal.
 * @param findings in order, without overlap
 */
export function withSpans(text: string, findings: readonly Finding[], colours: boolean): string {
  const parts: string[] = [];
  let done = 0;
  for (const finding of findings) {
    parts.push(linesAsSeen(text.slice(done, finding.start)), shown(finding, text.slice(finding.start, finding.end), colours));
    done = finding.end;
  }
  return parts.join("") + linesAsSeen(text.slice(done));
}

/** Counts by class as people read them: `2 PERSON, 1 EMAIL`, the most frequent first; empty where there are none. */
export const countsInWords = (counts: ReadonlyMap<string, number>): string =>
  [...counts]
    .toSorted(([a, m], [b, n]) => n - m || (a < b ? -1 : 1))
    .map(([label, count]) => `${count} ${label}`)
    .join(", ");

/** Names and ids in a request: field names of schemas, tools, models, roles. They can't be masked, so what is personal in them is refused. */
import type { DataClass } from "../../mesh/contract/data-class.ts";
import type { Finding } from "../detect/finding.ts";

/** Classes that only running text tells: a model sees people and places in `claude`, `paris_office` and `jordan`, and every chat would end there. */
const NEEDS_RUNNING_TEXT: ReadonlySet<DataClass> = new Set(["PERSON", "ORG", "LOCATION", "ADDRESS", "DATE"]);

/** Names as programs write them. What has a space or a foreign letter in it may be a sentence, so there every class counts. */
const isIdentifier = (name: string): boolean => /^[!-~]*$/.test(name);

/** Whether a finding in this name or id counts. */
export const countsIn =
  (name: string) =>
  ({ label }: Finding): boolean =>
    !NEEDS_RUNNING_TEXT.has(label) || !isIdentifier(name);

const PLAIN = /^[A-Za-z_$./-]{1,80}$/;
/** Between names, so that nothing is found across two of them. */
const SEPARATOR = "\n\n";

/** Something personal in a name. */
export interface NameFinding {
  readonly label: DataClass;
  /** A place where the name stands. */
  readonly where: string;
}

/** The names of one request. Those of letters alone are looked through as one text, since there are hundreds of them in Goose's tools. */
export interface RequestNames {
  add(name: string, where: string): void;
  /** What has to be looked through for the names. */
  texts(): string[];
  /** What is personal in a name; undefined where nothing is. */
  firstFinding(findingsOf: (text: string) => readonly Finding[]): NameFinding | undefined;
}

/** Makes it for one request. */
export function createRequestNames(): RequestNames {
  /** By name, where it stands first. */
  const plain = new Map<string, string>();
  const others = new Map<string, string>();

  /** Where the plain name that covers a place of the joined text stands in the request. */
  const whereAt = (place: number): string => {
    let end = 0;
    for (const [name, where] of plain) {
      end += name.length + SEPARATOR.length;
      if (place < end) return where;
    }
    return "";
  };

  const joined = (): string => Array.from(plain.keys()).join(SEPARATOR);

  return {
    add: (name, where) => {
      const names = PLAIN.test(name) ? plain : others;
      if (!names.has(name)) names.set(name, where);
    },
    texts: () => [...others.keys(), ...(plain.size === 0 ? [] : [joined()])],
    firstFinding: (findingsOf) => {
      for (const [name, where] of others) {
        const found = findingsOf(name).find(countsIn(name));
        if (found !== undefined) return { label: found.label, where };
      }
      const found = plain.size === 0 ? undefined : findingsOf(joined()).find(countsIn(""));
      return found && { label: found.label, where: whereAt(found.start) };
    },
  };
}

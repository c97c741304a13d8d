/** Names and ids in a request: field names of schemas, tools, models, roles. They can't be masked, so what is personal in them is refused. */
import type { DataClass } from "../../mesh/contract/data-class.ts";
import type { Finding } from "../detect/finding.ts";

/** Classes that only running text tells: a model sees people and places in `claude`, `paris_office` and `jordan`, and every chat would end there. */
const NEEDS_RUNNING_TEXT: ReadonlySet<DataClass> = new Set(["PERSON", "ORG", "LOCATION", "ADDRESS", "DATE"]);

/** Whether a finding in a name or id counts. */
export const countsInName = ({ label }: Finding): boolean => !NEEDS_RUNNING_TEXT.has(label);

const PLAIN = /^[A-Za-z_$./ -]{1,80}$/;
/** Between names, so that nothing is found across two of them. */
const SEPARATOR = "\n\n";

/** The names of one request. Those of letters alone are looked through as one text, since there are hundreds of them in Goose's tools. */
export interface RequestNames {
  add(name: string): void;
  /** What has to be looked through for the names. */
  texts(): string[];
  /** What is personal in a name. */
  findingIn(name: string, findingsOf: (text: string) => readonly Finding[]): Finding | undefined;
}

/** Makes it for one request. */
export function createRequestNames(): RequestNames {
  const plain = new Set<string>();
  const others = new Set<string>();
  /** Where each plain name ends in the joined text; made once all are known. */
  let joined: { text: string; placeOf: Map<string, number> } | undefined;

  const join = (): NonNullable<typeof joined> => {
    if (joined !== undefined) return joined;
    const placeOf = new Map<string, number>();
    let place = 0;
    for (const name of plain) {
      placeOf.set(name, place);
      place += name.length + SEPARATOR.length;
    }
    joined = { text: Array.from(plain).join(SEPARATOR), placeOf };
    return joined;
  };

  return {
    add: (name) => {
      joined = undefined;
      (PLAIN.test(name) ? plain : others).add(name);
    },
    texts: () => [...others, ...(plain.size === 0 ? [] : [join().text])],
    findingIn: (name, findingsOf) => {
      if (!plain.has(name)) return findingsOf(name).find(countsInName);
      const { text, placeOf } = join();
      const start = placeOf.get(name) ?? 0;
      return findingsOf(text).find((finding) => countsInName(finding) && finding.start < start + name.length && finding.end > start);
    },
  };
}

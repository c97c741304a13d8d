/** Which full name a short form of it means. A name that fits two people means neither. */
import { isFullName, nameWords, shortForms } from "./person-name.ts";

/** The people of one session, or of the organisation. */
export interface People {
  /** Remembers a full name; other names are left out. */
  meet(name: string): void;
  /** The full names, as compared, that this name is short for. */
  candidates(name: string): ReadonlySet<string>;
}

const NOBODY: ReadonlySet<string> = new Set();

/** Nobody yet. */
export function createPeople(names: readonly string[] = []): People {
  const byShortForm = new Map<string, Set<string>>();
  const meet = (name: string): void => {
    const words = nameWords(name.normalize("NFKC"));
    if (!isFullName(words)) return;
    const full = words.join(" ");
    for (const form of shortForms(words)) byShortForm.set(form, (byShortForm.get(form) ?? new Set<string>()).add(full));
  };
  for (const name of names) meet(name);
  return { meet, candidates: (name) => byShortForm.get(name) ?? NOBODY };
}

/**
 * The name under which a person's token is made, as compared.
 * @param name as compared: words, upper case
 * @param circles who may be meant, the closest first; the first in which anybody fits decides
 */
export function personMeant(name: string, circles: readonly People[]): string {
  if (isFullName(name.split(" "))) return name;
  for (const people of circles) {
    const fits = people.candidates(name);
    if (fits.size > 0) return fits.size === 1 ? ([...fits][0] ?? name) : name;
  }
  return name;
}

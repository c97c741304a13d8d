/** The people of the org chart as values that the guard always masks: their logins, and the names that the logins spell. */
import type { OrgChart } from "../../mesh/contract/bundle.ts";
import type { GuardLists } from "../../mesh/contract/guard-policy.ts";

const capital = (word: string): string => word.replaceAll(/(?<![a-z])[a-z]/g, (letter) => letter.toUpperCase());

/** `fiona.berg` gives `fiona.berg` and `Fiona Berg`. A login of one word may be an everyday word, so it gives nothing. */
function namesOf(id: string): string[] {
  const words = id.split(/[._]/).filter((word) => /^[a-z]+(-[a-z]+)*$/.test(word));
  return words.length < 2 ? [] : [id, words.map(capital).join(" ")];
}

/** The lists with the org chart's people among the denied values, as PERSON. */
export function withPeople(lists: GuardLists, chart: OrgChart): GuardLists {
  const values = chart.flatMap(({ id }) => namesOf(id));
  return values.length === 0 ? lists : { ...lists, deny: [...lists.deny, { class: "PERSON", values }] };
}

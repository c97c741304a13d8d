import { describe, expect, it } from "vitest";
import type { Finding } from "../../../../../guard/detect/finding.ts";
import { withCleanEdges } from "../../../../../guard/detect/ner/span-edges.ts";

const MARK = /⟦(\w+) ([^⟧]*)⟧/gu;

/** Findings from a text in which they are marked: `⟦PERSON Anna⟧`. */
function marked(source: string): { text: string; findings: Finding[] } {
  const findings: Finding[] = [];
  let text = "";
  let from = 0;
  for (const { 0: mark, 1: label = "", 2: value = "", index } of source.matchAll(MARK)) {
    text += source.slice(from, index);
    findings.push({
      start: text.length,
      end: text.length + value.length,
      label: label as Finding["label"],
      score: 0.5,
      detector: "ner",
      value,
    });
    text += value;
    from = index + mark.length;
  }
  return { text: text + source.slice(from), findings };
}

const cleaned = (source: string): string[] => {
  const { text, findings } = marked(source);
  const found = withCleanEdges(findings, text);
  expect(found.map(({ start, end }) => text.slice(start, end))).toEqual(found.map(({ value }) => value));
  return found.map(({ label, value }) => `${label} ${value}`);
};

describe("parts of one name that the model found apart", () => {
  it.each([
    ["by ⟦PERSON Petersen⟧-⟦PERSON Brahe⟧ and", ["PERSON Petersen-Brahe"]],
    ["by ⟦PERSON Petersen⟧-Brahe and", ["PERSON Petersen-Brahe"]],
    ["by ⟦PERSON J⟧. ⟦PERSON Okafor⟧ and", ["PERSON J. Okafor"]],
    ["by ⟦PERSON O⟧'⟦PERSON Neill⟧ and", ["PERSON O'Neill"]],
    ["by ⟦PERSON OKAFOR⟧ ⟦PERSON Dana⟧ and", ["PERSON OKAFOR Dana"]],
    ["for ⟦ORG Weiss⟧ & ⟦ORG Sons⟧ now", ["ORG Weiss & Sons"]],
    ["for ⟦ORG Acme⟧ (UK) ⟦ORG Ltd⟧ now", ["ORG Acme (UK) Ltd"]],
    ["for ⟦ORG Nord⟧/⟦ORG Ost⟧ now", ["ORG Nord/Ost"]],
    ["by ⟦PERSON Graf⟧ von ⟦PERSON Reventlow⟧ now", ["PERSON Graf von Reventlow"]],
    ["the ⟦ORG Zentrum⟧ für ⟦ORG Datenschutz⟧ says", ["ORG Zentrum für Datenschutz"]],
    ["to ⟦ADDRESS Calle Mayor 3⟧.º izda., 41004 ⟦ADDRESS Sevilla⟧", ["ADDRESS Calle Mayor 3.º izda., 41004 Sevilla"]],
    ["to ⟦ADDRESS Hauptstr. 5⟧, ⟦LOCATION Kiel⟧", ["ADDRESS Hauptstr. 5, Kiel"]],
    ["⟦PERSON Okafor⟧, ⟦PERSON Dana⟧\n", ["PERSON Okafor, Dana"]],
    ["⟦PERSON Okafor⟧, ⟦PERSON Dana M.⟧\n", ["PERSON Okafor, Dana M."]],
  ])("%s are one", (source, expected) => expect(cleaned(source)).toEqual(expected));

  it.each([
    ["⟦PERSON Anna⟧, ⟦PERSON Ben⟧, ⟦PERSON Cleo⟧ came", 3],
    ["⟦PERSON Anna⟧, ⟦PERSON Ben⟧ and ⟦PERSON Cleo⟧ came", 3],
    ["⟦PERSON Schmidt⟧, ⟦PERSON Anna Miller⟧ came", 2],
    ["⟦PERSON Okafor⟧,⟦PERSON Dana⟧,3", 2],
    ["⟦PERSON Anna⟧ and ⟦PERSON Ben⟧", 2],
    ["asked ⟦PERSON Anna⟧. ⟦PERSON Ben⟧ left", 2],
    ["⟦PERSON Anna⟧/⟦PERSON Ben⟧", 2],
    ["⟦ORG Acme⟧, ⟦ORG Weiss⟧", 2],
    ["⟦PERSON Anna⟧ & ⟦ORG Weiss⟧", 2],
  ])("%s are several", (source, count) => expect(cleaned(source)).toHaveLength(count));
});

describe("what belongs to a name's last word", () => {
  it.each([
    ["of ⟦ORG Acme Inc⟧. The", "ORG Acme Inc."],
    ["of ⟦ORG Acme S.A⟧. The", "ORG Acme S.A."],
    ["by ⟦PERSON Dana O⟧. today", "PERSON Dana O."],
    ["of ⟦ORG Acme (UK⟧) today", "ORG Acme (UK)"],
    ["to ⟦ADDRESS 31 Esplanade, Nightcliff NT⟧ 0810 now", "ADDRESS 31 Esplanade, Nightcliff NT 0810"],
    ["of Nordlicht ⟦ORG Optik GmbH⟧ today", "ORG Nordlicht Optik GmbH"],
  ])("%s", (source, expected) => expect(cleaned(source)).toEqual([expected]));

  it.each([
    "asked ⟦PERSON Dana⟧. The",
    "of ⟦ORG Acme Optics⟧. The",
    "⟦PERSON Dana⟧) said",
    "⟦LOCATION Berlin⟧-Reise",
    "Nordlicht ⟦ORG Optik⟧",
    "⟦ADDRESS Hauptstr. 5⟧, 1200 €",
  ])("is nothing in: %s", (source) => {
    const { findings } = marked(source);
    expect(cleaned(source)).toEqual(findings.map(({ label, value }) => `${label} ${value}`));
  });
});

describe("bounds as people mark them", () => {
  it.each([
    ["saw ⟦PERSON Dr. Okafor⟧ today", ["PERSON Okafor"]],
    ["saw ⟦PERSON Frau Prof. Lindner⟧ today", ["PERSON Lindner"]],
    ["⟦PERSON Hi Dana⟧, all well", ["PERSON Dana"]],
    ["with ⟦PERSON Miss⟧ here", []],
    ["in ⟦LOCATION Springfield Ohio⟧ now", ["LOCATION Springfield", "LOCATION Ohio"]],
    ["in ⟦LOCATION Springfield OH⟧ now", ["LOCATION Springfield", "LOCATION OH"]],
    ["in ⟦LOCATION Raleigh North Carolina⟧ now", ["LOCATION Raleigh", "LOCATION North Carolina"]],
    ["in ⟦LOCATION West Virginia⟧ now", ["LOCATION West Virginia"]],
    ["on ⟦LOCATION Lake Ontario⟧ now", ["LOCATION Lake Ontario"]],
    ["in ⟦LOCATION Republic of Ireland⟧ now", ["LOCATION Republic of Ireland"]],
    ["⟦ORG Norway⟧ signed", ["LOCATION Norway"]],
    ["⟦PERSON Okafor 's⟧ desk", ["PERSON Okafor"]],
    ["Between ⟦ORG Boreale S.p.A.⟧ and", ["ORG Boreale S.p.A."]],
    ["Between Ottica ⟦ORG Boreale S.p.A.⟧ and", ["ORG Ottica Boreale S.p.A."]],
  ])("%s", (source, expected) => expect(cleaned(source)).toEqual(expected));
});

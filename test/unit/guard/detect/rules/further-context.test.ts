import { describe, expect, it } from "vitest";
import { createDetector } from "../../../../../guard/detect/detector.ts";

const detector = createDetector({ ignore: ["DATE"] });
const found = (text: string): string[] =>
  detector.detect(text).map((finding) => `${finding.label} ${text.slice(finding.start, finding.end)}`);
const FIXED = `No.   Name              Born        Joined
----  ----------------  ----------  ----------
4     Ada Example       1967-01-23  1999-05-01`;

describe("words farther from their value", () => {
  it.each([
    ["They want my passport number on the invitation\n> as well as the dates. It's C01X00T47.", "PASSPORT C01X00T47"],
    ["his old passport is in it too (CRT2G3HE5, clipped)", "PASSPORT CRT2G3HE5"],
    ['{"doc":"passport","no":"123456789"}', "PASSPORT 123456789"],
    ['{"doc":"C01X00T47"}', "PASSPORT C01X00T47"],
    ["| 1 | ADA | F | 1954-06-02 | NOR | 33707299 |", "PASSPORT 33707299"],
    ["het BSN van de ondertekenaar; dat is onzin maar goed: 111222333", "NATIONAL_ID 111222333"],
    ["Kontakt w sprawie: radca Ada Nowak, 58 555 01 29.", "PHONE 58 555 01 29"],
    ['{"n":"Ada","p":"601 555 019"}', "PHONE 601 555 019"],
    ["mobile 07700 900123", "PHONE 07700 900123"],
    ["it is 07700 900123", "PHONE 07700 900123"],
    ["the account (old style) is 01001 40022 1099", "BANK_ACCOUNT 01001 40022 1099"],
    ["drawn on Bank of Example, Perth branch, 20-00-00", "BANK_ACCOUNT 20-00-00"],
    ["MT103\n:59:/4470954899\nADA", "BANK_ACCOUNT 4470954899"],
  ])("count for %j", (text, expected) => expect(found(text)).toContain(expected));

  it.each(["it is 58 555 01 29", '{"doc":"readme","no":"123456789"}', '{"x":"601 555 019"}', "branch 20-00-00", "order C01X00T47"])(
    "are needed: %j stays",
    (text) => expect(found(text)).toEqual([]),
  );
});

describe("headers of tables", () => {
  it.each([
    [FIXED, ["BIRTH_DATE 1967-01-23"]],
    ["Emp ID | Surname, initials | UTR\nEM-1 | Example, A. | 9669996799", ["TAX_ID 9669996799"]],
    ["id,street,city,phone\n1,Flat 2, Mill Lane,Leeds,01132 7002", []],
    ["id,street,city,phone\n1,Flat 2, Mill Lane,Leeds,5550 7002", ["PHONE 5550 7002"]],
    ["date,text\naccount,refund; routing 021000021", ["BANK_ACCOUNT 021000021"]],
    ["site,lat,lon\nHall 2,54.5412,18.5289", ["GEO 54.5412,18.5289"]],
  ])("name the cells of %j", (text, expected) => {
    const all = found(text);
    for (const each of expected) expect(all.join("\n").replace("GEO 54.5412\nGEO 18.5289", "GEO 54.5412,18.5289")).toContain(each);
  });
});

describe("dates of birth", () => {
  it.each([
    ["Bot: your date of birth?\nVisitor: 6 aug 1995", "6 aug 1995"],
    ["ada: and born?\nbob: 24/08/1991. he's", "24/08/1991"],
    ["Geburtsdat.: 19.O1.1966", "19.O1.1966"],
    ["born 12 . 07 . 1977 in", "12 . 07 . 1977"],
    ["Employee: Ada van Example, 3-8-1979, on leave", "3-8-1979"],
    ["| HALVOR | M | 1954-06-02 |", "1954-06-02"],
    ["Ada Example (2 June 1949, passport", "2 June 1949"],
  ])("are found in %j", (text, value) => expect(found(text)).toEqual([`BIRTH_DATE ${value}`]));

  it.each(["Employee: Ada Example, 3-8-2025, absent", "job birthday-mail\n2025-12-01 02:00 done", "| x | 1954-06-02 |"])(
    "are not seen in %j",
    (text) => expect(found(text)).toEqual([]),
  );
});

describe("passwords that a text tells", () => {
  it.each([
    ["forgot my password again, the old one was Seagull11!dock can you", "Seagull11!dock"],
    ["le wifi c'est Bellevue-1852!lac", "Bellevue-1852!lac"],
    ['SNMP community is "nordsee-Lesen_19", yes', "nordsee-Lesen_19"],
    ['new NetworkCredential("svc-mailer", "Rotkehlchen_2024!x");', "Rotkehlchen_2024!x"],
    ["# rotate.sh\nOLD=Og7mMN2exhjP0RdAZIG1QPeJval3jQzw", "Og7mMN2exhjP0RdAZIG1QPeJval3jQzw"],
  ])("are found in %j", (text, value) => expect(found(text)).toEqual([`SECRET ${value}`]));

  it("a web hook is covered with its scheme", () => {
    const hook = ["https://hooks.slack.com/services", "T0AB1CD2E", "B0AB1CD2E", "aB3dE6gH9jK2mN5pQ8sT1vW4"].join("/");
    expect(found(`HOOK=${hook}`)).toEqual([`SECRET ${hook}`]);
  });

  it.each([
    "the password is stored in config-v2.json",
    "wifi is 802.11ac on 5GHz",
    "password policy: the minimum is 12-characters",
    "the community is v2.0-beta and it is open",
    `new NetworkCredential("user", "$${"{PASSWORD}"}")`,
    "OLD=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
  ])("%j stays", (text) => expect(found(text)).toEqual([]));
});

import { describe, expect, it } from "vitest";
import { createDetector } from "../../../../../guard/detect/detector.ts";

const detector = createDetector();
const found = (text: string): string[] =>
  detector.detect(text).map((finding) => `${finding.label} ${text.slice(finding.start, finding.end)}`);

describe("dates of the calendar", () => {
  it.each([
    ["due 2026-03-12, then", "2026-03-12"],
    ["2026/03/12", "2026/03/12"],
    ["at=2026-05-30T10:02:00+02:00 ok", "2026-05-30T10:02:00+02:00"],
    ["12.03.2026", "12.03.2026"],
    ["12/03/2026", "12/03/2026"],
    ["3-5-2026", "3-5-2026"],
    ["paid on 3/12/26", "3/12/26"],
    ["date 20260312", "20260312"],
    ["2026年3月12日", "2026年3月12日"],
    ["am 5.6. geht es", "5.6."],
    ["bis Freitag, 28.02. unter", "Freitag, 28.02."],
    ["Taxi\n17.03.  home", "17.03."],
    ["12 March 2026", "12 March 2026"],
    ["March 12th, 2026", "March 12th, 2026"],
    ["Thursday, 22 May 2025", "Thursday, 22 May 2025"],
    ["12-Mar-2026", "12-Mar-2026"],
    ["09 SEP", "09 SEP"],
    ["12. März 2026", "12. März 2026"],
    ["le 1er mars 2026", "1er mars 2026"],
    ["12 de marzo de 2026", "12 de marzo de 2026"],
    ["1° settembre 2025", "1° settembre 2025"],
    ["op 3 mei 2026", "3 mei 2026"],
    ["od 5 marca 2026 r.", "5 marca 2026 r."],
    ["till den 11 oktober", "11 oktober"],
    ["5 de março de 2026", "5 de março de 2026"],
    ["d. 19. august", "19. august"],
    ["12. kesäkuuta 2025", "12. kesäkuuta 2025"],
    ["in October 2026", "October 2026"],
    ["en septiembre de 2025", "septiembre de 2025"],
    ["12.–14. März 2026", "12.–14. März 2026"],
    ["3-5 May 2026", "3-5 May 2026"],
    ["7.–25.7. away", "7.–25.7."],
    ["since 05/2019", "05/2019"],
  ])("are found in %j", (text, value) => expect(found(text)).toEqual([`DATE ${value}`]));

  it.each([
    "may 5 people come",
    "12 may be late",
    "3 out of 5",
    "3. Set up the server",
    "the period 2026-10 is closed",
    "in 2026 on a Monday",
    "version 2026.3.1",
    "v1.2.2024",
    "1/2/3",
    "3/12/26",
    "20260312",
    "2026-02-30",
    "31.04.2026",
    "1.2. Intro",
    "Ubuntu 24.04.",
    "report-2026-03-12.pdf",
    "Jun 11 05:58:01 host",
    "[11/Jun/2025:05:58:01]",
    "10.12.2024.1",
  ])("are not seen in %j", (text) => expect(found(text)).toEqual([]));

  it("are dates of birth where the text says so", () => {
    expect(found("born Friday 12 March 1985, joined 1 May 2010")[0]).toBe("BIRTH_DATE Friday 12 March 1985");
    expect(found('{"dob":"1985-03-12T00:00:00Z"}')[0]).toMatch(/^BIRTH_DATE 1985-03-12/);
  });

  it("don't make a number beside them personal", () => expect(found("2026-03-12,111222333,1200.00")).toEqual(["DATE 2026-03-12"]));
});

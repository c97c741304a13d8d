/** Lines of data sets as people write them. */
import { describe, expect, it } from "vitest";
import { createLabelMap } from "../../../../guard/eval/label-map.ts";
import { inUnit, looksLikeCodePoints, readRow } from "../../../../guard/eval/read-row.ts";

const read = (row: unknown, unit: "utf16" | "code-points" = "utf16") => readRow(JSON.stringify(row), unit);
/** What each span covers, with its label. */
const marked = (row: unknown, unit: "utf16" | "code-points" = "utf16"): string[] => {
  const { text, spans } = read(row, unit);
  return spans.map(({ start, end, label }) => `${label} ${text.slice(start, end)}`);
};

describe("a line with spans", () => {
  it("is read as it is, whatever else is in it", () => {
    expect(marked({ id: 7, text: "Dana met Omar.", spans: [{ start: 0, end: 4, label: "PER", score: 1 }] })).toEqual(["PER Dana"]);
  });

  it("may count code points, as Python does", () => {
    const row = { text: "😀😀 Dana", spans: [{ start: 3, end: 7, label: "PERSON" }] };
    expect(marked(row, "code-points")).toEqual(["PERSON Dana"]);
    expect(marked(row, "utf16")).not.toEqual(["PERSON Dana"]);
  });

  it("is suspected of counting code points only where that fits the words better", () => {
    const text = "😀😀 Dana Okafor";
    expect(looksLikeCodePoints(read({ text, spans: [{ start: 3, end: 14, label: "PERSON" }] }))).toBe(true);
    expect(looksLikeCodePoints(read({ text, spans: [{ start: 5, end: 16, label: "PERSON" }] }))).toBe(false);
    expect(looksLikeCodePoints(read({ text: "Dana Okafor", spans: [{ start: 1, end: 5, label: "PERSON" }] }))).toBe(false);
  });

  it("comes back in the unit that it had", () => {
    const { text, spans } = read(
      {
        text: "😀 Dana 😀 Omar",
        spans: [
          { start: 2, end: 6, label: "A" },
          { start: 9, end: 13, label: "B" },
        ],
      },
      "code-points",
    );
    expect(inUnit("code-points", text, spans)).toEqual([
      { start: 2, end: 6, label: "A" },
      { start: 9, end: 13, label: "B" },
    ]);
  });

  it.each([
    ["no JSON", "{"],
    ["no object", "[]"],
    ["no spans", '{"text":"a"}'],
    ["an empty span", '{"text":"abc","spans":[{"start":1,"end":1,"label":"X"}]}'],
    ["a span behind the end", '{"text":"abc","spans":[{"start":1,"end":4,"label":"X"}]}'],
    ["a span without a label", '{"text":"abc","spans":[{"start":0,"end":1}]}'],
    ["fewer tags than tokens", '{"tokens":["Dana","Okafor"],"tags":["O"]}'],
    ["a token that is not in its text", '{"tokens":["Dana","Zed"],"tags":["O","O"],"text":"Dana Okafor"}'],
  ])("is refused with %s, and nothing of it is quoted", (_why, line) => {
    expect(() => readRow(line, "utf16")).toThrow(
      expect.objectContaining({ code: "INVALID_INPUT", message: expect.not.stringMatching(/Dana|abc/) }),
    );
  });
});

describe("a line with tokens", () => {
  const tokens = ["Dana", "Okafor", "and", "Omar", "of", "Acme", "Ltd", "."];

  it("is joined by spaces where it has no text", () => {
    const row = { tokens, tags: ["B-PER", "I-PER", "O", "B-PER", "O", "B-ORG", "I-ORG", "O"] };
    expect(read(row).text).toBe("Dana Okafor and Omar of Acme Ltd .");
    expect(marked(row)).toEqual(["PER Dana Okafor", "PER Omar", "ORG Acme Ltd"]);
  });

  it("is placed in its text where it has one", () => {
    const row = { tokens: ["Omar", "'s", "Omar", "!"], tags: ["O", "O", "B-PER", "O"], text: "Omar's  Omar!" };
    expect(read(row).spans).toEqual([{ start: 8, end: 12, label: "PER" }]);
  });

  it("may tag without B, with E and S, or with the bare label", () => {
    expect(marked({ tokens: ["a", "b", "c"], tags: ["I-X", "I-X", "I-Y"] })).toEqual(["X a b", "Y c"]);
    expect(marked({ tokens: ["a", "b", "c", "d"], tags: ["B-X", "E-X", "S-X", "U-X"] })).toEqual(["X a b", "X c", "X d"]);
    expect(marked({ tokens: ["a", "b", "c"], tags: ["X", "X", "O"] })).toEqual(["X a b"]);
  });

  it("keeps neighbours apart that begin anew", () => {
    expect(marked({ tokens: ["a", "b"], tags: ["B-X", "B-X"] })).toEqual(["X a", "X b"]);
  });
});

describe("a map of labels", () => {
  it("knows what others call our classes, in any writing", () => {
    const map = createLabelMap();
    expect(["PER", "gpe", "Date-Time", "street address", "US_SSN", "Email.Address", "PERSON"].map(map.marked)).toEqual([
      "PERSON",
      "LOCATION",
      "DATE",
      "ADDRESS",
      "NATIONAL_ID",
      "EMAIL",
      "PERSON",
    ]);
  });

  it("keeps a label that it does not know, so that what leaks there counts", () => {
    expect(createLabelMap().marked("Nickname")).toBe("NICKNAME");
  });

  it("lets the caller's word go before the table, also for what the guard finds", () => {
    const map = createLabelMap({ ADDRESS: "LOCATION", USERNAME: "-", gpe: "ORG" });
    expect([map.marked("STREET_ADDRESS"), map.found("ADDRESS"), map.marked("Username"), map.marked("GPE")]).toEqual([
      "LOCATION",
      "LOCATION",
      undefined,
      "ORG",
    ]);
    expect(map.found("LOCATION")).toBe("LOCATION");
  });
});

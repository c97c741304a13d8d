import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { DATA_CLASSES } from "../../mesh/contract/data-class.ts";
import { guardLists } from "../../mesh/contract/guard-policy.ts";
import { corpusPath, corpusReadme, frozenDigests, readCorpus } from "../../scripts/corpus-table.mjs";
import { CHECKED_CLASSES, isValidNumber } from "../support/valid-numbers.ts";

/** The lists of the fictitious company; `lists` is its `guard.json`. */
const organisation = z.strictObject({ people: z.array(z.strictObject({ name: z.string(), email: z.email() })).min(1), lists: guardLists });

const business = readCorpus("business.jsonl");
const technical = readCorpus("technical.jsonl");

/** Every span with its document's id and its text. */
const spans = business.flatMap(({ id, text, spans: marked }) =>
  marked.map(({ start, end, label }) => ({ id, text, start, end, label, value: text.slice(start, end) })),
);
/** What to show of a wrong span. */
const shown = ({ id, label, value }: { id: string; label: string; value: string }): string => `${id} ${label} ${value}`;

const isWithinWord = (text: string, at: number): boolean =>
  /^[\p{L}\p{N}]{2}$/u.test(text.slice(at - 1, at + 1)) && !/\\[nrt]$/.test(text.slice(0, at));

describe("the frozen corpus", () => {
  it("is the one whose digests are kept", () => {
    expect(frozenDigests()).toBe(readFileSync(corpusPath("frozen.json"), "utf8"));
  });

  it("is counted in its README", () => {
    expect(corpusReadme()).toBe(readFileSync(corpusPath("README.md"), "utf8"));
  });

  it("has at least 320 business documents and 150 technical ones, each with its own id and text", () => {
    expect(business.length).toBeGreaterThanOrEqual(320);
    expect(technical.length).toBeGreaterThanOrEqual(150);
    for (const property of ["id", "text"] as const)
      expect(new Set([...business, ...technical].map((document) => document[property])).size).toBe(business.length + technical.length);
  });

  it("marks nothing in technical text", () => {
    expect(technical.filter(({ spans: marked }) => marked.length > 0)).toEqual([]);
  });

  it("marks spans in order, within their text and without overlap", () => {
    const wrong = business.filter(({ text, spans: marked }) =>
      marked.some(({ start, end }, i) => start < (marked[i - 1]?.end ?? 0) || end <= start || end > text.length),
    );
    expect(wrong).toEqual([]);
  });

  it("marks whole words, without spaces around them", () => {
    const cut = spans.filter(
      ({ text, start, end, value }) => value.trim() !== value || isWithinWord(text, start) || isWithinWord(text, end),
    );
    expect(cut.map(shown)).toEqual([]);
  });

  it("marks a value everywhere in a document, but for zone identifiers such as Europe/Paris", () => {
    const missed = business.flatMap(({ id, text, spans: marked }) => {
      const long = marked.filter(({ start, end }) => end - start >= 8);
      return long.flatMap(({ start, end, label }) => {
        const value = text.slice(start, end);
        const covered = (at: number): boolean => marked.some((other) => other.start < at + value.length && at < other.end);
        return [...text.matchAll(new RegExp(`(?<!/)${RegExp.escape(value)}`, "g"))].some(({ index }) => !covered(index))
          ? [`${id} ${label} ${value}`]
          : [];
      });
    });
    expect(missed).toEqual([]);
  });

  it("has every class often enough to measure it, but for CUSTOM, which has no text of its own", () => {
    const classes = DATA_CLASSES.filter((label) => label !== "CUSTOM");
    const rare = classes.filter((label) => spans.filter((span) => span.label === label).length < 12);
    expect(rare).toEqual([]);
    expect(new Set(spans.map(({ label }) => label))).toEqual(new Set(classes));
  });

  it.each(CHECKED_CLASSES)("has only valid numbers of class %s", (label) => {
    const wrong = spans.filter((span) => span.label === label && !isValidNumber(label, span.value));
    expect(wrong.map(shown)).toEqual([]);
  });

  it("would notice a wrong digit", () => {
    const changed = spans
      .filter(({ label }) => label === "IBAN" || label === "CARD")
      .map(({ label, value }) => ({
        label,
        value: value.replace(/\d(?=\D*$)/, (digit) => String((Number(digit) + 1) % 10)),
      }));
    expect(changed.filter(({ label, value }) => isValidNumber(label, value))).toEqual([]);
  });

  it("shows no secret in the plain form that scanners look for", () => {
    const file = readFileSync(corpusPath("business.jsonl"), "utf8");
    expect(spans.filter(({ label, value }) => label === "SECRET" && file.includes(JSON.stringify(value).slice(1, -1))).map(shown)).toEqual(
      [],
    );
  });

  it("has lists of its organisation that a bundle could carry", () => {
    const { people } = organisation.parse(JSON.parse(readFileSync(corpusPath("organisation.json"), "utf8")));
    const text = business.map((document) => document.text).join("\n");
    expect(people.filter(({ name }) => !text.includes(name.split(" ")[0] ?? name))).toEqual([]);
  });
});

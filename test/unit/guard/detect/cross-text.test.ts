/** Which texts of a call are looked through again for values of its other texts. */
import { expect, it } from "vitest";
import { spreadValues } from "../../../../guard/detect/cross-text.ts";
import type { Finding } from "../../../../guard/detect/finding.ts";
import { wordHashes } from "../../../../guard/detect/word-hashes.ts";
import type { ScanJob, ScanResult } from "../../../../guard/detect/worker/protocol.ts";

const resultOf = (text: string, value = "", label: Finding["label"] = "EMAIL"): ScanResult => {
  const start = text.indexOf(value);
  const findings = value === "" ? [] : [{ start, end: start + value.length, label, score: 0.9, detector: "test", value }];
  return { findings, words: wordHashes(text) };
};

async function jobsFor(results: ReadonlyMap<string, ScanResult>): Promise<ScanJob[]> {
  let asked: readonly ScanJob[] = [];
  await spreadValues(results, (jobs) => {
    asked = jobs;
    return Promise.resolve(jobs.map(({ text }) => resultOf(text)));
  });
  return [...asked];
}

it("are those that have all words of a value, in any case and with a genitive's s", async () => {
  const results = new Map([
    ["Dana Okafor signs.", resultOf("Dana Okafor signs.", "Dana Okafor", "PERSON")],
    ["DANA OKAFOR was there.", resultOf("DANA OKAFOR was there.")],
    ["Okafors Vertrag", resultOf("Okafors Vertrag")],
    ["Nobody is named.", resultOf("Nobody is named.")],
  ]);
  expect((await jobsFor(results)).map(({ text }) => text)).toEqual(["DANA OKAFOR was there.", "Okafors Vertrag"]);
});

it("are none where thousands of values only begin alike, so that such a call costs no more than its length", async () => {
  const texts = Array.from({ length: 3_000 }, (_, i) => [`Tool ${i} asks ada.m${i}@example.org`, `ada.m${i}@example.org`] as const);
  expect(await jobsFor(new Map(texts.map(([text, value]) => [text, resultOf(text, value)])))).toEqual([]);
});

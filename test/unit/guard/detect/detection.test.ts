import { afterEach, describe, expect, it } from "vitest";
import { join } from "node:path";
import { createDetection, type DetectionConfig } from "../../../../guard/detect/create-detection.ts";
import type { DetectionService } from "../../../../guard/detect/detection.ts";
import type { Finding } from "../../../../guard/detect/finding.ts";
import { guardLists } from "../../../../mesh/contract/guard-policy.ts";
import { systemClock, systemRandom } from "../../../../mesh/agent/system.ts";

const INSTALL = join(import.meta.dirname, "..", "..", "..", "..");
const open: DetectionService[] = [];

/** A detection with rules and lists alone, in a real worker. */
const detectionOf = (config: Partial<DetectionConfig> = {}): DetectionService => {
  const detection = createDetection({ clock: systemClock, random: systemRandom }, { installFolder: INSTALL, modelFolder: null, ...config });
  open.push(detection);
  return detection;
};

afterEach(async () => {
  await Promise.all(open.splice(0).map((detection) => detection.close()));
});

const surfaces = (text: string, findings: readonly Finding[] | undefined): string[] =>
  (findings ?? []).map(({ start, end, label }) => `${label} ${text.slice(start, end)}`);

const lists = (entries: object) => guardLists.parse({ v: 1, ...entries });

describe("a detection", () => {
  it("finds in a worker what the rules find, each text by itself", async () => {
    const texts = ["Mail a.miller@example.com please.", "Nothing here.", "IBAN DE89 3704 0044 0532 0130 00"];
    const found = await detectionOf().detect(texts);
    expect(texts.map((text, i) => surfaces(text, found[i]))).toEqual([
      ["EMAIL a.miller@example.com"],
      [],
      ["IBAN DE89 3704 0044 0532 0130 00"],
    ]);
  });

  it("looks up the value of one text in the other texts of the call, and not in the next call", async () => {
    const detection = detectionOf({ lists: lists({ columns: [{ class: "PERSON", names: ["employee"] }] }) });
    const table = "employee;amount\nAnna Schmidt;12\n";
    const chat = "SCHMIDT asked, and Anna's boss too.";
    const found = await detection.detect([table, chat]);
    expect(surfaces(chat, found[1])).toEqual(["PERSON SCHMIDT", "PERSON Anna"]);
    expect(await detection.detect([chat])).toEqual([[]]);
  });

  it("takes other lists from the next call on, also for a text that it has seen", async () => {
    const detection = detectionOf();
    const text = "The project is Bluebird, staff number NO-12345.";
    expect(await detection.detect([text])).toEqual([[]]);
    detection.update(
      lists({ deny: [{ class: "CUSTOM", values: ["bluebird"] }], patterns: [{ class: "EMPLOYEE_ID", pattern: "NO-\\d{5}" }] }),
    );
    expect(surfaces(text, (await detection.detect([text]))[0])).toEqual(["CUSTOM Bluebird", "EMPLOYEE_ID NO-12345"]);
  });
});

import { afterEach, describe, expect, it, vi } from "vitest";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { createDetection, type DetectionConfig } from "../../../../guard/detect/create-detection.ts";
import type { DetectionService } from "../../../../guard/detect/detection.ts";
import type { Finding } from "../../../../guard/detect/finding.ts";
import type { WorkerSetup } from "../../../../guard/detect/worker/protocol.ts";
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

// Each worker loads its program from the sources, which takes seconds on a busy machine.
vi.setConfig({ testTimeout: 60_000 });

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

  it("refuses where its worker dies, and answers again with the next one", async () => {
    const dying = `require("node:worker_threads").parentPort.on("message", () => process.exit(3))`;
    const programs: Worker[] = [];
    const startWorker = (setup: WorkerSetup): Worker => {
      const source = new URL("../../../../guard/detect/worker/scan-worker.ts", import.meta.url);
      programs.push(programs.length === 0 ? new Worker(dying, { eval: true }) : new Worker(source, { workerData: setup, execArgv: [] }));
      return programs.at(-1) as Worker;
    };
    const detection = detectionOf({ startWorker });
    await expect(detection.detect(["a@example.com"])).rejects.toMatchObject({ code: "GUARD_REFUSED" });
    expect((await detection.detect(["a@example.com"]))[0]?.length).toBe(1);
    expect(programs.length).toBe(2);
  });

  it("refuses while the organisation's patterns can't be used, with the fix", async () => {
    const detection = detectionOf({ lists: lists({ patterns: [{ class: "CUSTOM", pattern: "(a+)+b" }] }) });
    await expect(detection.detect(["text"])).rejects.toMatchObject({
      code: "GUARD_REFUSED",
      message: expect.stringContaining("guard.yaml"),
    });
    detection.update(lists({}));
    expect(await detection.detect(["text"])).toEqual([[]]);
  });

  it("takes other lists from the next call on, also for a text that it has seen", async () => {
    const detection = detectionOf();
    const text = "The project is Bluebird, see NO-12345.";
    expect(await detection.detect([text])).toEqual([[]]);
    detection.update(
      lists({ deny: [{ class: "CUSTOM", values: ["bluebird"] }], patterns: [{ class: "EMPLOYEE_ID", pattern: "NO-\\d{5}" }] }),
    );
    expect(surfaces(text, (await detection.detect([text]))[0])).toEqual(["CUSTOM Bluebird", "EMPLOYEE_ID NO-12345"]);
  });
});

describe("a detection with a model", () => {
  const MODEL = join(INSTALL, "test", "fixtures", "ner-model");

  it("joins what rules, model and lists find", async () => {
    const detection = detectionOf({
      modelFolder: MODEL,
      lists: lists({ allow: ["Acme"], deny: [{ class: "CUSTOM", values: ["Bluebird"] }] }),
    });
    const text = "Anna Schmidt (anna.schmidt@example.com) of Acme runs Bluebird in Berlin.";
    expect(surfaces(text, (await detection.detect([text]))[0])).toEqual([
      "PERSON Anna Schmidt",
      "EMAIL anna.schmidt@example.com",
      "CUSTOM Bluebird",
      "LOCATION Berlin",
    ]);
  });

  it("finds names in JSON inside JSON, at their places in the text as written", async () => {
    const text = JSON.stringify({ note: JSON.stringify({ who: 'Jos\u00e9 "Pepe"', city: "Berlin\nx" }) }).replace("é", "\\\\u00e9");
    const [found = []] = await detectionOf({ modelFolder: MODEL }).detect([text]);
    expect(surfaces(text, found)).toEqual(["PERSON Jos\\\\u00e9", "LOCATION Berlin"]);
    expect(found[0]?.value).toBe("José");
  });

  it("masks a person's first or last name alone in the other texts, and an everyday word only with its capital", async () => {
    const texts = ["Anna May joined.", "may we ask ANNA or May's team, or anna", "It was maybe in May."];
    const found = await detectionOf({ modelFolder: MODEL }).detect(texts);
    expect(texts.map((text, i) => surfaces(text, found[i]))).toEqual([
      ["PERSON Anna May"],
      ["PERSON ANNA", "PERSON May", "PERSON anna"],
      ["PERSON May"],
    ]);
  });

  it("refuses where the model can't be loaded, except where findings are only counted", async () => {
    const detection = detectionOf({ modelFolder: join(MODEL, "nothing") });
    await expect(detection.detect(["a@example.com"])).rejects.toMatchObject({
      code: "GUARD_REFUSED",
      message: expect.stringContaining("Install Gaggle again"),
    });
    expect((await detection.detect(["a@example.com"], { withoutModel: true })).map((found) => found.length)).toEqual([1]);
    expect(await detection.warmUp()).toMatchObject({ ready: false });
  });
});

describe("the memory of a detection", () => {
  const MODEL = join(INSTALL, "test", "fixtures", "ner-model");
  const secret = new Uint8Array(32).fill(7);

  /** Kept in a variable; `jobs` are the texts that a worker got. */
  const kept = () => {
    const state = { sealed: undefined as string | undefined };
    const save = (sealed: string): Promise<void> => {
      state.sealed = sealed;
      return Promise.resolve();
    };
    return { state, memory: { secret, load: () => Promise.resolve(state.sealed), save } };
  };
  const countingDetection = (memory: DetectionConfig["memory"], more: Partial<DetectionConfig> = {}) => {
    const started: WorkerSetup[] = [];
    const startWorker = (setup: WorkerSetup): Worker => {
      started.push(setup);
      return new Worker(new URL("../../../../guard/detect/worker/scan-worker.ts", import.meta.url), { workerData: setup, execArgv: [] });
    };
    return { started, detection: detectionOf({ modelFolder: MODEL, startWorker, ...(memory === undefined ? {} : { memory }), ...more }) };
  };
  const text = "System prompt: Anna Schmidt of Berlin, mail anna@example.com.";

  it("answers for texts that came again without a worker, also after a restart", async () => {
    const { state, memory } = kept();
    const first = countingDetection(memory);
    const found = await first.detection.detect([text]);
    expect(await first.detection.detect([text])).toEqual(found);
    await first.detection.close();
    const second = countingDetection(memory);
    expect(await second.detection.detect([text])).toEqual(found);
    expect(second.started).toEqual([]);
    expect(Buffer.from(state.sealed ?? "", "base64").toString("latin1")).not.toContain("Anna");
  });

  it("keeps a text also over a run in which only others came again", async () => {
    const { memory } = kept();
    for (const each of [text, "Another prompt for Anna."]) {
      const { detection } = countingDetection(memory);
      await detection.detect([each]);
      await detection.detect([each]);
      await detection.close();
    }
    const { started, detection } = countingDetection(memory);
    expect((await detection.detect([text]))[0]?.length).toBe(3);
    expect(started).toEqual([]);
  });

  it("holds nothing of a text that came once", async () => {
    const { state, memory } = kept();
    const { detection } = countingDetection(memory);
    await detection.detect([text]);
    await detection.close();
    expect(state.sealed).toBeUndefined();
  });

  it("is passed over where it was damaged", async () => {
    const { state, memory } = kept();
    state.sealed = "not a memory";
    const { started, detection } = countingDetection(memory);
    expect((await detection.detect([text]))[0]?.length).toBe(3);
    expect(started.length).toBe(1);
  });

  it("is not used under other lists", async () => {
    const { memory } = kept();
    const first = countingDetection(memory);
    await first.detection.detect([text]);
    await first.detection.detect([text]);
    await first.detection.close();
    const second = countingDetection(memory, { lists: lists({ allow: ["Berlin"] }) });
    expect(surfaces(text, (await second.detection.detect([text]))[0])).toEqual(["PERSON Anna Schmidt", "EMAIL anna@example.com"]);
    expect(second.started[0]?.blocks).toEqual([]);
  });
});

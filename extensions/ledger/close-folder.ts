/** The files of a period's close, in `close/<period>/` of the books: proposal, posting, report. */
import { join } from "node:path";
import type { z } from "zod";
import { GaggleError } from "../../mesh/contract/errors.ts";
import { canonicalHash } from "../../mesh/contract/json.ts";
import { type CloseReport, closeReport, type Posting, type Proposal, posting, proposal } from "./close-records.ts";
import { createFileOnce, readIfThere, replaceFile } from "./durable-files.ts";

/** A period's close on disk. Everything resolves only when it is durable. */
export interface CloseFolder {
  /** The current proposal, or undefined. Throws GaggleError STATE_CONFLICT where the file is damaged. */
  proposal(): Promise<Proposal | undefined>;
  saveProposal(proposal: Proposal): Promise<void>;
  /** The posting, or undefined. Throws GaggleError CONFLICT where the file is damaged: then nothing may be posted. */
  posting(): Promise<Posting | undefined>;
  /** Keeps the posting unless there is one; returns false where there was. */
  createPosting(posting: Posting): Promise<boolean>;
  /** Writes `report.json`, unless it already is as it should be. */
  saveReport(report: CloseReport): Promise<void>;
  /** Path of the report, relative to the books. */
  readonly reportFile: string;
}

const fileText = (value: unknown): string => `${JSON.stringify(value, undefined, 2)}\n`;

function parsed<T>(schema: z.ZodType<T>, text: string): T | undefined {
  try {
    return schema.safeParse(JSON.parse(text)).data;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** Opens the close of a period in the books at `booksDir`. */
export function openCloseFolder(booksDir: string, period: string): CloseFolder {
  const path = (file: string): string => join(booksDir, "close", period, file);
  return {
    reportFile: `close/${period}/report.json`,
    async proposal() {
      const text = await readIfThere(path("proposal.json"));
      if (text === undefined) return undefined;
      const found = parsed(proposal, text);
      if (found?.period === period) return found;
      throw new GaggleError("STATE_CONFLICT", `The stored proposal for ${period} is damaged. Call propose_entries again.`);
    },
    saveProposal: (value) => replaceFile(path("proposal.json"), fileText(value)),
    async posting() {
      const text = await readIfThere(path("posting.json"));
      if (text === undefined) return undefined;
      const found = parsed(posting, text);
      if (found?.proposal.period === period && canonicalHash(found.proposal) === found.proposalHash) return found;
      throw new GaggleError(
        "CONFLICT",
        `The posting for ${period} is damaged or was altered. Restore close/${period}/posting.json from a backup.`,
      );
    },
    createPosting: (value) => createFileOnce(path("posting.json"), fileText(value)),
    async saveReport(value) {
      const text = fileText(closeReport.parse(value));
      if ((await readIfThere(path("report.json"))) !== text) await replaceFile(path("report.json"), text);
    },
  };
}

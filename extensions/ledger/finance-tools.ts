/** Finance's tools: reconcile the bank, propose the close, post it after the signed approval. */
import { z } from "zod";
import { GaggleError } from "../../mesh/contract/errors.ts";
import { sha256, uuid } from "../../mesh/contract/ids.ts";
import { canonicalHash } from "../../mesh/contract/json.ts";
import { defineTool, type Tool } from "../define-tool.ts";
import type { Books } from "./books.ts";
import { openCloseFolder } from "./close-folder.ts";
import { approvalPayload, difference } from "./close-records.ts";
import { fetchResults, type ResultDeps } from "./department-results.ts";
import { formatCents, moneyText } from "./money.ts";
import { periodText } from "./period.ts";
import { type PostingDeps, postClose } from "./post-close.ts";
import { approvalPayloadOf, proposeClose, shownDifference } from "./propose-close.ts";
import { reconcileBank } from "./reconcile.ts";

const period = periodText.describe("The month, like 2026-10");
/** Far above any organisation's; each is a question to the daemon. */
const MAX_DEPARTMENTS = 200;

const reconcile = (open: () => Books): Tool =>
  defineTool({
    readOnly: true,
    name: "reconcile_bank",
    title: "Reconcile the bank account",
    description:
      "Compares the ledger's bank account with the bank statement of a month: what matched, each difference with its kind, the balances.",
    input: z.strictObject({ period }),
    output: z.strictObject({
      period: periodText,
      reconciled: z.boolean(),
      matched: z.int(),
      differences: z.array(difference.extend({ counterparty: z.string() })),
      bookBalance: moneyText,
      statementBalance: moneyText,
      adjustedBookBalance: moneyText,
      adjustedStatementBalance: moneyText,
    }),
    async run(input) {
      const books = open();
      const { bank_account: bankAccount } = await books.financeSettings();
      const bank = reconcileBank(await books.ledger(), await books.statement(), bankAccount, input.period);
      const structured = {
        period: input.period,
        reconciled: bank.adjustedBookCents === bank.adjustedStatementCents && bank.differences.every((found) => found.adjusts !== "none"),
        matched: bank.matched,
        differences: bank.differences.map((found) => ({ ...shownDifference(found), counterparty: found.counterparty })),
        bookBalance: formatCents(bank.bookCents),
        statementBalance: formatCents(bank.statementCents),
        adjustedBookBalance: formatCents(bank.adjustedBookCents),
        adjustedStatementBalance: formatCents(bank.adjustedStatementCents),
      };
      const verdict = structured.reconciled ? "The bank account reconciles" : "The bank account does not reconcile";
      const text = `${verdict}: ${structured.matched} movements match, ${structured.differences.length} differ.`;
      return { structured, text };
    },
  });

const propose = (open: () => Books, deps: ResultDeps): Tool =>
  defineTool({
    readOnly: false,
    name: "propose_entries",
    title: "Propose the entries of a close",
    description:
      "Makes balanced journal entries from the departments' results and the bank reconciliation, and stores them as the month's proposal. " +
      "Pass the ids of the completed tasks; their results are read from this agent's daemon. Answers with the payload to ask an approval for.",
    input: z.strictObject({
      period,
      accrualTaskIds: z.array(uuid).min(1).max(MAX_DEPARTMENTS).describe("From send_task: the accruals task of each department"),
      payrollTaskId: uuid.describe("From send_task: HR's payroll-accrual task"),
    }),
    output: z.strictObject({ period: periodText, proposalHash: sha256, entries: z.int(), approvalPayload }),
    async run(input) {
      const books = open();
      const folder = openCloseFolder(books.dir, input.period);
      const proposal = await proposeClose(books, await fetchResults(deps, input));
      const payload = approvalPayloadOf(proposal);
      const posted = await folder.posting();
      if (posted !== undefined && canonicalHash(posted.proposal) !== payload.proposalHash) {
        throw new GaggleError(
          "CONFLICT",
          `${input.period} is already posted with other figures. Correct it by entries of the next period.`,
        );
      }
      if (posted === undefined) await folder.saveProposal(proposal);
      const structured = { period: input.period, proposalHash: payload.proposalHash, entries: payload.entries, approvalPayload: payload };
      return { structured, text: `${payload.entries} entries are proposed for ${input.period}. Ask an approval of approvalPayload.` };
    },
  });

const post = (open: () => Books, deps: PostingDeps): Tool =>
  defineTool({
    readOnly: false,
    name: "post_close",
    title: "Post the close",
    description:
      "Posts the stored proposal of a month once a person has signed the approval of exactly that proposal, and writes the report. " +
      "Calling it again posts nothing again and answers with the same posting.",
    input: z.strictObject({ period, approvalId: uuid.describe("From request_approval") }),
    output: z.strictObject({
      period: periodText,
      postingId: z.string(),
      postedAt: z.string(),
      alreadyPosted: z.boolean(),
      entries: z.int(),
      proposalHash: sha256,
      reportFile: z.string().describe("In the folder of the books"),
    }),
    async run(input) {
      const folder = openCloseFolder(open().dir, input.period);
      const { posting, alreadyPosted } = await postClose(folder, input.period, input.approvalId, deps);
      const structured = {
        period: input.period,
        postingId: posting.postingId,
        postedAt: posting.postedAt,
        alreadyPosted,
        entries: posting.proposal.entries.length,
        proposalHash: posting.proposalHash,
        reportFile: folder.reportFile,
      };
      const text = alreadyPosted ? `${input.period} was posted before` : `${input.period} is posted`;
      return { structured, text: `${text}: ${posting.postingId}. The report is ${folder.reportFile}.` };
    },
  });

/** Finance's tools. `open` gives the books; it may throw GaggleError. */
export const financeTools = (open: () => Books, deps: ResultDeps & PostingDeps): Tool[] => [
  reconcile(open),
  propose(open, deps),
  post(open, deps),
];

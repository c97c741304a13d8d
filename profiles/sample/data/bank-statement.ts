/** The bank's side of the period, and the differences that are planted between it and the books. */
import { csvText, dayText, moneyText } from "./csv-text.ts";
import type { Dice } from "./dice.ts";
import { BANK, type Journal } from "./general-ledger.ts";
import { createIban } from "./identifiers.ts";
import { createName, type Firm } from "./people.ts";

/** A movement on the account as the bank saw it; `amount` in cents, negative where money left. */
interface Movement {
  readonly day: number;
  readonly type: "OPENING" | "TRANSFER" | "CARD" | "DIRECT-DEBIT" | "FEE";
  readonly text: string;
  readonly reference: string;
  readonly counterparty: string;
  readonly iban: string;
  readonly amount: number;
}

const bankCents = (journal: Journal): number =>
  journal.postings.filter((posting) => posting.account === BANK).reduce((sum, posting) => sum + posting.debit - posting.credit, 0);

const typeOf = (journal: Journal): Movement["type"] =>
  journal.reference === "OPENING" ? "OPENING" : journal.reference.startsWith("CD") ? "CARD" : "TRANSFER";

/** The two first neighbouring digits that differ change places, from the right: 124530 becomes 124350. */
function transpose(cents: number): number {
  const digits = [...String(cents)];
  const at = digits.findLastIndex((digit, i) => i > 0 && digit !== digits[i - 1] && !(i === 1 && digit === "0"));
  [digits[at - 1], digits[at]] = [digits[at] ?? "", digits[at - 1] ?? ""];
  return Number(digits.join(""));
}

const withBankCents = (journal: Journal, cents: number): Journal => ({
  ...journal,
  postings: journal.postings.map((posting) => ({
    ...posting,
    debit: posting.debit === 0 ? 0 : cents,
    credit: posting.credit === 0 ? 0 : cents,
  })),
});

/** What the bank knows and the books don't: fees, a customer's payment, an insurer's direct debit. */
function bankOnly(dice: Dice, customers: readonly Firm[], taken: Set<string>): Movement[] {
  const customer = dice.pick(customers);
  const payer = createName(dice, taken, ["PL"]);
  const common = { reference: "", counterparty: "Hanseatic Commerce Bank", iban: "", type: "FEE" as const };
  return [
    { ...common, day: 17, text: "Fee for foreign transfers", reference: "FEE-2610-17", amount: -3_650 },
    { ...common, day: 31, text: "Account maintenance October", reference: "FEE-2610-31", amount: -2_490 },
    {
      day: 22,
      type: "TRANSFER",
      text: `Order N7, from ${payer.first} ${payer.last}`,
      reference: "E2E-77310428",
      counterparty: customer.name,
      iban: customer.iban,
      amount: 318_920,
    },
    {
      day: 15,
      type: "DIRECT-DEBIT",
      text: "Transport insurance, policy 4471-09",
      reference: "E2E-77298155",
      counterparty: "Nordisk Assurans AB",
      iban: createIban(dice, "SE"),
      amount: -126_745,
    },
  ];
}

/** References of the planted differences in the books, by what is done to them. */
function plant(dice: Dice, journals: readonly Journal[]): { late: Set<string>; duplicate: string; swapped: Set<string> } {
  const of = (prefix: string): string[] => dice.shuffle(journals.filter((j) => j.reference.startsWith(prefix)).map((j) => j.reference));
  const payments = of("PY");
  const receipts = of("RC");
  return {
    late: new Set([...payments.slice(0, 3), ...receipts.slice(0, 2)]),
    duplicate: payments[3] ?? "",
    swapped: new Set([payments[4] ?? "", receipts[2] ?? ""]),
  };
}

/**
 * The books with their planted mistakes, and `bank-statement.csv`.
 * Planted are: three payments and two receipts under way at the end of the month, one payment recorded twice, two amounts with
 * transposed digits, two fees, and one payment received and one direct debit that the books miss.
 */
export function createBankSide(dice: Dice, journals: readonly Journal[], customers: readonly Firm[], taken: Set<string>, period: string) {
  const { late, duplicate, swapped } = plant(dice, journals);
  const books = journals.flatMap((journal): Journal[] => {
    if (late.has(journal.reference)) return [{ ...journal, day: dice.int(30, 31) }];
    if (swapped.has(journal.reference)) return [withBankCents(journal, transpose(Math.abs(bankCents(journal))))];
    return journal.reference === duplicate ? [journal, { ...journal, day: journal.day + 1 }] : [journal];
  });
  const seen = journals
    .filter((journal) => bankCents(journal) !== 0 && !late.has(journal.reference))
    .map(
      (journal): Movement => ({
        day: journal.reference === "OPENING" ? 1 : Math.min(31, journal.day + dice.int(0, 2)),
        type: typeOf(journal),
        text: journal.description,
        reference: journal.reference,
        counterparty: journal.counterparty,
        iban: journal.iban,
        amount: bankCents(journal),
      }),
    );
  const movements = [...seen, ...bankOnly(dice, customers, taken)].sort(
    (a, b) => Number(b.type === "OPENING") - Number(a.type === "OPENING") || a.day - b.day,
  );
  return {
    books: books.sort((a, b) => Number(b.reference === "OPENING") - Number(a.reference === "OPENING") || a.day - b.day),
    statement: statementCsv(movements, period),
  };
}

function statementCsv(movements: readonly Movement[], period: string): string {
  let balance = 0;
  return csvText(
    movements.map((movement, i) => {
      balance += movement.amount;
      return {
        id: `BS-${String(i + 1).padStart(4, "0")}`,
        booked_on: dayText(period, movement.day),
        type: movement.type,
        text: movement.text,
        reference: movement.reference,
        counterparty: movement.counterparty,
        counterparty_iban: movement.iban,
        amount: moneyText(movement.amount),
        balance: moneyText(balance),
      };
    }),
  );
}

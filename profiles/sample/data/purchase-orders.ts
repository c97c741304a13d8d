/** Purchase orders of marketing and engineering around the end of the period. */
import { csvText, dayText, moneyText } from "./csv-text.ts";
import type { Dice } from "./dice.ts";
import type { Firm } from "./people.ts";

const PURCHASES: Record<string, readonly (readonly [account: string, description: string])[]> = {
  marketing: [
    ["6310", "Online campaign, autumn collection"],
    ["6310", "Print advertisement, trade journal"],
    ["6320", "Stand at the optics fair, rent and build"],
    ["6320", "Catering for the dealers' evening"],
    ["6330", "Agency retainer, brand redesign"],
    ["6330", "Product photographs, lens series N7"],
    ["6340", "Translation of the catalogue into Polish"],
  ],
  engineering: [
    ["6510", "Cloud computing, simulation cluster"],
    ["6510", "Source hosting and build minutes"],
    ["6520", "Optical glass blanks, BK7"],
    ["6520", "Coating chemicals, laboratory"],
    ["6530", "Contract engineer, firmware of the focus unit"],
    ["6540", "Interferometer calibration on site"],
    ["6540", "Spare laser diodes 650 nm"],
  ],
};

/** How far an order is at the end of the period. */
type Stage = "ordered" | "received" | "part-invoiced" | "invoiced" | "late-invoice" | "late-receipt" | "cancelled" | "part-received";

const STAGES: readonly Stage[] = [
  "invoiced",
  "invoiced",
  "invoiced",
  "invoiced",
  "invoiced",
  "invoiced",
  "invoiced",
  "invoiced",
  "received",
  "received",
  "received",
  "received",
  "part-invoiced",
  "part-invoiced",
  "part-invoiced",
  "late-invoice",
  "late-invoice",
  "late-receipt",
  "late-receipt",
  "late-receipt",
  "part-received",
  "part-received",
  "ordered",
  "ordered",
  "ordered",
  "ordered",
  "cancelled",
  "cancelled",
  "cancelled",
  "received",
];

/** Amounts in cents and days relative to the period (a day above 31 lies in the month after). */
interface Progress {
  readonly received: number;
  readonly receivedDay: number;
  readonly invoiced: number;
  readonly invoicedDay: number;
}

function progressOf(dice: Dice, stage: Stage, ordered: number): Progress {
  const part = Math.round((ordered * dice.int(30, 75)) / 100);
  const inMonth = dice.int(6, 30);
  const none: Progress = { received: 0, receivedDay: 0, invoiced: 0, invoicedDay: 0 };
  const received: Progress = { ...none, received: ordered, receivedDay: inMonth };
  switch (stage) {
    case "ordered":
      return none;
    case "cancelled":
      return dice.chance(40) ? { ...received, received: part } : none;
    case "received":
      return received;
    case "part-received":
      return { ...received, received: part };
    case "part-invoiced":
      return { ...received, invoiced: part, invoicedDay: Math.min(31, inMonth + 1) };
    case "invoiced":
      return { ...received, invoiced: ordered, invoicedDay: Math.min(31, inMonth + dice.int(0, 3)) };
    case "late-invoice":
      return { ...received, invoiced: ordered, invoicedDay: dice.int(33, 40) };
    case "late-receipt":
      return { ...none, received: ordered, receivedDay: dice.int(32, 38) };
  }
}

/** CSV of one department's 30 purchase orders. */
export function purchaseOrdersCsv(dice: Dice, department: string, firms: readonly Firm[], period: string, nextPeriod: string): string {
  const dateOf = (day: number): string => (day === 0 ? "" : day > 31 ? dayText(nextPeriod, day - 31) : dayText(period, day));
  const prefix = department === "marketing" ? "PO-M-" : "PO-E-";
  const rows = dice.shuffle(STAGES).map((stage, i) => {
    const [account, description] = dice.pick(PURCHASES[department] ?? []);
    const firm = dice.pick(firms);
    const ordered = dice.int(18_000, 1_450_000);
    const progress = progressOf(dice, stage, ordered);
    return {
      po: `${prefix}${String(4_101 + i)}`,
      ordered_on: dayText(period, dice.int(1, 5)),
      department,
      vendor: firm.name,
      contact_name: firm.contact,
      contact_email: firm.email,
      contact_phone: firm.phone,
      vendor_iban: firm.iban,
      description,
      account,
      currency: "EUR",
      ordered: moneyText(ordered),
      received: moneyText(progress.received),
      received_on: dateOf(progress.receivedDay),
      invoiced: moneyText(progress.invoiced),
      invoiced_on: dateOf(progress.invoicedDay),
      status: stage === "cancelled" ? "cancelled" : stage === "invoiced" ? "closed" : "open",
    };
  });
  return csvText(rows);
}

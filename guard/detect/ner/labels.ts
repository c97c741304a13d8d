/** What a model's labels mean: their part in a span (BIO, BIOES, IO) and the class of data that they stand for. */
import { DATA_CLASSES, type DataClass } from "../../../mesh/contract/data-class.ts";

/** One label of a model. */
export interface Label {
  /** B begins a span, I goes on with one; O is in none. */
  readonly part: "B" | "I" | "O";
  readonly label: DataClass | undefined;
  /** Set where the model has no label that begins such a span, so that I does too. */
  readonly opens: boolean;
}

/** Names that other models give to our classes. */
const SYNONYMS: Readonly<Record<string, DataClass>> = {
  PER: "PERSON",
  NAME: "PERSON",
  FIRSTNAME: "PERSON",
  LASTNAME: "PERSON",
  GIVENNAME: "PERSON",
  SURNAME: "PERSON",
  MIDDLENAME: "PERSON",
  ORGANIZATION: "ORG",
  ORGANISATION: "ORG",
  COMPANY: "ORG",
  COMPANYNAME: "ORG",
  CORPORATION: "ORG",
  LOC: "LOCATION",
  GPE: "LOCATION",
  FAC: "LOCATION",
  CITY: "LOCATION",
  STATE: "LOCATION",
  COUNTRY: "LOCATION",
  COUNTY: "LOCATION",
  STREET: "ADDRESS",
  STREETADDRESS: "ADDRESS",
  STREETNAME: "ADDRESS",
  BUILDINGNUM: "ADDRESS",
  BUILDINGNUMBER: "ADDRESS",
  ZIPCODE: "ADDRESS",
  TIME: "DATE",
  DOB: "BIRTH_DATE",
  DATEOFBIRTH: "BIRTH_DATE",
  TELEPHONENUM: "PHONE",
  PHONENUMBER: "PHONE",
  CREDITCARDNUMBER: "CARD",
  SOCIALNUM: "NATIONAL_ID",
  SSN: "NATIONAL_ID",
  IDCARDNUM: "NATIONAL_ID",
  TAXNUM: "TAX_ID",
  ACCOUNTNUM: "BANK_ACCOUNT",
  PASSWORD: "SECRET",
};

const CLASSES: ReadonlyMap<string, DataClass> = new Map(DATA_CLASSES.map((label) => [label.replaceAll("_", ""), label]));
const PARTS: Readonly<Record<string, "B" | "I">> = { B: "B", S: "B", U: "B", I: "I", E: "I", L: "I", M: "I" };

/** The class that a model's own name of an entity stands for; undefined for what is nothing personal to us, such as MISC. */
function classOf(name: string): DataClass | undefined {
  const key = name.toUpperCase().replace(/[^A-Z]/g, "");
  return CLASSES.get(key) ?? SYNONYMS[key];
}

/**
 * Reads a model's labels.
 * @param id2label of its `config.json`: label by number
 * @param renamed class by the model's own name, where the user says so; null for a name to leave out
 */
export function readLabels(id2label: Readonly<Record<string, string>>, renamed: Readonly<Record<string, DataClass | null>> = {}): Label[] {
  const numbers = Object.keys(id2label).map(Number);
  const read = Array.from({ length: Math.max(-1, ...numbers) + 1 }, (_, number) => {
    const name = id2label[number] ?? "O";
    const [, prefix = "", rest = name] = /^([BIESULM])[-_](.+)$/.exec(name) ?? [];
    const given = renamed[rest];
    const label = given === null ? undefined : (given ?? classOf(rest));
    return { part: label === undefined ? "O" : (PARTS[prefix] ?? "I"), label } as const;
  });
  const begun = new Set(read.filter(({ part }) => part === "B").map(({ label }) => label));
  return read.map((each) => ({ ...each, opens: each.part === "I" && !begun.has(each.label) }));
}

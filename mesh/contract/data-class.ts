/** Classes of personal data and secrets. A class is also the first part of its tokens: upper case, at most one underscore. */
import { z } from "zod";

/** Every class that the guard finds: by rules with checksums, by the NER model (the last five), or by the organisation's own lists. */
export const DATA_CLASSES = [
  "EMAIL",
  "PHONE",
  "CARD",
  "IBAN",
  "BANK_ACCOUNT",
  "NATIONAL_ID",
  "TAX_ID",
  "PASSPORT",
  "EMPLOYEE_ID",
  "BIRTH_DATE",
  "IP",
  "MAC",
  "GEO",
  "CRYPTO",
  "SECRET",
  "CUSTOM",
  "PERSON",
  "ORG",
  "LOCATION",
  "ADDRESS",
  "DATE",
] as const;

/** A class of personal data or secret. */
export const dataClass = z.enum(DATA_CLASSES);
/** A class of personal data or secret. */
export type DataClass = z.infer<typeof dataClass>;

/** Classes of what the guard finds. A class is also the first part of its tokens, so names are upper case with at most one underscore. */

/** Every class that the rules find. */
export const LABELS = ["EMAIL", "PHONE", "CARD", "IBAN", "NATIONAL_ID", "IP", "SECRET", "BIRTH_DATE"] as const;

/** A class of personal data or secret. */
export type Label = (typeof LABELS)[number];

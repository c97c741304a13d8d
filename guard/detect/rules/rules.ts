/** All rules of the guard. */
import type { Rule } from "../rule.ts";
import { BANK_ACCOUNT_RULES } from "./bank-account.ts";
import { BIRTH_DATE_RULES } from "./birth-date.ts";
import { CALENDAR_DATE_RULES } from "./calendar-date.ts";
import { CRYPTO_RULES, WALLET_SECRET_RULES } from "./crypto.ts";
import { EMAIL_RULES } from "./email.ts";
import { EMPLOYEE_ID_RULES } from "./employee-id.ts";
import { GEO_RULES } from "./geo.ts";
import { IBAN_RULES } from "./iban.ts";
import { IP_RULES } from "./ip-address.ts";
import { JSON_NUMBER_RULES } from "./json-number.ts";
import { MAC_RULES } from "./mac-address.ts";
import { NATIONAL_ID_RULES } from "./national-id.ts";
import { PASSPORT_RULES } from "./passport.ts";
import { CARD_RULES } from "./payment-card.ts";
import { PHONE_RULES } from "./phone.ts";
import { PRIVATE_KEY_RULES } from "./private-key.ts";
import { SECRET_RULES } from "./secret.ts";
import { TAX_ID_RULES } from "./tax-id.ts";

/** Every rule; the order doesn't matter, scores decide where hits overlap. */
export const RULES: readonly Rule[] = [
  ...PRIVATE_KEY_RULES,
  ...SECRET_RULES,
  ...WALLET_SECRET_RULES,
  ...EMAIL_RULES,
  ...IBAN_RULES,
  ...CARD_RULES,
  ...NATIONAL_ID_RULES,
  ...TAX_ID_RULES,
  ...PASSPORT_RULES,
  ...BANK_ACCOUNT_RULES,
  ...PHONE_RULES,
  ...IP_RULES,
  ...MAC_RULES,
  ...GEO_RULES,
  ...CRYPTO_RULES,
  ...BIRTH_DATE_RULES,
  ...EMPLOYEE_ID_RULES,
  ...CALENDAR_DATE_RULES,
  ...JSON_NUMBER_RULES,
];

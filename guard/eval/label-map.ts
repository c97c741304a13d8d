/** What other data sets and tools call the classes of personal data. */

/** Our class → the names that others give it (CoNLL, OntoNotes, Presidio, Nemotron, ai4privacy and the like), in upper case with underscores. */
const OTHER_NAMES: Readonly<Record<string, string>> = {
  PERSON: "PER NAME FULL_NAME FIRST_NAME LAST_NAME MIDDLE_NAME GIVEN_NAME SURNAME FIRSTNAME LASTNAME MIDDLENAME GIVENNAME PERSON_NAME",
  ORG: "ORGANIZATION ORGANISATION COMPANY COMPANY_NAME COMPANYNAME CORPORATION GROUP INSTITUTION",
  LOCATION: "LOC GPE CITY STATE COUNTRY COUNTY PLACE FAC FACILITY REGION",
  ADDRESS:
    "STREET_ADDRESS STREET STREETADDRESS FULL_ADDRESS POSTAL_ADDRESS BUILDING_NUMBER BUILDINGNUMBER ZIP ZIP_CODE ZIPCODE POSTCODE POSTAL_CODE",
  DATE: "DATE_TIME DATETIME TIME",
  BIRTH_DATE: "DOB DATE_OF_BIRTH DATEOFBIRTH BIRTHDATE BIRTHDAY",
  EMAIL: "EMAIL_ADDRESS E_MAIL MAIL",
  PHONE: "PHONE_NUMBER PHONENUMBER TELEPHONE TELEPHONENUM TELEPHONE_NUMBER FAX FAX_NUMBER MOBILE",
  CARD: "CREDIT_CARD CREDIT_CARD_NUMBER CREDITCARDNUMBER CREDITCARD CREDIT_DEBIT_CARD PAYMENT_CARD",
  IBAN: "IBAN_CODE",
  BANK_ACCOUNT: "US_BANK_NUMBER BANK_NUMBER ACCOUNT_NUMBER ACCOUNTNUM ACCOUNTNUMBER BANK_ROUTING_NUMBER ROUTING_NUMBER ABA_ROUTING_NUMBER",
  NATIONAL_ID:
    "US_SSN SSN SOCIAL_SECURITY_NUMBER SOCIALNUM UK_NHS UK_NINO ES_NIF ES_NIE IT_FISCAL_CODE PL_PESEL FI_PERSONAL_IDENTITY_CODE IN_AADHAAR SG_NRIC_FIN US_DRIVER_LICENSE DRIVER_LICENSE DRIVERLICENSENUM ID_CARD IDCARDNUM NATIONALID",
  TAX_ID: "US_ITIN ITIN TAX_NUMBER TAXNUM VAT VAT_NUMBER VAT_ID TIN",
  PASSPORT: "US_PASSPORT PASSPORT_NUMBER PASSPORTNUM",
  EMPLOYEE_ID: "EMPLOYEE_NUMBER STAFF_ID",
  IP: "IP_ADDRESS IPV4 IPV6 IPADDRESS",
  MAC: "MAC_ADDRESS MACADDRESS",
  GEO: "COORDINATE COORDINATES GPS NEARBYGPSCOORDINATE LATITUDE_LONGITUDE",
  CRYPTO: "BITCOIN_ADDRESS BITCOINADDRESS ETHEREUMADDRESS LITECOINADDRESS WALLET CRYPTO_ADDRESS",
  SECRET: "PASSWORD PASSWD API_KEY APIKEY ACCESS_TOKEN TOKEN CREDENTIAL CREDENTIALS PRIVATE_KEY JWT",
};

const TABLE = new Map(Object.entries(OTHER_NAMES).flatMap(([ours, names]) => names.split(" ").map((name) => [name, ours] as const)));

/** A label as it is compared: upper case, underscores. */
export const plainLabel = (label: string): string =>
  label
    .trim()
    .toUpperCase()
    .replace(/[\s.-]+/g, "_");

/** Turns a label of a data set into ours. */
export interface LabelMap {
  /** Our class, or the label itself where nothing is known of it; undefined for one that is not to be counted. */
  marked(label: string): string | undefined;
  /** The same for a label that the guard gave: only what the caller said changes it. */
  found(label: string): string | undefined;
}

/**
 * Makes a map.
 * @param own what the caller says, label → label; `-` as the target leaves the label out. It goes before the table
 */
export function createLabelMap(own: Readonly<Record<string, string>> = {}): LabelMap {
  const said = new Map(
    Object.entries(own).map(([from, to]) => [plainLabel(from), to.trim() === "-" ? undefined : plainLabel(to)] as const),
  );
  const found = (label: string): string | undefined => (said.has(label) ? said.get(label) : label);
  return {
    found: (label) => found(plainLabel(label)),
    marked: (given) => {
      const label = plainLabel(given);
      return said.has(label) ? said.get(label) : found(TABLE.get(label) ?? label);
    },
  };
}

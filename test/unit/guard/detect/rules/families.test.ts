import { describe, expect, it } from "vitest";
import { createDetector } from "../../../../../guard/detect/detector.ts";

const detector = createDetector({ ignore: ["DATE"] });
const found = (text: string): string[] =>
  detector.detect(text).map((finding) => `${finding.label} ${text.slice(finding.start, finding.end)}`);
/** Keys are put together here, so that no scanner takes this file for a leak. */
const key = (...parts: string[]): string => parts.join("");

/** Published example numbers; the source is named beside each. */
const IDS: readonly (readonly [source: string, id: string])[] = [
  ["Statistics Belgium's example of the rijksregisternummer", "85.07.30-033.28"],
  ["python-stdnum, Estonia", "37605030299"],
  ["Wikipedia, isikukood", "38001085718"],
  ["python-stdnum, Lithuania", "33309240064"],
  ["Wikipedia, kennitala", "120174-3399"],
  ["python-stdnum, kennitala", "450401-3150"],
  ["python-stdnum, JMBG", "0101006500006"],
  ["python-stdnum, T.C. kimlik", "17291716060"],
  ["Wikipedia, T.C. kimlik", "10000000146"],
  ["Wikipedia, SNILS", "112-233-445 95"],
  ["Deutsche Rentenversicherung's example", "15070649C103"],
  ["Deutsche Rentenversicherung's second example", "65170839J003"],
  ["python-stdnum, Luxembourg", "1893120105732"],
  ["python-stdnum, CURP", "BOXW310820HNERXN09"],
  ["RENAPO's example", "SABC560626MDFLRN01"],
  ["python-stdnum, RUT", "12.531.909-2"],
  ["Registro Civil's example", "12.345.678-5"],
  ["ICA's example", "S1234567D"],
  ["python-stdnum, FIN", "F1234567N"],
  ["Hong Kong Immigration Department's sample card", "A123456(3)"],
  ["Wikipedia, Hong Kong identity card", "G123456(A)"],
  ["python-stdnum, RRN", "971013-9019902"],
  ["DVLA's specimen licence", "MORGA657054SM9IJ"],
  ["Thai Department of Provincial Administration's sample", "1-2345-67890-12-1"],
];
/** The same for numbers that need a word beside them. */
const NAMED_IDS: readonly (readonly [source: string, text: string, id: string])[] = [
  ["NHS data dictionary", "NHS number 943 476 5919", "943 476 5919"],
  ["python-stdnum, NHS", "nhs: 9434765870", "9434765870"],
  ["Wikipedia, EGN", "ЕГН 7523169263", "7523169263"],
  ["python-stdnum, EGN", "EGN: 6101057509", "6101057509"],
  ["python-stdnum, CNP", "CNP 1630615123457", "1630615123457"],
  ["Digital Agency's sample of My Number", "My Number 1234 5678 9018", "1234 5678 9018"],
  ["Services Australia's example", "Medicare 2123 45670 1", "2123 45670 1"],
  ["Wikipedia, South African identity card", "ID number 8001015009087", "8001015009087"],
  ["python-stdnum, personas kods", "personas kods 161175-19997", "161175-19997"],
  ["python-stdnum, PPS", "PPS No 6433435F", "6433435F"],
  ["python-stdnum, AMKA", "AMKA 01013099997", "01013099997"],
  ["python-stdnum, IL", "Teudat Zehut 039337423", "039337423"],
];

describe("national ids of more countries", () => {
  it.each(IDS)("%s stands on its own", (_source, id) => expect(found(`It is ${id}, as said.`)).toEqual([`NATIONAL_ID ${id}`]));
  it.each(NAMED_IDS)("%s is found where it is named", (_source, text, id) => expect(found(text)).toEqual([`NATIONAL_ID ${id}`]));
  it.each([
    "S1234568D",
    "A123456(4)",
    "112-233-445 96",
    "10000000147",
    "BOXW310820HNERXN08",
    "15070649C104",
    "38001085719",
    "12.345.678-6",
  ])("%s has a wrong check digit", (id) => expect(found(`It is ${id}, as said.`)).toEqual([]));
});

/** Numbers of the member states that python-stdnum's documentation gives, one or two for each algorithm. */
const VAT = [
  "ATU13585627",
  "BE0428759497",
  "CHE-107.787.577",
  "DE136695976",
  "DE 136 695 976",
  "DK13585628",
  "EE100931558",
  "EL094259216",
  "ESB58378431",
  "FI20774740",
  "FR40303265045",
  "GB980780684",
  "HR33392005961",
  "HU12892312",
  "IE6433435F",
  "IT00743110157",
  "LT119511515",
  "LU15027442",
  "MT11679112",
  "NL004495445B01",
  "PL8567346215",
  "PT501964843",
  "RO18547290",
  "SE123456789701",
  "SI50223054",
  "SK2022749619",
];

describe("tax numbers", () => {
  it.each(VAT)("VAT number %s stands on its own", (id) => expect(found(`our number ${id} applies`)).toEqual([`TAX_ID ${id}`]));
  it.each(["DE136695977", "ATU13585626", "FR41303265045", "GB980780685", "IT00743110158", "NL004495446B01", "PL8567346216"])(
    "%s has a wrong check digit",
    (id) => expect(found(`our number ${id} applies`)).toEqual([]),
  );
  it.each([
    ["EIN 12-3456789", "12-3456789"],
    ["see 900-70-1234 please", "900-70-1234"],
    ["CNPJ 11.222.333/0001-81", "11.222.333/0001-81"],
    ["ABN: 51 824 753 556", "51 824 753 556"],
    ["GSTIN 27AAPFU0939F1ZV", "27AAPFU0939F1ZV"],
    ["CUIT 20-05536168-2", "20-05536168-2"],
    ["RFC GODE561231GR8", "GODE561231GR8"],
    ["ИНН 7707083893", "7707083893"],
    ["Steuernummer 93/815/08152", "93/815/08152"],
    ["SIREN 732 829 320", "732 829 320"],
    ["P.IVA 00743110157", "00743110157"],
    ["USt-IdNr. DE136695976", "DE136695976"],
  ])("are found in %j", (text, id) => expect(found(text)).toEqual([`TAX_ID ${id}`]));
});

describe("passports", () => {
  it.each([
    ["Passport no. C01X00T47 of the holder", "C01X00T47"],
    ["passport: 123456789", "123456789"],
    ['{"passportNumber":"PA1234567"}', "PA1234567"],
    ["Personalausweis C2WXLVTWY0", "C2WXLVTWY0"],
    // ICAO Doc 9303, parts 4 and 5.
    ["P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<", "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<"],
    ["L898902C36UTO7408122F1204159ZE184226B<<<<<10", "L898902C36UTO7408122F1204159ZE184226B<<<<<10"],
    ["I<UTOD231458907<<<<<<<<<<<<<<<", "I<UTOD231458907<<<<<<<<<<<<<<<"],
  ])("are found in %j", (text, value) => expect(found(text)).toEqual([`PASSPORT ${value}`]));
  it.each(["order C01X00T47", "L898902C37UTO7408122F1204159ZE184226B<<<<<10", "a << b", "std::cout << X1 << Y2"])(
    "are not seen in %j",
    (text) => expect(found(text)).toEqual([]),
  );
});

describe("bank accounts", () => {
  it.each([
    ["routing number 021000021", "021000021"],
    ["account number 000123456789", "000123456789"],
    ["sort code 20-00-00", "20-00-00"],
    ["pay to 20-00-00 12345678", "20-00-00 12345678"],
    ["SWIFT code DEUTDEFF", "DEUTDEFF"],
    ["BIC: DEUTDEFF500", "DEUTDEFF500"],
    ["CLABE 032180000118359719", "032180000118359719"],
    ["Kontonummer 532013000", "532013000"],
    ["name,account_number\nAda,48213377", "48213377"],
  ])("are found in %j", (text, value) => expect(found(text)).toEqual([`BANK_ACCOUNT ${value}`]));
  it.each(["routing number 021000022", "account code 4471", "a swift response", "sorted 20-00-00"])("are not seen in %j", (text) =>
    expect(found(text)).toEqual([]),
  );
});

describe("places, coins and machines", () => {
  it.each([
    ["gps 48.85, 2.29", "GEO 48.85, 2.29"],
    ["seen at 48.858370, 2.294481 today", "GEO 48.858370, 2.294481"],
    ['{"lat": 48.8584}', "GEO 48.8584"],
    ["40°26'46\"N 79°58'56\"W", "GEO 40°26'46\"N 79°58'56\"W"],
    ["https://maps.example/@48.8583,2.2945,17z", "GEO 48.8583,2.2945"],
    // Bitcoin's first block, Wikipedia's P2SH example, BIP-173, EIP-55.
    ["1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa", "CRYPTO 1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa"],
    ["3J98t1WpEZ73CNmQviecrnyiWrnqRhWNLy", "CRYPTO 3J98t1WpEZ73CNmQviecrnyiWrnqRhWNLy"],
    ["bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4", "CRYPTO bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"],
    ["0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "CRYPTO 0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"],
    ["00:1b:44:11:3a:b7 up", "MAC 00:1b:44:11:3a:b7"],
    ["00-1B-44-11-3A-B7", "MAC 00-1B-44-11-3A-B7"],
    ["001b.4411.3ab7", "MAC 001b.4411.3ab7"],
    ["http://10.0.0.5:80/x", "IP 10.0.0.5"],
  ])("are found in %j", (text, expected) => expect(found(text)).toEqual([expected]));
  it.each([
    "12.50, 13.75 EUR",
    "loss 0.12345, 0.54321",
    "[1.23456, 2.34567, 3.45678]",
    "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb",
    "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t5",
    "ff:ff:ff:ff:ff:ff",
    "16:27:ac:a5:76:28:2d:36:63:1b:56:4d:eb:df:a6:48",
    "Chrome/91.0.4472.124 Safari",
    "version 4.0.0.1",
    "Section 6.2.1.1",
    "mask 255.255.255.0",
  ])("%j stays", (text) => expect(found(text)).toEqual([]));
});

describe("dates of birth and ages", () => {
  it.each([
    ["geboren am 12. März 1985", "12. März 1985"],
    ["née le 3 mai 1990", "3 mai 1990"],
    ["nacido el 4 de julio de 1976", "4 de julio de 1976"],
    ["nata a Roma il 2 maggio 1961", "2 maggio 1961"],
    ["geboortedatum: 02-11-1990", "02-11-1990"],
    ["urodzony 12.03.1985", "12.03.1985"],
    ["född 1985-03-12", "1985-03-12"],
    ["生年月日:1985年3月12日", "1985年3月12"],
    ["born in 1985", "1985"],
    ['{"age": 42}', "42"],
    ["name,alter\nAda,42", "42"],
  ])("are found in %j", (text, value) => expect(found(text)).toEqual([`BIRTH_DATE ${value}`]));
  it.each(["max-age=60", "page 42", "due 12 March 2027", "age: 3600"])("are not seen in %j", (text) => expect(found(text)).toEqual([]));
});

describe("more secrets", () => {
  it.each([
    ['password: "p@ss,w;ord(1)"', "p@ss,w;ord(1)"],
    ["DB_PASSWORD=hunter2", "hunter2"],
    ["MYSQL_PWD=rain-5-leaf", "rain-5-leaf"],
    ["define('FTP_PASS', 'harbour!1998')", "harbour!1998"],
    ["Server=db;User Id=sa;Password=Pa55w0rd!;", "Pa55w0rd!"],
    ["Passwort lautet Katze99", "Katze99"],
    ["the password is Sommer2024!", "Sommer2024!"],
    ["<password>hunter22</password>", "hunter22"],
    ['SECRET_KEY = "k3Jd9sLq2MxV8bTz"', "k3Jd9sLq2MxV8bTz"],
    ["curl -u ada:s3cret1 http://x", "s3cret1"],
    ["Authorization: Basic dXNlcjpwYXNz", "dXNlcjpwYXNz"],
    ["licence NLX5-8QT2K-V3JHD-77RWA-0PLMZ", "NLX5-8QT2K-V3JHD-77RWA-0PLMZ"],
    [
      "seed phrase: legal winner thank year wave sausage worth useful legal winner thank yellow",
      "legal winner thank year wave sausage worth useful legal winner thank yellow",
    ],
  ])("are found in %j", (text, value) => expect(found(text)).toEqual([`SECRET ${value}`]));

  const LETTERS = "aB3dE6gH9jK2mN5pQ8sT1vW4yZ7bC0fGaB3dE6gH9jK2mN5pQ8";
  const HEX = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
  it.each([
    key("glpat-", LETTERS.slice(0, 20)),
    key("dop_v1_", HEX),
    key("shpat_", HEX.slice(0, 32)),
    key("dapi", HEX.slice(0, 32)),
    key("hvs.", LETTERS),
    key("SG.", LETTERS.slice(0, 22), ".", LETTERS.slice(0, 43)),
    key("123456789:AA", LETTERS.slice(0, 33)),
    key("npm_", LETTERS.slice(0, 36)),
    key("pypi-AgE", LETTERS),
    key("xapp-1-", LETTERS),
    key("dckr_pat_", LETTERS.slice(0, 27)),
    key("AC", HEX.slice(0, 32)),
    key("sk-ant-api03-", LETTERS.repeat(12)),
  ])("keys are found whole, whatever their length: %s", (secret) => {
    for (const text of [secret, `"${secret}"`, `use ${secret}.`, `key=${secret}&x=1`, `\`${secret}\``])
      expect(found(text)).toContain(`SECRET ${secret}`);
  });

  it.each([
    "api_key: claude-sonnet-4-20250514",
    "model_token: gpt-4o-mini",
    "const apiKey = config.apiKeyV2;",
    "password: string;",
    "token = nextToken()",
    "secret: Uint8Array",
    "password_file=/run/secrets/db1",
    "sk-learn-contrib-tools-and-more-words",
    'if (text.includes("-----BEGIN PRIVATE KEY-----")) throw error;',
    "max_tokens: 4096",
    "redis://username:password@host",
  ])("names and placeholders stay: %s", (text) => expect(found(text)).toEqual([]));
});

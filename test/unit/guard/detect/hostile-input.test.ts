import { describe, expect, it } from "vitest";
import { createDetector } from "../../../../guard/detect/detector.ts";

const detector = createDetector({ cacheEntries: 0 });
const SMALL = 25_000;
const LARGE = 200_000;

/** Texts made to send each rule's pattern down its longest ways, as the piece that is repeated. */
const HOSTILE: readonly string[] = [
  "a@",
  "a.",
  "a.a@",
  "@",
  "é@é.",
  "1",
  "1 ",
  "1-",
  "4 ",
  "411111111111111 ",
  "+1",
  "+1 ",
  "(+",
  "00 1",
  "1.",
  "1.1.1.",
  "a:",
  "::",
  "ab:",
  ":1",
  "DE89",
  "DE 89 ",
  "iban",
  "AB12",
  "A1 ",
  "-----BEGIN PRIVATE KEY-----",
  "-----BEGIN PRIVATE KEY-----@",
  "eyJaaaaaaaa.",
  "sk-",
  "sk-a",
  "a://",
  "a://a:",
  "a://a:b@",
  "password=",
  "password:a1",
  "bearer ",
  "bearer a1",
  "\\",
  "\\u",
  "\\u0040",
  "\\u005c",
  '\\"',
  '"',
  '{"phone":',
  '["',
  "phone,",
  "phone,a\n1,",
  "phone|",
  "=",
  "born 1.1.",
  "1 jan ",
  "<phone>",
  "0171 2345678 ",
  "756.",
  "1e1",
  "4.1e15 ",
  "\u200b",
  "\uff11",
  "call_",
  "0123456789abcdef",
  "12345678-1234-",
  "a@b.co ",
  "55 5 ",
  "%41",
  "&#",
  "&#x40;",
  "__",
  "_1_",
  "\\_",
  "中1",
  "٤",
  "\u{1d7ce}",
  "\ufe0f",
  "DE89\n",
  "DE12 \r\n    ",
  "<<",
  "P<UTO",
  "<<A1",
  "sk-a1-",
  "eyJhbGciOiJub25lIn0.",
  "0xab",
  "bc1q",
  "1A1z",
  "5K",
  "xprv",
  "-1.1,",
  "1.11111, ",
  "48.85837, 2.29448 ",
  "1°1'",
  "00:1b:",
  "aa-",
  "abcd.",
  "AB 12 ",
  "DEU12",
  "password is ",
  "password for a b c is ",
  "token: a1",
  'secret="',
  "seed abc abc ",
  "A1B2C-",
  "age 1 ",
  "account 1 ",
  "vat DE1",
  "1/1/",
  "12 jan 85 ",
  "(0171) ",
  "-u a:",
  "sig=",
  "~",
  "bic AAAA",
  "https://a@",
  "PuTTY-User-Key-File-2: ",
  "-----BEGIN PRIVATE KEY-----AA",
  "name,password\n",
  '","',
  "IBAN DE89 3704 ",
  "1//0",
  "MTIz.",
  "1 1 1 1 ",
  "1111-",
  "12.345.",
  "ab12cd34",
  "a_b-c.",
  "\n> 1",
  "12 march ",
  "1.-1. ",
  "1 de mar",
  "march 1, ",
  "2026-03-12",
  "passport A1 ",
  "passport AB123456 ",
  "contact 555 01 27 55 ",
  "password is changed to be ",
  "wifi is Ab1! ",
  "born\n1.1.1980 ",
  "employee: a b c, 1.1.1980 ",
  'NetworkCredential("a", ',
  "tel  name  born\n",
  "tel,name\n1,2,3,4,5\n",
];

/** Milliseconds of this process's own work for a text: what else the machine does must not count. */
function workOn(text: string): number {
  const start = process.cpuUsage();
  detector.detect(text);
  const { user, system } = process.cpuUsage(start);
  return (user + system) / 1_000;
}

const repeated = (piece: string, length: number): string => piece.repeat(Math.ceil(length / piece.length)).slice(0, length);

/** Measurements of one text at the most. */
const LOOKS = 6;

/** The least of several measurements: work that others caused is only ever added. Ends with the first that is below `enough`. */
function leastWork(text: string, enough: number): number {
  let least = Number.POSITIVE_INFINITY;
  for (let looks = 0; looks < LOOKS && least >= enough; looks++) least = Math.min(least, workOn(text));
  return least;
}

describe("work to read hostile text", () => {
  it.each(HOSTILE)("grows with its length: %j", { timeout: 60_000 }, (piece) => {
    const [small, large] = [SMALL, LARGE].map((length) => repeated(piece, length)) as [string, string];
    // Eight times the text; a quadratic rule would take sixty-four times as long. Half a millisecond hides the clock's grain.
    const limit = 24 * Math.max(0.5, Math.min(workOn(small), workOn(small)));
    expect(leastWork(large, limit)).toBeLessThan(limit);
  });
});

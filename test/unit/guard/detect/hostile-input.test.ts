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
];

/** The quicker of two runs, in milliseconds of this process's own work: what else the machine does must not count. */
function quickest(text: string): number {
  const runs = Array.from({ length: 2 }, () => {
    const start = process.cpuUsage();
    detector.detect(text);
    const { user, system } = process.cpuUsage(start);
    return (user + system) / 1_000;
  });
  return Math.min(...runs);
}

const repeated = (piece: string, length: number): string => piece.repeat(Math.ceil(length / piece.length)).slice(0, length);

describe("time to read hostile text", () => {
  // Collecting garbage may disturb one measurement; a rule that is quadratic fails every time.
  it.each(HOSTILE)("grows with its length: %j", { timeout: 60_000, retry: 2 }, (piece) => {
    const small = quickest(repeated(piece, SMALL));
    const large = quickest(repeated(piece, LARGE));
    // Eight times the text; a quadratic rule would take sixty-four times as long. Half a millisecond hides the clock's grain.
    expect(large / Math.max(small, 0.5)).toBeLessThan(24);
  });
});

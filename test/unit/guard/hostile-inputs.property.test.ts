/** A hundred thousand texts that mean harm: none crashes the guard, none keeps a value readable, each comes back as it was. */
import { describe, expect, it } from "vitest";
import { createDetector } from "../../../guard/detect/detector.ts";
import { maskText } from "../../../guard/pseudonym/mask-text.ts";
import { restoreText } from "../../../guard/pseudonym/restore-text.ts";
import { createTokenSessions } from "../../../guard/pseudonym/token-sessions.ts";
import { createRealClock, realRandom } from "../../support/real-clock.ts";
import { createSeededRandom } from "../../support/seeded-random.ts";

const INPUTS = 100_000;
const SEED = 20_261_120;

/** Values that a rule finds for certain wherever a blank parts them from what is around. */
const VALUES = [
  "ada.lovelace@example.org",
  "DE89370400440532013000",
  "4111111111111111",
  "+49 171 2345678",
  "ghp_16C7e42F292c6912E7710c838347Ae178B4a",
];
const PIECES = [
  "a@",
  "@@",
  "1",
  "11 ",
  "-",
  "+",
  "(((",
  "[[[",
  "{{",
  '"',
  "'",
  "\\",
  "\\u00",
  "\\u0040",
  "%40",
  "%",
  "&#64;",
  "&amp;",
  "<",
  ">",
  "_",
  "__",
  "EMAIL_",
  "PERSON_0123456789",
  "IBAN_1A2B3C4D5E",
  "LITERAL_",
  "\0",
  "\u0007",
  "\u200b",
  "\u202e",
  "\ufeff",
  "\ud800",
  "\udc00",
  "👩‍👩‍👧",
  "e\u0301\u0301\u0301",
  "ﬁ",
  "İ",
  "ß",
  "ſ",
  "汉字",
  "עברית",
  "ا",
  "\r",
  "\n",
  "\r\n",
  "\t",
  "://",
  "http://a:b@",
  "eyJ",
  "eyJhbGciOiJIUzI1NiJ9.",
  "-----BEGIN",
  "-----BEGIN RSA PRIVATE KEY-----",
  "password=",
  "iban",
  "ssn:",
  "0x",
  "::",
  "1:2:3",
  "255.",
  "٣",
  "４",
  "𝟒",
  "__proto__",
  "constructor",
  "$&",
  "$1",
  "(?:",
  "a".repeat(40),
  "9".repeat(40),
  " ".repeat(40),
  ".",
  ",",
  ";",
  "|",
] as const;

describe("the guard's rules and tokens", () => {
  it(`hold for ${INPUTS} hostile texts`, { timeout: 300_000 }, () => {
    const random = createSeededRandom(SEED);
    const below = (limit: number): number => Math.floor(random.next() * limit);
    const detector = createDetector({ cacheEntries: 0 });
    const sessions = createTokenSessions(
      { clock: createRealClock(), random: realRandom },
      { epochs: [{ epoch: 1, key: new Uint8Array(32).fill(7) }] },
    );
    for (let number = 0; number < INPUTS; number += 1) {
      const value = VALUES[below(VALUES.length)] ?? "";
      const some = (): string => Array.from({ length: below(9) }, () => PIECES[below(PIECES.length)]).join("");
      const text = number % 2 === 0 ? `${some()} ${value} ${some()}` : some() + value + some();
      const session = sessions.open(`session-${number % 50}`);
      const masked = maskText(text, detector.detect(text, session.known), session, new Map());
      const restored = restoreText(masked, (token) => session.lookup(token)?.surface);
      if (restored !== text) throw new Error(`input ${number} of seed ${SEED} does not come back`);
      if (number % 2 === 0 && masked.includes(` ${value} `)) throw new Error(`input ${number} of seed ${SEED} keeps its value`);
    }
    expect(sessions.find("session-49")).toBeDefined();
  });
});

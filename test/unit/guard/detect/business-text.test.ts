import { createHash, randomUUID } from "node:crypto";
import { describe, expect, it } from "vitest";
import { createDetector } from "../../../../guard/detect/detector.ts";
import { createSeededRandom } from "../../../support/seeded-random.ts";

// Calendar dates pass on by default.
const detector = createDetector({ ignore: ["DATE"] });
const random = createSeededRandom(2_610);
const int = (below: number): number => Math.floor(random.next() * below);
const digits = (count: number): string => Array.from({ length: count }, () => String(int(10))).join("");
const pick = (alphabet: string, count: number): string =>
  Array.from({ length: count }, () => alphabet.charAt(int(alphabet.length))).join("");
const ALNUM = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const day = (): string => `20${10 + int(30)}-${String(1 + int(12)).padStart(2, "0")}-${String(1 + int(28)).padStart(2, "0")}`;

/** What business texts are full of and what is nobody's. */
const KINDS: Readonly<Record<string, () => string>> = {
  UUID: () => randomUUID(),
  "UUID of digits": () => `${digits(8)}-${digits(4)}-4${digits(3)}-8${digits(3)}-${digits(12)}`,
  "SHA-256": () => createHash("sha256").update(digits(9)).digest("hex"),
  "SHA-256 of digits": () => digits(64),
  "git hash": () => createHash("sha1").update(digits(9)).digest("hex"),
  "ISO date": day,
  "ISO time": () => `${day()}T1${int(10)}:2${int(10)}:3${int(10)}.${digits(3)}Z`,
  "money amount": () => `${int(2) === 0 ? "-" : ""}${1 + int(9_999_999)}.${digits(2)}`,
  "grouped money amount": () => `EUR ${1 + int(999)},${digits(3)},${digits(3)}.${digits(2)}`,
  "account code": () => `${1 + int(9)}${digits(3)}`,
  "purchase order": () => `PO-${pick("MEF", 1)}-${digits(4)}`,
  "invoice number": () => `INV-2026-${digits(5)}`,
  "ledger id": () => `GL-${digits(5)}`,
  reference: () => `PY-2610-${digits(4)}`,
  "tool-call id": () => `call_${pick(ALNUM, 24)}`,
  "Anthropic tool-call id": () => `toolu_01${pick(ALNUM, 22)}`,
  "completion id": () => `chatcmpl-${pick(ALNUM, 29)}`,
  "milliseconds since 1970": () => String(1_767_000_000_000 + int(30_000_000) * 1_000),
  version: () => `v${int(9)}.${int(40)}.${int(90)}`,
  "Goose session": () => `${day().replaceAll("-", "")}_${1 + int(99)}`,
};

describe("what is nobody's stays readable", () => {
  it.each(Object.entries(KINDS))("%s, alone, in JSON and in a row", { timeout: 60_000 }, (_name, make) => {
    for (let i = 0; i < 300; i += 1) {
      const value = make();
      for (const text of [value, JSON.stringify({ id: value, amount: 12.5 }), `J-0001,${value},finance,open`]) {
        expect(detector.detect(text), text).toEqual([]);
      }
    }
  });
});

import { describe, expect, it } from "vitest";
import { createDetector } from "../../../../../guard/detect/detector.ts";
import { createSeededRandom } from "../../../../support/seeded-random.ts";

// Calendar dates pass on by default.
const detector = createDetector({ ignore: ["DATE"] });

/** What people who build software paste. None of it is anybody's. */
const TEXTS: Readonly<Record<string, string>> = {
  "a stack trace": `TypeError: Cannot read properties of undefined (reading 'id')
    at Object.<anonymous> (/srv/app/dist/handlers/order.js:1042:17)
    at process.processTicksAndRejections (node:internal/process/task_queues:105:5)
    at async Promise.all (index 12)`,
  "git's output": `commit 4b825dc642cb6eb9a060e54bf8d69288fbee4904
Merge: 1a2b3c4d 5e6f7a8b
Date:   Fri Nov 20 12:06:48 2026 +0000
 guard/detect/places.ts | 124 +++++++++++++++++++++++++---
 3 files changed, 1284 insertions(+), 417 deletions(-)
index 9bda233..474a688 100644
@@ -112,7 +118,9 @@ function scan(text) {`,
  "a build's log": `[12:06:48.123] INFO  compiled 1429 modules in 3.21s (heap 412.7 MB / 1024 MB)
[12:06:49.007] WARN  chunk vendor-7f3a91c2.js is 1,284,117 bytes (gzip: 402,118)
npm http fetch GET 200 https://packages.example/left-pad 84ms (cache hit)
added 1204 packages, and audited 1205 packages in 41s
Node.js v24.11.0, npm 11.6.1, glibc 2.39, kernel 6.8.0-45-generic #45-Ubuntu SMP`,
  code: `const MAX_TOKENS = 4096;
export const apiKey = process.env.API_KEY ?? readKey("openai");
if (user.password !== confirmPassword) throw new HttpError(400);
const token = await getToken({ audience: "https://api.example.org/v2" });
let hash = 0xcbf29ce484222325n; // FNV-1a 64
type Secret = Uint8Array; let secret: Uint8Array;
assert.equal(sha256("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");`,
  settings: `version: "3.9"
services:
  db:
    image: postgres:16.4-alpine
    environment:
      POSTGRES_PASSWORD: \${DB_PASSWORD}
    ports: ["5432:5432"]
    deploy: { resources: { limits: { cpus: "0.50", memory: 512M } } }
model: claude-sonnet-4-20250514
token_limit: 128000
session_timeout: 3600`,
  metrics: `step 1200 loss 0.48123, 0.51234 lr 3.0e-4 grad 1.20345
p50 12.4 ms, p95 48.1 ms, p99 110.02 ms over 120000 requests
[0.12345, -0.98765, 1.23456, 2.34567]
epoch 12/50: 100%|##########| 4096/4096 [01:12<00:00, 56.82it/s]`,
  stock: `ISBN 978-3-16-148410-0, ISBN-10 0-306-40615-2, EAN 4006381333931
Order 4500012345, delivery 80012345, tracking 1Z999AA10123456784
Invoice 2026-10-00417 of 12.10.2026 over 1.234.567,89 EUR, SKU AB-12345-C`,
  "prose that begins like an account": `It is 20 to 30 percent more than at the end of the year 2025, and be 12 of them late.
No 25 on the list is at 19 hours in the main hall of the old building near us.
In 2026 the de 44 and es 91 lines merged; me 12 too, se 45 later on in the following year.`,
};

const random = createSeededRandom(4_711);
const figures = (count: number): string => Array.from({ length: count }, () => String(Math.floor(random.next() * 10))).join("");

describe("technical text stays readable", () => {
  it.each(Object.entries(TEXTS))("%s", (_name, text) => expect(detector.detect(text)).toEqual([]));

  it("sentences whose words look like the beginning of an account are none, whatever follows", () => {
    const words = ["is", "at", "no", "be", "de", "es", "it", "me", "se", "al", "ro", "mt", "sm", "li"];
    for (let i = 0; i < 400; i += 1) {
      const word = words[i % words.length] ?? "";
      const text = `so ${word} ${figures(2)} of the people who came here in ${figures(4)} said that they would come again`;
      expect(
        detector.detect(text).filter((finding) => finding.label === "IBAN"),
        text,
      ).toEqual([]);
    }
  });
});

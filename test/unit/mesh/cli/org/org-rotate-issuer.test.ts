import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { beforeEach, describe, expect, it } from "vitest";
import { orgInit } from "../../../../../mesh/cli/org/org-init.ts";
import { orgPaths, readOrg } from "../../../../../mesh/cli/org/org-folder.ts";
import { noteIssuersSigned, orgRotateIssuer } from "../../../../../mesh/cli/org/org-rotate-issuer.ts";
import { createOutput } from "../../../../../mesh/cli/output.ts";
import { readSigningKey } from "../../../../../mesh/identity/key-file.ts";
import { publicJwkOf, thumbprintOf } from "../../../../../mesh/identity/keys.ts";
import { seededRandom } from "../../../../support/seeded-keys.ts";
import { tempFolder } from "../../../../support/temp-home.ts";
import { createVirtualClock, type VirtualClock } from "../../../../support/virtual-clock.ts";

const installDir = fileURLToPath(new URL("../../../../../", import.meta.url));
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const random = seededRandom("rotation");

let dir: string;
let said: string;
let clock: VirtualClock;
const out = createOutput({ write: (text: string) => (said += text) }, false);
const rotate = (now = false) => orgRotateIssuer({ dir, now }, out, { clock, random });
const issuerFile = async () => publicJwkOf(await readSigningKey(orgPaths(dir).issuerKey, "issuer key"));

beforeEach(async () => {
  [dir, said, clock] = [join(tempFolder(), "org"), "", createVirtualClock()];
  await orgInit({ dir, installDir, content: "sample" }, out, { clock, random });
});

describe("gaggle org rotate-issuer", () => {
  it("names the next key, waits until it is signed, used, and the old one of no use, and then lets the old one leave", async () => {
    const old = await issuerFile();
    const { issuer } = await rotate();
    expect((await readOrg(dir)).issuers.map(thumbprintOf)).toEqual([thumbprintOf(old), issuer]);
    expect(await rotate()).toEqual({ step: "waiting-for-signature", issuer });
    await noteIssuersSigned(dir, clock.now());
    const signedAt = clock.now();
    clock.jump(DAY_MS);
    await noteIssuersSigned(dir, clock.now());
    const overlap = await rotate();
    expect(overlap).toMatchObject({ step: "overlapping", issuer, usedFrom: new Date(signedAt + 36 * HOUR_MS).toISOString() });
    // Mail waits for two weeks under the old key, with a credential of 36 hours.
    expect(Date.parse(overlap.oldEndsAt ?? "")).toBeGreaterThan(signedAt + 72 * HOUR_MS + 14 * DAY_MS);
    clock.jump(Date.parse(overlap.oldEndsAt ?? "") - clock.now() - 1);
    expect((await rotate()).step).toBe("overlapping");
    clock.jump(1);
    expect(await rotate()).toEqual({ step: "finished", issuer });
    expect((await readOrg(dir)).issuers.map(thumbprintOf)).toEqual([issuer]);
    expect(thumbprintOf(await issuerFile())).toBe(issuer);
    expect(existsSync(join(dir, "bootstrap", "keys", "issuer-next.json"))).toBe(false);
    expect((await rotate()).step).toBe("begun");
    expect(said).not.toContain('"d"');
  });

  it("lets a key that may be stolen leave at once, also before anything was begun", async () => {
    const old = thumbprintOf(await issuerFile());
    const { step, issuer } = await rotate(true);
    expect(step).toBe("finished");
    expect(issuer).not.toBe(old);
    expect((await readOrg(dir)).issuers.map(thumbprintOf)).toEqual([issuer]);
    expect(thumbprintOf(await issuerFile())).toBe(issuer);
  });
});

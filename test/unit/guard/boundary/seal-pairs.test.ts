import { compactDecrypt, CompactEncrypt } from "jose";
import { describe, expect, it } from "vitest";
import { openPairs, sealPairs } from "../../../../guard/boundary/seal-pairs.ts";
import type { Pair } from "../../../../guard/boundary/mask-tree.ts";
import { newUuid } from "../../../../mesh/contract/ids.ts";
import { agentIdOf, createSigner, generateAgentKeys, publicJwkOf } from "../../../../mesh/identity/keys.ts";
import { createSeededRandom } from "../../../support/seeded-random.ts";

const random = createSeededRandom(1);
const [sender, receiver, third] = [generateAgentKeys(random), generateAgentKeys(random), generateAgentKeys(random)];
const idOf = (keys: typeof sender): string => agentIdOf(createSigner(keys.sign).publicJwk);
const envelope = { id: newUuid(0, random), from: idOf(sender), to: idOf(receiver) };
const PAIRS: Pair[] = [
  ["PERSON_1A2B3C4D5E", "Anna Schmidt", false],
  ["CARD_1A2B3C4D5E", "4111111111111111", true],
];
const refused = expect.objectContaining({ code: "ENVELOPE_INVALID" });
const sealed = await sealPairs(PAIRS, envelope, publicJwkOf(receiver.seal));

describe("sealed pairs", () => {
  it("open with the receiver's key, in the envelope that they were made for", async () => {
    expect(await openPairs(sealed, envelope, receiver.seal)).toEqual(PAIRS);
  });

  it("show nothing of the values, and are what the standards say", async () => {
    expect(Buffer.from(sealed, "base64url").toString("latin1")).not.toContain("Anna");
    expect((await compactDecrypt(sealed, { ...receiver.seal })).protectedHeader).toMatchObject({
      alg: "ECDH-ES+A256KW",
      enc: "A256GCM",
      typ: "gaggle-pairs+jwe",
    });
  });

  it("stay closed for a third agent with the same envelope", async () => {
    await expect(openPairs(sealed, envelope, third.seal)).rejects.toThrow(refused);
  });

  it.each([
    ["another envelope", { ...envelope, id: newUuid(1, random) }],
    ["another sender", { ...envelope, from: idOf(third) }],
    ["another receiver", { ...envelope, to: idOf(third) }],
  ])("are refused in the name of %s", async (_, other) => {
    await expect(openPairs(sealed, other, receiver.seal)).rejects.toThrow(refused);
  });

  it("are refused where they are malformed, cut short, changed, or of another kind", async () => {
    const changed = `${sealed.slice(0, -6)}${sealed.at(-6) === "A" ? "B" : "A"}${sealed.slice(-5)}`;
    const seal = (typ: string, body: unknown) =>
      new CompactEncrypt(Buffer.from(JSON.stringify(body)))
        .setProtectedHeader({ alg: "ECDH-ES+A256KW", enc: "A256GCM", typ })
        .encrypt({ ...publicJwkOf(receiver.seal) });
    const body = { v: 1, ...envelope, pairs: PAIRS };
    const others = [await seal("other+jwe", body), await seal("gaggle-pairs+jwe", { ...body, v: 2 }), await seal("gaggle-pairs+jwe", null)];
    for (const bad of ["", "x", sealed.slice(0, -8), changed, ...others])
      await expect(openPairs(bad, envelope, receiver.seal)).rejects.toThrow(refused);
  });
});

import { describe, expect, it } from "vitest";
import type { BundleShelf } from "../../../../bootstrap-node/bundle-shelf.ts";
import type { Redeemed } from "../../../../bootstrap-node/sign-in/identity-provider.ts";
import { createSignIns } from "../../../../bootstrap-node/sign-in/sign-ins.ts";
import { SIGN_IN_CHALLENGE_MS } from "../../../../mesh/contract/limits.ts";
import { type SignInGrant, signInProvider } from "../../../../mesh/contract/sign-in.ts";
import { agentIdOf, generateAgentKeys, publicJwkOf } from "../../../../mesh/identity/keys.ts";
import type { ProofClaims } from "../../../../mesh/identity/proof.ts";
import { seededRandom } from "../../../support/seeded-keys.ts";
import { createVirtualClock } from "../../../support/virtual-clock.ts";

const keys = generateAgentKeys(seededRandom("laptop"));
const proof = { agent: agentIdOf(publicJwkOf(keys.sign)) } as ProofClaims;
const provider = signInProvider.parse({ issuer: "https://id.example", clientId: "gaggle", device: true });
const grant: SignInGrant = { type: "device", deviceCode: "d" };
const refused = expect.objectContaining({ code: "SIGN_IN_FAILED" });

function desk(answers: Redeemed["state"][] = []) {
  const clock = createVirtualClock();
  let counter = 0;
  let asked = 0;
  const signIns = createSignIns({
    clock,
    random: {
      bytes: (length) => {
        const bytes = new Uint8Array(length);
        counter += 1;
        new DataView(bytes.buffer).setUint32(0, counter);
        return bytes;
      },
    },
    shelf: { newest: () => ({ signIn: { provider, statement: "s" } }) } as unknown as BundleShelf,
    members: { admit: () => Promise.reject(new Error("not in this test")) },
    provider: {
      redeem: async () => {
        const state = answers[asked++] ?? "pending";
        return state === "signed-in" ? { state, claims: {} } : { state };
      },
    },
  });
  const finish = (challenge: string) => signIns.finish({ challenge, grant, seal: publicJwkOf(keys.seal), proof });
  return { clock, signIns, finish };
}

describe("sign-ins under way", () => {
  it("go on while the person has not confirmed, and end with their time", async () => {
    const { clock, signIns, finish } = desk(["pending", "slow-down", "pending"]);
    const { challenge } = signIns.begin(proof);
    await expect(finish(challenge)).resolves.toEqual({ status: "pending" });
    await expect(finish(challenge)).resolves.toEqual({ status: "slow-down" });
    clock.jump(SIGN_IN_CHALLENGE_MS - 1);
    await expect(finish(challenge)).resolves.toEqual({ status: "pending" });
    clock.jump(1);
    await expect(finish(challenge)).rejects.toThrow(refused);
  });

  it("are bounded: whoever begins without end drives out the oldest, and those whose time is over go first", async () => {
    const { clock, signIns, finish } = desk();
    const [first, second] = [signIns.begin(proof), signIns.begin(proof)];
    for (let i = 0; i < 9_999; i += 1) signIns.begin(proof);
    await expect(finish(first.challenge)).rejects.toThrow(refused);
    await expect(finish(second.challenge)).resolves.toEqual({ status: "pending" });
    clock.jump(SIGN_IN_CHALLENGE_MS);
    const last = signIns.begin(proof);
    await expect(finish(last.challenge)).resolves.toEqual({ status: "pending" });
  });
});

/** The members of every history, with keys made once: keys are the dearest part of a small history. */
import { generateSigningKey, createSigner } from "../../mesh/identity/keys.ts";
import { createTestMember, createTestOrg, type TestMember } from "../support/audit-fixture.ts";
import { createSeededRandom } from "../support/seeded-random.ts";

const random = createSeededRandom(20_261_031);
const org = createTestOrg(random);

/** Short name of a member in traces, subject, role. */
const PEOPLE = [
  ["fin", "fiona.berg", "finance"],
  ["exec", "edward.lindqvist", "executive"],
  ["mkt", "marco.diaz", "marketing"],
  ["eng", "emma.novak", "engineering"],
] as const;

/** A member and its name in traces. */
export interface Player extends TestMember {
  readonly name: string;
}

/** The cast: an executive with an approval key, and colleagues. */
export const CAST = {
  org,
  players: PEOPLE.map(([name, subject, role]): Player => ({ name, ...createTestMember(org, random, { subject, role }) })),
  approvalKey: createSigner(generateSigningKey(random)),
};

/** Trust as everyone in the cast sees it: the executive may approve. */
export const TRUST = {
  ...org.manifest,
  roster: { approvers: [{ subject: "edward.lindqvist", role: "executive", key: CAST.approvalKey.publicJwk }], stewards: [] },
};

/** Role that approves. */
export const APPROVER_ROLE = "executive";

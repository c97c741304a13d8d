/** Who has joined: redeems invitations, keeps members, issues and renews credentials. Source: design, Trust, Membership credential. */
import { z } from "zod";
import type { BundleManifest, OrgChart } from "../mesh/contract/bundle.ts";
import { GaggleError } from "../mesh/contract/errors.ts";
import { type InvitationClaims, type Principal, x25519Jwk } from "../mesh/contract/identity.ts";
import { agentId, subjectId } from "../mesh/contract/ids.ts";
import { parseAs, parseJson } from "../mesh/contract/json.ts";
import type { Clock, CommitQueue, OrderedStore, Random, Signer, Transaction } from "../mesh/contract/ports.ts";
import type { SignInProvider } from "../mesh/contract/sign-in.ts";
import { verifyInvitation } from "../mesh/identity/invitation.ts";
import { unverifiedPayloadOf } from "../mesh/identity/jws.ts";
import { jwkOfAgentId, thumbprintOf, type X25519Jwk } from "../mesh/identity/keys.ts";
import { isRevoked, issueMembership } from "../mesh/identity/membership.ts";
import type { ProofClaims } from "../mesh/identity/proof.ts";
import type { BundleShelf } from "./bundle-shelf.ts";
import { ownEvent, type OwnIdentity } from "./own-event.ts";

const memberRecord = z.strictObject({
  agentId,
  subject: subjectId,
  seal: x25519Jwk,
  enrolledAt: z.iso.datetime(),
  credential: z.string(),
  /** When the person last signed in with the identity provider; left out where an invitation let the agent in, which counts until it is revoked. */
  signedInAt: z.iso.datetime().optional(),
  /** When the agent left by itself; it is no member any more, and its record stays for exports. */
  leftAt: z.iso.datetime().optional(),
});
type MemberRecord = z.infer<typeof memberRecord>;

const DAY_MS = 86_400_000;

const memberKey = (id: string): string => `member/${id}`;
const invitationKey = (jti: string): string => `invitation/${jti}`;
const proofKey = ({ exp, jti }: Pick<ProofClaims, "exp" | "jti">): string => `proof/${String(exp).padStart(12, "0")}/${jti}`;

/** A member as it is now: its place in the newest org chart. */
export interface Member extends Principal {
  readonly title: string;
  readonly seal: X25519Jwk;
  /** The newest credential that was issued to it. */
  readonly credential: string;
}

/** The organisation's members. */
export interface Members {
  /**
   * Redeems an invitation for the agent whose key is proven. The same agent may repeat it while the invitation lives, and gets the same
   * credential.
   * @throws GaggleError INVITATION_INVALID, INVITATION_USED, REVOKED, CONFLICT, BUNDLE_MISSING, BUNDLE_EXPIRED
   */
  join(request: { invitation: string; seal: X25519Jwk; proof: ProofClaims }): Promise<Member>;
  /**
   * Lets the agent whose key is proven in for a person who has just signed in. `confirm` throws where their groups don't let the role in that the org
   * chart gives them. Who is on the roster needs an invitation for each new agent: the identity provider has no say there.
   * @throws GaggleError SIGN_IN_FAILED, REVOKED, CONFLICT, BUNDLE_MISSING, BUNDLE_EXPIRED
   */
  admit(request: { subject: string; seal: X25519Jwk; proof: ProofClaims; confirm: (role: string) => void }): Promise<Member>;
  /**
   * A member in good standing. @throws GaggleError NOT_A_MEMBER where it never joined or left the org chart, REVOKED, BUNDLE_MISSING,
   * BUNDLE_EXPIRED
   */
  get(agentId: string): Member;
  /** Takes a proof once. @throws GaggleError CREDENTIAL_INVALID where it was used before */
  spend(proof: ProofClaims): Promise<void>;
  /**
   * Issues a fresh credential with the member's current role. It ends with the sign-in that the membership rests on.
   * @throws GaggleError SIGN_IN_NEEDED, and as {@link Members.get}
   */
  renew(agentId: string): Promise<string>;
  /** The agent has left by its own word: it is no member from now on. In the caller's transaction. */
  left(tx: Transaction, agentId: string): void;
  /** All members in good standing. */
  list(): Promise<Member[]>;
  /** Every agent that ever joined, with its newest credential; for exports. */
  credentials(): Promise<ReadonlyMap<string, string>>;
  /** Forgets proofs that have expired before the time given (seconds). */
  forgetProofs(beforeSeconds: number): Promise<void>;
}

/** What the members need. */
export interface MembersDeps {
  readonly store: OrderedStore;
  readonly queue: CommitQueue;
  readonly clock: Clock;
  readonly random: Random;
  readonly shelf: BundleShelf;
  readonly issuer: Signer;
  readonly own: OwnIdentity;
}

/**
 * Keeps the organisation's members in the store.
 * @param config `restoredAt`: when the store was restored from a backup, ms since the epoch. Which invitations of before were redeemed after the backup
 *   is not known, so none of them counts any more
 */
export function createMembers(deps: MembersDeps, config: { org: string; restoredAt?: number | undefined }): Members {
  const { shelf, store, queue } = deps;

  const issue = (record: Pick<MemberRecord, "agentId" | "subject" | "seal" | "signedInAt">, nowMs: number): string => {
    const bundle = shelf.newest();
    const { role, department } = placeOf(record.subject, bundle.orgChart);
    const member = { subject: record.subject, role, department, agentId: record.agentId, seal: record.seal };
    const lifetimeMs = membershipLeft(record, bundle.signIn?.provider, nowMs);
    return issueMembership({ org: config.org, member, signer: deps.issuer, nowMs, random: deps.random, lifetimeMs });
  };

  const toMember = (record: MemberRecord): Member => {
    const { manifest, orgChart, signIn } = shelf.newest();
    refuseRevoked(record, manifest);
    if (record.leftAt !== undefined)
      throw new GaggleError("NOT_A_MEMBER", "This agent has left the organisation; ask an admin for an invitation and join again.");
    membershipLeft(record, signIn?.provider, deps.clock.now());
    const { role, department, title } = placeOf(record.subject, orgChart);
    return { agentId: record.agentId, subject: record.subject, role, department, title, seal: record.seal, credential: record.credential };
  };

  const put = (tx: Transaction, record: MemberRecord): MemberRecord => {
    tx.put(memberKey(record.agentId), JSON.stringify(record));
    return record;
  };

  const get = (id: string, read: (key: string) => string | undefined = store.get): MemberRecord => {
    const text = read(memberKey(id));
    if (text === undefined)
      throw new GaggleError("NOT_A_MEMBER", "This agent has not joined the organisation; ask an admin for an invitation.");
    return readRecord(text);
  };

  const redeem = (tx: Transaction, claims: InvitationClaims, request: { seal: X25519Jwk; proof: ProofClaims }): MemberRecord => {
    const { agent } = request.proof;
    const redeemer = tx.get(invitationKey(claims.jti));
    if (redeemer === undefined && claims.iat * 1_000 < (config.restoredAt ?? 0)) {
      const problem = "The invitation is from before the bootstrap node was restored from a backup";
      throw new GaggleError("INVITATION_INVALID", `${problem}; ask the admin for a new one.`);
    }
    if (redeemer !== undefined && redeemer !== agent) {
      throw new GaggleError("INVITATION_USED", "The invitation has been redeemed by another agent; ask the admin for a new one.");
    }
    const text = tx.get(memberKey(agent));
    const known = text === undefined ? undefined : readRecord(text);
    if (known !== undefined && known.subject !== claims.sub) {
      throw new GaggleError("CONFLICT", "This agent's key belongs to another person already; join from a fresh home.");
    }
    if (redeemer === agent && known !== undefined && stillGood(known.credential, tx.now)) return known;
    const record = { agentId: agent, subject: claims.sub, seal: request.seal };
    tx.put(invitationKey(claims.jti), agent);
    tx.audit(
      ownEvent(deps.own, {
        action: "member.join",
        target: `agent:${agent}`,
        result: "ok",
        details: { subject: claims.sub, role: claims.role },
      }),
    );
    return put(tx, { ...record, enrolledAt: known?.enrolledAt ?? new Date(tx.now).toISOString(), credential: issue(record, tx.now) });
  };

  const admit = (tx: Transaction, { subject, seal, proof, confirm }: Parameters<Members["admit"]>[0]): MemberRecord => {
    const { manifest, orgChart } = shelf.newest();
    refuseRevoked({ agentId: proof.agent, subject }, manifest);
    const { role } = placeOf(subject, orgChart, "SIGN_IN_FAILED");
    confirm(role);
    const text = tx.get(memberKey(proof.agent));
    const known = text === undefined ? undefined : readRecord(text);
    if (known !== undefined && known.subject !== subject)
      throw new GaggleError("CONFLICT", "This agent's key belongs to another person already; join from a fresh home.");
    if (known === undefined && needsInvitation({ agentId: proof.agent, subject }, manifest))
      throw new GaggleError(
        "SIGN_IN_FAILED",
        "People on the roster are let in by invitation alone; ask an admin for one, then run: gaggle join <invitation>",
      );
    const signedInAt = new Date(tx.now).toISOString();
    // Whom an invitation let in stays in by it.
    const basis = known !== undefined && known.signedInAt === undefined ? {} : { signedInAt };
    const record = { agentId: proof.agent, subject, seal, ...basis };
    const action = known === undefined ? "member.join" : "member.sign-in";
    tx.audit(ownEvent(deps.own, { action, target: `agent:${proof.agent}`, result: "ok", details: { subject, role, by: "sign-in" } }));
    return put(tx, { ...record, enrolledAt: known?.enrolledAt ?? signedInAt, credential: issue(record, tx.now) });
  };

  return {
    async admit(request) {
      return toMember(await queue.run((tx) => admit(tx, request)));
    },
    async join(request) {
      const record = await queue.run((tx) => {
        const { manifest, orgChart } = shelf.newest();
        const claims = verifyInvitation({ jws: request.invitation, manifest, nowMs: tx.now });
        refuseRevoked({ agentId: request.proof.agent, subject: claims.sub }, manifest);
        if (placeOf(claims.sub, orgChart, "INVITATION_INVALID").role !== claims.role) {
          throw new GaggleError(
            "INVITATION_INVALID",
            "The invitation is for another role than the org chart gives this person; ask for a new one.",
          );
        }
        return redeem(tx, claims, request);
      });
      return toMember(record);
    },
    get: (id) => toMember(get(id)),
    async spend(proof) {
      await queue.run((tx) => {
        if (tx.get(proofKey(proof)) !== undefined)
          throw new GaggleError("CREDENTIAL_INVALID", "This proof of the agent key was used before; make a new one.");
        tx.put(proofKey(proof), "1");
      });
    },
    async renew(id) {
      const record = await queue.run((tx) => {
        const held = get(id, tx.get);
        toMember(held);
        return put(tx, { ...held, credential: issue(held, tx.now) });
      });
      return record.credential;
    },
    left(tx, id) {
      put(tx, { ...get(id, tx.get), leftAt: new Date(tx.now).toISOString() });
      tx.audit(ownEvent(deps.own, { action: "member.leave", target: `agent:${id}`, result: "ok" }));
    },
    async list() {
      const records = await allRecords(store);
      const { manifest, orgChart, signIn } = shelf.newest();
      const present = new Set(orgChart.map(({ id }) => id));
      const signedIn = (record: MemberRecord): boolean => isSignedIn(record, signIn?.provider, deps.clock.now());
      const standing = (record: MemberRecord): boolean => record.leftAt === undefined && !isRevoked(record, manifest) && signedIn(record);
      return records.filter((record) => present.has(record.subject) && standing(record)).map(toMember);
    },
    credentials: async () => new Map((await allRecords(store)).map(({ agentId: id, credential }) => [id, credential])),
    async forgetProofs(beforeSeconds) {
      const old = await store.range({ gte: "proof/", lt: `proof/${String(beforeSeconds).padStart(12, "0")}`, limit: 10_000 });
      await store.batch(
        old.map(([key]) => ({ type: "del", key })),
        { sync: false },
      );
    },
  };
}

const readRecord = (text: string): MemberRecord => parseAs(memberRecord, parseJson(text, "A member's record"), "A member's record");

const allRecords = async (store: OrderedStore): Promise<MemberRecord[]> =>
  (await store.range({ gte: "member/", lt: "member/~" })).map(([, text]) => readRecord(text));

/** A repeated join gets the credential that the first one got, as long as it is of use. */
const stillGood = (credential: string, nowMs: number): boolean => (unverifiedPayloadOf(credential) as { exp: number }).exp * 1000 > nowMs;

function refuseRevoked(member: { agentId: string; subject: string }, manifest: BundleManifest): void {
  if (isRevoked(member, manifest))
    throw new GaggleError("REVOKED", "This member or its key has been revoked; ask an admin for a new invitation.");
}

/** True for people on the roster, but with an agent that is pinned to them there: only that one may they sign in with. */
function needsInvitation(member: { agentId: string; subject: string }, { roster }: BundleManifest): boolean {
  const pinned = (roster.agents ?? []).filter(({ subject }) => subject === member.subject);
  if (pinned.some(({ key }) => key === thumbprintOf(jwkOfAgentId(member.agentId)))) return false;
  return pinned.length > 0 || roster.approvers.some(({ subject }) => subject === member.subject);
}

/** When the sign-in that a membership rests on ends, in milliseconds since the epoch; Infinity for members by invitation. */
const signInEnd = ({ signedInAt }: Pick<MemberRecord, "signedInAt">, provider: SignInProvider | undefined): number =>
  signedInAt === undefined ? Number.POSITIVE_INFINITY : Date.parse(signedInAt) + (provider?.days ?? 0) * DAY_MS;

const isSignedIn = (record: Pick<MemberRecord, "signedInAt">, provider: SignInProvider | undefined, nowMs: number): boolean =>
  signInEnd(record, provider) > nowMs;

/** How long a credential may be good for, in milliseconds: to the end of the sign-in. @throws GaggleError SIGN_IN_NEEDED */
function membershipLeft(record: Pick<MemberRecord, "signedInAt">, provider: SignInProvider | undefined, nowMs: number): number {
  if (isSignedIn(record, provider, nowMs)) return signInEnd(record, provider) - nowMs;
  const fix = provider === undefined ? "Ask an admin for an invitation: the organisation signs nobody in any more." : "Run: gaggle sign-in";
  throw new GaggleError("SIGN_IN_NEEDED", `The sign-in that this membership rests on has ended. ${fix}`);
}

/** A person's place in the org chart. Who is not on it is no member, whatever was true when they joined. */
function placeOf(
  subject: string,
  chart: OrgChart,
  code: "NOT_A_MEMBER" | "INVITATION_INVALID" | "SIGN_IN_FAILED" = "NOT_A_MEMBER",
): OrgChart[number] {
  const place = chart.find(({ id }) => id === subject);
  if (place === undefined) {
    throw new GaggleError(
      code,
      "This person is not in the signed org chart; an admin adds them to organisation.yaml and runs: gaggle org sign --publish URL",
    );
  }
  return place;
}

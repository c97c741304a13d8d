/** Joining, tokens, credentials, bundles: what makes an agent a member and keeps it one. */
import { GaggleError } from "../../mesh/contract/errors.ts";
import { thumbprintOf } from "../../mesh/identity/keys.ts";
import type { AccessTokens } from "../access-tokens.ts";
import type { BundleShelf } from "../bundle-shelf.ts";
import type { EventFeed } from "../controller/event-feed.ts";
import type { Members } from "../members.ts";
import { type Handlers, memberOf, proven } from "./call.ts";

/** What these handlers need. */
export interface MembershipHandlerDeps {
  readonly members: Members;
  readonly tokens: AccessTokens;
  readonly shelf: BundleShelf;
  readonly feed: EventFeed;
  /** Multiaddrs (with peer id) under which agents reach the node as a peer. */
  peerAddresses(): readonly string[];
}

/** The handlers. */
export function membershipHandlers(
  deps: MembershipHandlerDeps,
): Pick<Handlers, "jwks" | "join" | "token" | "credentials" | "profile" | "publish" | "directory"> {
  const { members, shelf, tokens } = deps;
  return {
    jwks() {
      const { issuers, revocations } = shelf.newest().manifest;
      const good = issuers.map((key) => ({ ...key, kid: thumbprintOf(key) })).filter(({ kid }) => !revocations.keys.includes(kid));
      return { keys: good.map((key) => ({ ...key, alg: "EdDSA", use: "sig" })) };
    },
    async join({ caller, body }) {
      const member = await members.join({ ...body, proof: proven(caller) });
      const { agentId, subject, role } = member;
      deps.feed.add({ kind: "member", agentId, subject, role });
      return { credential: member.credential, bundle: shelf.ofRole(role).signed, peers: [...deps.peerAddresses()] };
    },
    async token({ caller }) {
      const proof = proven(caller);
      const member = members.get(proof.agent);
      await members.spend(proof);
      return tokens.issue(member);
    },
    credentials: async ({ caller }) => ({ credential: await members.renew(memberOf(caller).agentId) }),
    profile({ caller, params }) {
      const { role } = memberOf(caller);
      if (params["role"] !== role)
        throw new GaggleError("POLICY_DENIED", `An agent gets its own role's bundle only; this one's is ${role}.`);
      return { bundle: shelf.ofRole(role).signed, revocations: [...shelf.revocations()] };
    },
    async publish({ body }) {
      const { role, version } = await shelf.accept(body.bundle);
      return { role, version };
    },
    async directory() {
      const list = await members.list();
      return {
        members: list.map(({ agentId, subject, role, department, title }) => ({ agentId, subject, role, department, title })),
        peers: [...deps.peerAddresses()],
      };
    },
  };
}

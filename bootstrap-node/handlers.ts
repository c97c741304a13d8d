/** What each route of the bootstrap node does once the caller is known and the body is checked. */
import { Readable } from "node:stream";
import { createAllowListEngine } from "../guard/policy/allow-list.ts";
import type { AgentExport } from "../mesh/audit/export.ts";
import type { BootstrapRequest, BootstrapResponse, BootstrapRoute } from "../mesh/contract/bootstrap-api.ts";
import { GaggleError } from "../mesh/contract/errors.ts";
import { thumbprintOf } from "../mesh/identity/keys.ts";
import type { AccessTokens } from "./access-tokens.ts";
import type { AuditCollection } from "./audit-collection.ts";
import type { BundleShelf } from "./bundle-shelf.ts";
import type { Caller } from "./caller.ts";
import type { Mailbox } from "./mailbox/mailbox.ts";
import type { Member, Members } from "./members.ts";
import type { UsageCounters } from "./usage-totals.ts";

/** What the handlers need. */
export interface HandlerDeps {
  readonly members: Members;
  readonly tokens: AccessTokens;
  readonly shelf: BundleShelf;
  readonly collection: AuditCollection;
  readonly usage: Pick<UsageCounters, "totals">;
  readonly mailbox: Mailbox;
  /** The node's own chain for exports; undefined while it is empty. */
  ownChain(): AgentExport | undefined;
  /** Multiaddrs (with peer id) under which agents reach the node as a peer. */
  peerAddresses(): readonly string[];
}

/** A call of a route: who, with what, and the parameters of the path. */
interface Call<R extends BootstrapRoute> {
  readonly caller: Caller;
  readonly body: BootstrapRequest<R>;
  readonly params: Readonly<Record<string, string>>;
}

/** One handler per route. The export answers with a stream of ndjson lines. */
export type Handlers = {
  readonly [R in BootstrapRoute]: (call: Call<R>) => Promise<R extends "export" ? Readable : BootstrapResponse<R>> | BootstrapResponse<R>;
};

/** The handlers of all routes. */
export function createHandlers(deps: HandlerDeps, config: { org: string }): Handlers {
  const { members, shelf, tokens, collection } = deps;
  return {
    health: () => ({ status: "ok", org: config.org, bundleVersion: shelf.version() }),
    jwks: () => ({ keys: shelf.newest().manifest.issuers.map((key) => ({ ...key, kid: thumbprintOf(key), alg: "EdDSA", use: "sig" })) }),
    async join({ caller, body }) {
      const member = await members.join({ ...body, proof: proven(caller) });
      return { credential: member.credential, bundle: shelf.ofRole(member.role).signed, peers: [...deps.peerAddresses()] };
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
      return { bundle: shelf.ofRole(role).signed };
    },
    async publish({ body }) {
      const { role, version } = await shelf.accept(body.bundle);
      return { role, version };
    },
    ingest: ({ caller, body }) => collection.ingest(memberOf(caller), body),
    async export({ caller }) {
      if (caller.member !== undefined) mayExport(shelf, caller.member);
      const manifests = [shelf.newest().signed.manifest];
      return Readable.from(collection.export({ manifests, credentials: await members.credentials(), own: deps.ownChain() }));
    },
    async directory() {
      const list = await members.list();
      return {
        members: list.map(({ agentId, subject, role, department, title }) => ({ agentId, subject, role, department, title })),
        peers: [...deps.peerAddresses()],
      };
    },
    usage: ({ caller }) => deps.usage.totals(memberOf(caller)),
    deposit: ({ caller, body }) => deps.mailbox.deposit(memberOf(caller), body),
    fetchMail: ({ caller, body }) => deps.mailbox.fetch(memberOf(caller), body),
    async discardMail({ caller, body }) {
      await deps.mailbox.discard(memberOf(caller), body);
      return {};
    },
    async withdrawMail({ caller, body }) {
      await deps.mailbox.withdraw(memberOf(caller), body);
      return {};
    },
    mailDevices: ({ body }) => deps.mailbox.devices(body),
  };
}

/** Who calls is settled before a handler runs; that it is missing here would be a bug. */
const proven = ({ proof }: Caller) => proof ?? missing();
const memberOf = ({ member }: Caller) => member ?? missing();
const missing = (): never => {
  throw new GaggleError("INTERNAL", "The caller was not identified.");
};

function mayExport(shelf: BundleShelf, member: Member): void {
  const { policy, manifest } = shelf.newest();
  const { allowed, reason } = createAllowListEngine(policy, manifest.policyHash).decide({ action: "audit.export", principal: member });
  if (!allowed) throw new GaggleError("POLICY_DENIED", reason);
}

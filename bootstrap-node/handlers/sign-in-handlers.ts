/** Signing in with the identity provider that the signed bundle names. */
import type { BundleShelf } from "../bundle-shelf.ts";
import type { EventFeed } from "../controller/event-feed.ts";
import type { SignIns } from "../sign-in/sign-ins.ts";
import { type Handlers, proven } from "./call.ts";

/** What these handlers need. */
export interface SignInHandlerDeps {
  readonly signIns: SignIns;
  readonly shelf: BundleShelf;
  readonly feed: EventFeed;
  /** Multiaddrs (with peer id) under which agents reach the node as a peer. */
  peerAddresses(): readonly string[];
}

/** The handlers. */
export const signInHandlers = (deps: SignInHandlerDeps): Pick<Handlers, "signInBegin" | "signInFinish"> => ({
  signInBegin: ({ caller }) => deps.signIns.begin(proven(caller)),
  async signInFinish({ caller, body }) {
    const state = await deps.signIns.finish({ ...body, proof: proven(caller) });
    if (state.status !== "signed-in") return state;
    const { agentId, subject, role, credential } = state.member;
    deps.feed.add({ kind: "member", agentId, subject, role });
    return { status: "signed-in", credential, bundle: deps.shelf.ofRole(role).signed, peers: [...deps.peerAddresses()] };
  },
});

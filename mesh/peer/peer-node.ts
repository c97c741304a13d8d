/** The peer node as its composers see it: what it needs, what it is told, what it does. Source: design, Trust, Strangers; decision 0021. */
import type { NetworkInterfaceInfo } from "node:os";
import type { SignedBundle } from "../contract/bundle.ts";
import type { Principal } from "../contract/identity.ts";
import type { Clock, PeerLink, Random } from "../contract/ports.ts";
import type { Ed25519PrivateJwk } from "../identity/keys.ts";
import type { BundleNews } from "./peer-exchange.ts";

/** What an agent offers, as it says in hello. `version` grows when the skills change. */
export interface AgentCard {
  readonly version: number;
  readonly skills: readonly { readonly id: string; readonly description: string }[];
}

/** This agent's own membership, and its judgement of others'. */
export interface PeerMembership {
  /** The newest membership credential of this agent (compact JWT). */
  credential(): string;
  /**
   * Checks a credential that the holder of `agentId` presents: organisation, issuer, key binding, expiry, revocation.
   * @throws GaggleError CREDENTIAL_INVALID, CREDENTIAL_EXPIRED, CLOCK_SKEW, NOT_A_MEMBER, REVOKED
   */
  verify(jwt: string, agentId: string): Principal;
  bundleVersion(): number;
  revocationSeq(): number;
  /** Names the set of admins' revocation statements that this agent knows; undefined for none. */
  revocations?(): string | undefined;
  card(): AgentCard;
  /** Left out where bundles do not spread. */
  readonly sharing?: BundleSharing;
}

/** A bundle as one member hands it to another: the newest manifest that it knows, and the whole bundle where it has the one of the other's role. */
export interface BundleOffer {
  /** Compact JWS by the root key, of whichever role. */
  readonly manifest: string;
  readonly bundle: SignedBundle | null;
  /** Admins' revocation statements on top of the manifest: compact JWS. */
  readonly revocations?: readonly string[];
}

/** How bundles spread between members. */
export interface BundleSharing {
  /** Whether a member of a role that says to know this much has something that this agent lacks. */
  wants(news: BundleNews, role: string): boolean;
  /** What to hand to a member of a role. */
  offer(role: string): BundleOffer | undefined;
  /** Checks what a member brought and installs what is newer. @throws GaggleError where it is not the root's word */
  take(offer: BundleOffer): Promise<void>;
}

/** An agent as it is remembered across restarts. `seenAt`: when it last stated these addresses itself, ms since the epoch. */
export interface PeerBookEntry {
  readonly agentId: string;
  readonly addresses: readonly string[];
  readonly seenAt: number;
}

/** Remembers agents' addresses across restarts; holds nothing that proves anything. */
export interface PeerBook {
  load(): Promise<readonly PeerBookEntry[]>;
  /** Replaces all entries. */
  save(entries: readonly PeerBookEntry[]): Promise<void>;
}

/** A connection that this node turned away. `agentId` is there once Noise has proven it. */
export interface PeerRefusal {
  readonly agentId?: string;
  /** Multiaddr of the remote end. */
  readonly address: string;
  /** An error code of the contract, for example NOT_A_MEMBER, REVOKED, TIMEOUT. */
  readonly code: string;
}

/** Where the node says what happens; pino's shape. Never gets a credential or a frame. */
export interface PeerLog {
  debug(details: object, text: string): void;
  warn(details: object, text: string): void;
}

/** A member that has proven itself on a connection that is open now. */
export interface PeerMember {
  readonly principal: Principal;
  /** Where it says that it can be reached: multiaddrs without peer id. */
  readonly addresses: readonly string[];
  readonly card: AgentCard;
  readonly bundleVersion: number;
  readonly revocationSeq: number;
  /** Milliseconds since the epoch. */
  readonly connectedAt: number;
}

/** A member came or went. `reason` is an error code, or `closed` where the connection simply ended. */
export type PeerChange =
  | { readonly type: "connected"; readonly member: PeerMember }
  | { readonly type: "disconnected"; readonly member: PeerMember; readonly reason: string };

/** Answers one frame of a proven member. What it throws reaches the sender as its error code alone. */
export type FrameHandler = (frame: Uint8Array, peer: Principal) => Promise<Uint8Array>;

/** What a peer node needs. */
export interface PeerNodeDeps {
  /** The agent's key; its peer id is the agent id. */
  readonly privateKey: Ed25519PrivateJwk;
  readonly membership: PeerMembership;
  readonly book: PeerBook;
  /** Called for every connection that is turned away; the caller counts them, see design, Trust, Audit. */
  readonly onRefusal: (refusal: PeerRefusal) => void;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: PeerLog;
  /** The interfaces of this machine as they are now; default: the system's. */
  readonly interfaces?: () => NodeJS.Dict<NetworkInterfaceInfo[]>;
}

/** How a peer node listens and finds others. */
export interface PeerNodeConfig {
  /** Organisation id; the name of the LAN service is made from its hash. */
  readonly org: string;
  /** Multiaddrs to listen on; default: every interface, IPv4 and, where there is one, IPv6, a free port. */
  readonly listen?: readonly string[];
  /** Multiaddrs with peer id (`/ip4/…/tcp/…/p2p/12D3KooW…`) that are always kept connected. */
  readonly bootstrapPeers: readonly string[];
  /** Whether to find agents on the LAN. */
  readonly mdns: boolean;
  /** Whether this node relays between members that can't reach each other, or lets the bootstrap node do it; default `use`. */
  readonly relay?: "serve" | "use";
  /** Pre-shared key of the network, 32 bytes: connections without it end before Noise. */
  readonly networkKey?: Uint8Array | undefined;
}

/** Cards between connected members: nobody is dialled for them. */
export interface CardChannel extends PeerLink {
  /** Sets who answers; until then members get BUSY. */
  handle(handler: FrameHandler): void;
}

/** A running peer node. */
export interface PeerNode extends PeerLink {
  /** Minor version of the wire that an agent knows, as its last hello told; undefined where none was heard since the start. */
  wireOf(agentId: string): number | undefined;
  readonly cards: CardChannel;
  /** Files of tasks, on streams of their own. */
  readonly artifacts: CardChannel;
  readonly agentId: string;
  /** Sets who answers members' frames; until then they get BUSY. */
  handleFrames(handler: FrameHandler): void;
  /** Tells of members that come and go, first of those connected already. Returns a function that ends it. */
  onPeerChange(listener: (change: PeerChange) => void): () => void;
  /** Members that are connected and proven. */
  members(): PeerMember[];
  /** Where this node can be reached: multiaddrs with peer id. */
  addresses(): string[];
  /**
   * Dials a multiaddr with peer id and resolves after both sides have proven themselves.
   * @throws GaggleError INVALID_INPUT, PEER_UNREACHABLE, or the code with which either side refused the other
   */
  dial(address: string): Promise<PeerMember>;
  /** Cuts an agent off at once and forgets its addresses; `reason` is an error code. */
  disconnect(agentId: string, reason: string): void;
  /** Call after a new bundle or credential: cuts members that don't verify any more, tells the others the new credential, retries refused ones. */
  membershipChanged(): void;
  /** Stops everything and saves the peer book. */
  close(): Promise<void>;
}

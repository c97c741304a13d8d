/** Names and limits of the peer protocols. Source: decision 0021. */
import { RETRY_MIN_MS } from "../contract/limits.ts";

/** Mutual proof of membership; the only protocol that answers strangers. */
export const HELLO_PROTOCOL = "/gaggle/hello/1.0.0";
/** The same for those who know versions of the wire: the newest first, of which the other side takes the first that it knows. */
export const HELLO_PROTOCOLS = ["/gaggle/hello/1.1.0", HELLO_PROTOCOL];
/** Frames with request ids between members. */
export const MESSAGE_PROTOCOL = "/gaggle/message/1.0.0";
/** Members tell each other of members. */
export const PEERS_PROTOCOL = "/gaggle/peers/2.0.0";
/** Members' signed cards and their load; see mesh/directory/card-wire.ts. */
export const CARDS_PROTOCOL = "/gaggle/cards/1.0.0";
/** Members fetch the files of their tasks; see mesh/artifact. */
export const ARTIFACT_PROTOCOL = "/gaggle/artifact/1.0.0";
/** Members hand each other signed bundles. */
export const BUNDLE_PROTOCOL = "/gaggle/bundle/1.0.0";

/** Largest hello: credential, addresses and a card. */
export const MAX_HELLO_BYTES = 65_536;
/** Largest signed statement of addresses, as text. */
export const MAX_STATEMENT_BYTES = 8_192;
/** Largest answer with a bundle: its manifest, its files as JSON text, and room for escapes. */
export const MAX_BUNDLE_REPLY_BYTES = 7_340_032;
/** Addresses that an agent may state. */
export const MAX_ADDRESSES = 16;
/** Lowest port that is dialled by a member's word: below it are the system's services, and agents run as users. */
export const MIN_STATED_PORT = 1_024;
/** Addresses that a member may state which nothing has shown to be its own: at once, and later. */
export const NEW_ADDRESSES = { burst: 2 * MAX_ADDRESSES, perSecond: 1 / 60 } as const;
/** How often something else than the member may have answered at an address, counted once in {@link STRIKE_EVERY_MS}, before it is left alone. */
export const STRIKES = 6;
/** See {@link STRIKES}: a machine that is short of time for some seconds is no other one. */
export const STRIKE_EVERY_MS = 10_000;
/** For how long it is left alone at first, then one more try; doubles up to {@link STRIKE_WAIT_MAX_MS}. */
export const STRIKE_WAIT_MIN_MS = 60_000;
/** See {@link STRIKE_WAIT_MIN_MS}. */
export const STRIKE_WAIT_MAX_MS = 600_000;
/** What is remembered of whom: agents, addresses of each, hosts that each came from. The oldest is forgotten. */
export const MAX_GUARDED = { agents: 4_096, addresses: 4 * MAX_ADDRESSES, hosts: 8 } as const;
/** Connections that have not proven membership yet, in all and from one host. More are cut at once. */
export const MAX_UNPROVEN = 256;
/** See {@link MAX_UNPROVEN}. */
export const MAX_UNPROVEN_PER_HOST = 128;
/** Connections from one host that may be on their way to proof, and how many a second may come to nothing: a handshake takes 3 to 4 ms. */
export const DOOR_HOST = { burst: 32, perSecond: 5 } as const;
/** The same from all hosts together from which nobody has proven itself within {@link DOOR_KNOWN_MS}. */
export const DOOR_ALL = { burst: 200, perSecond: 10 } as const;
/** How long a host counts as one of members after one of them has proven itself from there. */
export const DOOR_KNOWN_MS = 86_400_000;
/** Hosts that are told apart at the door. */
export const MAX_DOOR_HOSTS = 4_096;
/** Streams of one protocol that a member may hold open on a connection. */
export const MAX_STREAMS_PER_PROTOCOL = 4;
/** Requests of one member that are worked on at once; beyond it reading pauses. */
export const MAX_IN_FLIGHT = 64;
/** Requests that are answered BUSY unread from here on. */
export const MAX_QUEUED_REQUESTS = 256;
/** Requests that may wait for one member's answers. */
export const MAX_PENDING_REQUESTS = 1_024;
/** Bytes that may wait to be written to one member. */
export const MAX_UNSENT_BYTES = 16 * 1_048_576;
/** Agents that are remembered and dialled. */
export const MAX_KNOWN_PEERS = 2_000;
/** Agents found on the LAN that have not proven anything yet. */
export const MAX_LAN_CANDIDATES = 256;
/** Time for TCP, Noise and yamux of a dial. */
export const DIAL_TIMEOUT_MS = 10_000;
/** The same for one of several addresses, so that one that swallows packets leaves time for the others. */
export const ADDRESS_DIAL_TIMEOUT_MS = 3_000;
/** Addresses of one agent that are taken from the LAN. */
export const MAX_LAN_ADDRESSES = 4;
/** Wait between two rounds of asking members whom they know; jittered by half. */
export const EXCHANGE_INTERVAL_MS = 5_000;
/** Members asked in one round. */
export const EXCHANGE_FANOUT = 32;
/** Wait between two checks that connected members' credentials still hold. */
export const RECHECK_INTERVAL_MS = 60_000;
/** How long a second connection to the same member may stay before it is closed. */
export const DUPLICATE_GRACE_MS = 2_000;
/** The agent with the higher id leaves the first dial to the other for this long, so that both don't dial at once. */
export const YIELD_DIAL_MS = RETRY_MIN_MS + 50;
/** Age after which an entry of the peer book is dropped. */
export const BOOK_ENTRY_LIFETIME_MS = 30 * 86_400_000;
/** How often this machine's addresses are looked at. */
export const NETWORK_LOOK_MS = 1_000;
/** A timer that comes later than this says that the machine slept. */
export const SLEEP_GAP_MS = 10_000;
/** Time that a member has to answer after this machine's addresses changed or it slept; then its connection is cut and dialled anew. */
export const PROBE_TIMEOUT_MS = 2_000;
/** Agents that one agent is connected with through the bootstrap node at once; each is one stream on its connection to it. */
export const MAX_RELAYED = 200;
/** Head start of the direct addresses of an agent before the relay is tried too. */
export const RELAY_HEAD_START_MS = 1_500;
/** First wait before a relayed agent's direct addresses are tried again; doubles up to {@link DIRECT_RETRY_MAX_MS}. */
export const DIRECT_RETRY_MIN_MS = 30_000;
/** Longest wait between two such tries. */
export const DIRECT_RETRY_MAX_MS = 600_000;
/** Time that the relay gives a member to say what it wants. */
export const RELAY_HOP_TIMEOUT_MS = 10_000;
/** How long a reservation on the relay counts; the agent renews it before. */
export const RELAY_RESERVATION_TTL_MS = 7_200_000;
/** Longest life of one relayed connection; a new one follows. */
export const RELAY_DURATION_LIMIT_MS = 86_400_000;
/** Bytes over one relayed connection; a new one follows. */
export const RELAY_DATA_LIMIT_BYTES = 4_294_967_296;
/** Frames that one member may send a second, over all its streams; beyond it, reading pauses. Some times what two agents can do at most. */
export const FRAMES_PER_SECOND = 10_000;
/** Frames that it may send at once beyond that. */
export const FRAME_BURST = 20_000;
/** Bytes that one member may send a second in frames; beyond it, reading pauses. */
export const READ_BYTES_PER_SECOND = 64 * 1_048_576;
/** Bytes that it may send at once beyond that. */
export const READ_BURST_BYTES = 128 * 1_048_576;
/** Bytes of one member's requests that are worked on at once; beyond it, reading pauses. */
export const MAX_IN_FLIGHT_BYTES = 32 * 1_048_576;
/** Streams that one member may open a second; beyond it, it is cut off and counted. */
export const STREAMS_PER_SECOND = 100;
/** Streams that it may open at once beyond that. */
export const STREAM_BURST = 200;
/** Frames that are no message which a member may send a second; beyond it, it is cut off. Ours sends none. */
export const NOISE_PER_SECOND = 1;
/** Such frames that it may send at once beyond that. */
export const NOISE_BURST = 50;
/** How long a member is kept out that was cut off for what it did; doubles each time up to {@link PENALTY_MAX_MS}. */
export const PENALTY_MIN_MS = 1_000;
/** See {@link PENALTY_MIN_MS}. */
export const PENALTY_MAX_MS = 60_000;
/** After so long without another offence the first penalty is short again. */
export const PENALTY_FORGET_MS = 600_000;
/** Members whose penalties are kept; the one that offended longest ago is forgotten. */
export const MAX_PENALTIES = 4_096;
/** A message stream on which nothing came for this long is closed; the next message opens another. */
export const STREAM_IDLE_MS = 600_000;
/** Streams that a connection may have open before its peer has proven membership, and when that is looked at. */
export const MAX_UNPROVEN_STREAMS = 8;
/** See {@link MAX_UNPROVEN_STREAMS}. */
export const UNPROVEN_LOOK_MS = 1_000;

/** The links that carry frames between members, each on streams of its own protocol: messages, files, cards. */
import { GaggleError } from "../contract/errors.ts";
import { createMessageLink, type MessageLink, type MessageLinkDeps } from "./message-link.ts";
import { ARTIFACT_PROTOCOL, CARDS_PROTOCOL, MESSAGE_PROTOCOL } from "./protocols.ts";

/** The links. */
export interface MemberLinks {
  readonly messages: MessageLink;
  readonly artifacts: MessageLink;
  /** Dials nobody. */
  readonly cards: MessageLink;
  /** What serves each protocol. */
  readonly serving: Readonly<Record<string, MessageLink["serve"]>>;
  close(): void;
}

/** Makes them. */
export function createMemberLinks(deps: Omit<MessageLinkDeps, "protocol">): MemberLinks {
  const notConnected = () => Promise.reject(new GaggleError("PEER_UNREACHABLE", "The peer is not connected right now."));
  const messages = createMessageLink(deps);
  const artifacts = createMessageLink({ ...deps, protocol: ARTIFACT_PROTOCOL });
  const cards = createMessageLink({ ...deps, protocol: CARDS_PROTOCOL, reach: notConnected });
  return {
    messages,
    artifacts,
    cards,
    serving: { [MESSAGE_PROTOCOL]: messages.serve, [CARDS_PROTOCOL]: cards.serve, [ARTIFACT_PROTOCOL]: artifacts.serve },
    close() {
      for (const link of [messages, cards, artifacts]) link.close();
    },
  };
}

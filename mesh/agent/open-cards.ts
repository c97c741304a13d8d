/** The daemon's cards and load: what it says of itself by its signed profile, and the channel over which members exchange them. */
import { type AgentCard, EXTENSION_TAG, RECIPE_TAG } from "../contract/agent-card.ts";
import type { RoleProfile } from "../contract/bundle.ts";
import { errorCode } from "../contract/errors.ts";
import { BOOTSTRAP_ROLE } from "../contract/identity.ts";
import { VERSION } from "../contract/version.ts";
import { MAX_MESSAGE_BYTES } from "../delivery/outbox-accept.ts";
import type { Beat } from "../directory/card-wire.ts";
import { type CardService, createCardService } from "../directory/create-card-service.ts";
import type { OwnContent } from "../directory/own-card.ts";
import type { PeerNode } from "../peer/peer-node.ts";
import type { AgentCore } from "./agent-core.ts";
import type { Messaging } from "./messaging/messaging-types.ts";

/** Tools of an extension that a card names. */
const MAX_TOOL_TAGS = 39;

/** A name for people: `month-end-close` is "month end close". */
const inWords = (id: string): string => id.replaceAll("-", " ");

/** What a role's agent can do: its recipes, which can be asked for by name, and the extensions it works with. */
export function cardSkills({ skills, extensions }: Pick<RoleProfile, "skills" | "extensions">): AgentCard["skills"] {
  const recipes = skills.map(({ id, description, restart }) => ({
    id,
    name: inWords(id),
    description,
    tags: [RECIPE_TAG, `restart-${restart}`],
  }));
  const tools = extensions.map(({ name, tools: names }) => ({
    id: name,
    name: inWords(name),
    description: `Works with the tools of ${inWords(name)}.`,
    tags: [EXTENSION_TAG, ...names.map((tool) => tool.slice(0, 80)).slice(0, MAX_TOOL_TAGS)],
  }));
  return [...recipes, ...tools.filter(({ id }) => recipes.every((recipe) => recipe.id !== id))];
}

/** What this agent says about itself. @throws GaggleError where there is no valid bundle */
function contentOf({ bundle, self, config, membership }: AgentCore): OwnContent {
  const { profile, manifest, orgChart } = bundle();
  const seat = orgChart.find(({ id }) => id === self.subject);
  const { concurrency, level, workingHours } = profile;
  return {
    name: self.subject,
    description: `${seat?.title ?? profile.title}, ${self.department}`,
    version: VERSION,
    skills: cardSkills(profile),
    facts: {
      ...self,
      org: config.org,
      locale: seat?.locale ?? profile.locale,
      bundleVersion: manifest.version,
      level,
      concurrency,
      limits: { maxMessageBytes: MAX_MESSAGE_BYTES },
      credential: membership.credential(),
      ...(workingHours === undefined ? {} : { workingHours }),
    },
  };
}

/** Runs that may wait for each slot before the agent says that it is busy. */
const QUEUE_PER_SLOT = 16;

/** This agent's load as it tells it. Without a valid bundle nothing passes its guard. */
export function beatOf({ bundle }: Pick<AgentCore, "bundle">, { running, queued, full }: ReturnType<Messaging["load"]>): Beat {
  try {
    return { running, queued, busy: full || queued >= QUEUE_PER_SLOT * bundle().profile.concurrency, guardUp: true };
  } catch {
    return { running, queued, busy: true, guardUp: false };
  }
}

/** Opens them over a peer node; `start` it once messages are taken. */
export async function openCards(core: AgentCore, peer: PeerNode, load: () => Beat): Promise<CardService> {
  const { membership, refusals, logWatch, config, self, signer, store, clock, random, log } = core;
  const members = (): string[] =>
    peer
      .members()
      .filter(({ principal }) => principal.role !== BOOTSTRAP_ROLE)
      .map(({ principal }) => principal.agentId);
  const cards = await createCardService({
    org: config.org,
    ownId: self.agentId,
    signer,
    verify: membership.verify,
    content: () => contentOf(core),
    load,
    link: { members, request: peer.cards.request },
    store,
    clock,
    random,
    onRefused: (source, code) => refusals.count({ action: "card.refuse", source, code }),
    auditLog: {
      head: logWatch.head,
      hear: (head, from) => void logWatch.hear(head, from).catch(core.onError("a colleague's head of the audit log was not compared")),
    },
    log,
  });
  peer.cards.handle(async (frame, from) => {
    try {
      return await cards.serve(frame, from.agentId);
    } catch (error) {
      if (errorCode(error) === "INVALID_INPUT") refusals.count({ action: "card.refuse", source: from.agentId, code: "INVALID_INPUT" });
      throw error;
    }
  });
  peer.onPeerChange(({ type, member: { principal } }) => {
    if (principal.role === BOOTSTRAP_ROLE) return;
    if (type === "connected") cards.met(principal.agentId);
    else cards.gone(principal.agentId);
  });
  membership.onChange(cards.trustChanged);
  return cards;
}

/**
 * Hands out the tenant's newest key for pseudonyms: a steward's daemon to each member that it meets, sealed to the member's key; a member takes it from
 * nobody else. Source: design, Trust, Pseudonyms; docs/decisions/0063-token-vault.md
 */
import { z } from "zod";
import { openJson, type OpenKey, type SealKey, sealJson } from "../../guard/boundary/sealed-json.ts";
import { GaggleError } from "../contract/errors.ts";
import { agentId } from "../contract/ids.ts";
import { BOOTSTRAP_ROLE, type Principal } from "../contract/identity.ts";
import type { OutgoingMessage, Transaction } from "../contract/ports.ts";
import type { OpenedEnvelope } from "../delivery/envelope.ts";
import { jwkOfAgentId, thumbprintOf } from "../identity/keys.ts";
import type { PseudonymKeys } from "./pseudonym-key.ts";

const TYP = "gaggle-pseudonym-key+jwe";
const content = z.strictObject({
  v: z.literal(1),
  from: agentId,
  to: agentId,
  epoch: z.int().min(1),
  key: z.string().regex(/^[A-Za-z0-9_-]{43}$/),
});

/** What handing out needs. */
export interface HandOutDeps {
  readonly self: Principal;
  readonly pseudonyms: PseudonymKeys;
  /** Thumbprints of the stewards' agent keys, by the signed bundle; without those that it revokes. */
  stewards(): readonly string[];
  sealKeyOf(agentId: string): SealKey | undefined;
  readonly openKey: OpenKey;
  send(make: (tx: Transaction) => OutgoingMessage | undefined): Promise<void>;
  newTraceId(): string;
}

/** Gives and takes keys. */
export interface HandOut {
  /** A member is there: it gets the newest key, once per epoch, where this agent is a steward. */
  met(member: Principal): Promise<void>;
  /** Takes a key out of a message. @throws GaggleError POLICY_DENIED where the sender is no steward, ENVELOPE_INVALID, CONFLICT */
  arrive(opened: OpenedEnvelope): Promise<OpenedEnvelope>;
}

const keyOf = (id: string): string => thumbprintOf(jwkOfAgentId(id));

/** Makes it. */
export function createHandOut(deps: HandOutDeps): HandOut {
  const { self, pseudonyms } = deps;

  const seal = async (member: Principal, key: SealKey): Promise<{ epoch: number; sealed: string } | undefined> => {
    const [newest] = pseudonyms.epochs();
    if (newest === undefined) return undefined;
    const text = Buffer.from(newest.key).toString("base64url");
    const value = { v: 1, from: self.agentId, to: member.agentId, epoch: newest.epoch, key: text };
    return { epoch: newest.epoch, sealed: await sealJson(TYP, value, key) };
  };

  return {
    met: async (member) => {
      const key = deps.sealKeyOf(member.agentId);
      if (key === undefined || member.role === BOOTSTRAP_ROLE || !deps.stewards().includes(keyOf(self.agentId))) return;
      await pseudonyms.refresh();
      const made = await seal(member, key);
      if (made === undefined) return;
      const mark = `handout/${member.agentId}`;
      await deps.send((tx) => {
        if (Number(tx.get(mark) ?? 0) >= made.epoch) return undefined;
        tx.put(mark, String(made.epoch));
        const message = { type: "pseudonym.key" as const, ...made };
        return { to: member, message, priority: "P1", lane: mark, traceId: deps.newTraceId() };
      });
    },
    arrive: async (opened) => {
      const { from, to, message } = opened.claims;
      if (message.type !== "pseudonym.key") return opened;
      if (!deps.stewards().includes(keyOf(from)))
        throw new GaggleError("POLICY_DENIED", "The sender is no steward on the signed roster, so its key was not taken.");
      const given = await openJson(TYP, message.sealed, deps.openKey, content);
      if (given === undefined || given.from !== from || given.to !== to || given.epoch !== message.epoch)
        throw new GaggleError("ENVELOPE_INVALID", "The sealed key can't be opened with this agent's key; send it again.");
      await pseudonyms.add({ epoch: given.epoch, key: given.key });
      return opened;
    },
  };
}

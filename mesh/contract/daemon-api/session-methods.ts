/** Methods of sessions of several agents. */
import { z } from "zod";
import { principal } from "../identity.ts";
import { idempotencyKey, slug, uuid } from "../ids.ts";
import { json } from "../json.ts";
import { SESSION_LIFETIME_MAX_MS, SESSION_LIFETIME_MS, STATUS_WAIT_MAX_MS } from "../limits.ts";
import { participation, sessionScope, sessionView, shardClass, visibility } from "../session.ts";
import { method } from "./method.ts";
import { target } from "./target.ts";

/** The methods of sessions of several agents. */
export const SESSION_METHODS = {
  /** Begins a session; those named are invited, and join where their policy lets them. This agent owns it. */
  "session.open": method(
    z.strictObject({
      purpose: z.string().min(1).max(2_000),
      participants: z.array(target).max(64),
      scope: sessionScope.default({}),
      /** How long it lasts unless it is closed, in milliseconds. */
      lifetimeMs: z.int().min(60_000).max(SESSION_LIFETIME_MAX_MS).default(SESSION_LIFETIME_MS),
      idempotencyKey,
    }),
    sessionView,
  ),
  /** Invites more agents, or again those who have left; the owner's to do. Who takes part already stays as it is. */
  "session.invite": method(z.strictObject({ sessionId: uuid, participants: z.array(target).min(1).max(64) }), sessionView),
  /** Takes part again after it has left. */
  "session.join": method(z.strictObject({ sessionId: uuid }), sessionView),
  /** Takes part no longer; what was shared is deleted here. */
  "session.leave": method(z.strictObject({ sessionId: uuid }), sessionView),
  /** Puts a shard into the session, or a new version of one; the owner's to do. */
  "session.share": method(
    z.strictObject({
      sessionId: uuid,
      id: slug,
      title: z.string().min(1).max(500),
      classes: z.array(shardClass).min(1).max(20).default(["internal"]),
      visibility: visibility.default({}),
      body: json,
    }),
    sessionView,
  ),
  /** Offers the session to a participant (`to`), answers such an offer (`accept`), or takes one back that surely has not arrived (`withdraw`). */
  "session.handoff": method(
    z
      .strictObject({ sessionId: uuid, to: target.optional(), accept: z.boolean().optional(), withdraw: z.literal(true).optional() })
      .refine(
        ({ to, accept, withdraw }) => [to, accept, withdraw].filter((one) => one !== undefined).length === 1,
        "say to whom it goes, or whether you accept it, or that you take the offer back",
      ),
    sessionView,
  ),
  /** Ends it; what was shared is deleted at all who take part. */
  "session.close": method(z.strictObject({ sessionId: uuid }), sessionView),
  /** How it stands; with `shard`, that one's body too. `waitMs`: answers at the next change or when the time is up. */
  "session.status": method(
    z.strictObject({
      sessionId: uuid,
      shard: slug.optional(),
      waitMs: z.int().min(0).max(STATUS_WAIT_MAX_MS).default(0),
    }),
    sessionView,
  ),
  /** The sessions of this agent, newest first. */
  "session.list": method(
    z.strictObject({ open: z.boolean().default(true) }),
    z.strictObject({
      sessions: z.array(
        z.strictObject({
          sessionId: uuid,
          purpose: z.string(),
          state: z.enum(["OPEN", "CLOSED", "EXPIRED"]),
          owner: principal,
          participation,
        }),
      ),
    }),
  ),
} as const;

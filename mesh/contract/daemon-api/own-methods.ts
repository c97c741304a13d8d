/** Methods of the daemon itself: its line, its state, what Goose's hooks ask. */
import { principal } from "../identity.ts";
import { z } from "zod";
import { revocationJws } from "../revocation.ts";
import { done, empty, method } from "./method.ts";

/** The methods of the daemon itself: its line, its state, what Goose's hooks ask. */
export const OWN_METHODS = {
  hello: method(
    z.strictObject({ apiVersion: z.int(), program: z.string().max(60) }),
    z.strictObject({ apiVersion: z.int(), version: z.string(), pid: z.int(), ppid: z.int() }),
  ),
  "daemon.status": method(
    empty,
    z.strictObject({
      ...principal.shape,
      org: z.string(),
      orgName: z.string(),
      pid: z.int(),
      version: z.string(),
      startedAt: z.iso.datetime(),
      bundleVersion: z.int(),
      bundleExpiresAt: z.iso.datetime(),
      /** Why a newer bundle was refused that this version of Gaggle can't read. */
      bundleRefused: z.string().optional(),
      credentialExpiresAt: z.iso.datetime(),
      /** `asked`: false before the first answer or failure. `refused`: the code with which the node refuses this member. */
      bootstrap: z.strictObject({ url: z.string(), reachable: z.boolean(), asked: z.boolean().optional(), refused: z.string().optional() }),
      peersConnected: z.int(),
      listening: z.array(z.string()),
      gatewayUrl: z.string(),
      inbox: z.strictObject({ waiting: z.int() }),
      outbox: z.strictObject({ queued: z.int(), dead: z.int() }),
      /** Where something is full: the own inbox (`answered`: messages told to come later), and recipients without room or away for whom something waits. */
      busy: z
        .strictObject({
          inbox: z.strictObject({ full: z.boolean(), items: z.int(), bytes: z.int(), answered: z.int() }),
          recipients: z.int(),
          away: z.int(),
        })
        .optional(),
      /** `alarms`: what this agent holds against the bootstrap node. */
      audit: z.strictObject({ seq: z.int(), shipped: z.int(), alarms: z.int().optional() }),
      rssBytes: z.int(),
    }),
  ),
  "daemon.stop": method(empty, done),
  /** The daemon's metrics in Prometheus' exposition format. */
  "daemon.metrics": method(empty, z.strictObject({ text: z.string() })),
  /** Writes a backup of the home. `header`: the file's first line; `key`: what the rest is under, 32 bytes, base64url. */
  "daemon.backup": method(
    z.strictObject({ file: z.string().min(1).max(4_096), header: z.string().max(4_000), key: z.string().regex(/^[A-Za-z0-9_-]{43}$/) }),
    done,
  ),
  /** The agent leaves for good: its card says so, and its audit trail is handed over. Answers how far. */
  "daemon.leave": method(empty, z.strictObject({ seq: z.int(), shipped: z.int() })),
  /** Hands the daemon a revocation that an admin key signed; it tells its colleagues. */
  "member.revoke": method(z.strictObject({ statement: revocationJws }), z.strictObject({ taken: z.boolean() })),
  "session.register": method(z.strictObject({ sessionId: z.string().min(1).max(200), workingDir: z.string().max(4_096).optional() }), done),
  "hook.decide": method(
    z.strictObject({ event: z.string().max(60), sessionId: z.string().max(200), tool: z.string().max(200) }),
    z.strictObject({ decision: z.enum(["allow", "block"]), reason: z.string() }),
  ),
} as const;

/** Routes of the mailbox. */
import { z } from "zod";
import { sealedDeposit } from "../controller-api.ts";
import { agentId, subjectId, uuid } from "../ids.ts";
import { sealedMail } from "../mailbox.ts";
import { compactJws, MAIL_CODES, route } from "./route.ts";

/** Most deposits in one answer or request about several. */
export const MAX_MAIL_ITEMS = 200;

/** The rows. */
export const mailRoutes = {
  deposit: route(
    "POST",
    "/api/v1/mailbox/deposits",
    "token",
    "Keeps sealed mail for the devices of one person. The same id of the same sender again changes nothing.",
    sealedDeposit,
    z.object({ stamp: compactJws }),
    { codes: MAIL_CODES },
  ),
  fetchMail: route(
    "POST",
    "/api/v1/mailbox/fetch",
    "token",
    "The caller's mail, oldest first, from after a number on; takes the caller's statement of the key that its mail is sealed to.",
    z.strictObject({ sealKey: compactJws, after: z.int().min(0) }),
    z.object({ items: z.array(z.object({ seq: z.int(), stamp: compactJws, sealed: sealedMail })), more: z.boolean() }),
  ),
  discardMail: route(
    "POST",
    "/api/v1/mailbox/discard",
    "token",
    "Deletes the caller's own copies of deposits.",
    z.strictObject({ items: z.array(z.strictObject({ from: agentId, id: uuid })).max(MAX_MAIL_ITEMS) }),
    z.object({}),
  ),
  withdrawMail: route(
    "POST",
    "/api/v1/mailbox/withdraw",
    "token",
    "Deletes deposits that the caller made.",
    z.strictObject({ ids: z.array(uuid).max(MAX_MAIL_ITEMS) }),
    z.object({}),
  ),
  mailDevices: route(
    "POST",
    "/api/v1/mailbox/devices",
    "token",
    "A person's agents that take mail: membership credential and statement of the key to seal to.",
    z.strictObject({ subject: subjectId }),
    z.object({ devices: z.array(z.object({ credential: compactJws, sealKey: compactJws })) }),
  ),
} as const;

/** The mailbox. */
import type { Mailbox } from "../mailbox/mailbox.ts";
import { type Handlers, memberOf } from "./call.ts";

/** The handlers. */
export const mailHandlers = ({
  mailbox,
}: {
  readonly mailbox: Mailbox;
}): Pick<Handlers, "deposit" | "fetchMail" | "discardMail" | "withdrawMail" | "mailDevices"> => ({
  deposit: ({ caller, body }) => mailbox.deposit(memberOf(caller), body),
  fetchMail: ({ caller, body }) => mailbox.fetch(memberOf(caller), body),
  async discardMail({ caller, body }) {
    await mailbox.discard(memberOf(caller), body);
    return {};
  },
  async withdrawMail({ caller, body }) {
    await mailbox.withdraw(memberOf(caller), body);
    return {};
  },
  mailDevices: ({ body }) => mailbox.devices(body),
});

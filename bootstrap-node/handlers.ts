/** What each route of the bootstrap node does once the caller is known, policy has agreed and the body is checked. */
import { type AuditHandlerDeps, auditHandlers } from "./handlers/audit-handlers.ts";
import type { Handlers } from "./handlers/call.ts";
import { type ControllerHandlerDeps, controllerHandlers } from "./handlers/controller-handlers.ts";
import { mailHandlers } from "./handlers/mail-handlers.ts";
import { type MembershipHandlerDeps, membershipHandlers } from "./handlers/membership-handlers.ts";
import { type SignInHandlerDeps, signInHandlers } from "./handlers/sign-in-handlers.ts";
import { revocationHandlers } from "./handlers/revocation-handlers.ts";
import type { Mailbox } from "./mailbox/mailbox.ts";
import { type ReadinessDeps, requireReady } from "./readiness.ts";

/** What the handlers need. */
export interface HandlerDeps extends MembershipHandlerDeps, SignInHandlerDeps, AuditHandlerDeps, ControllerHandlerDeps, ReadinessDeps {
  readonly shelf: MembershipHandlerDeps["shelf"];
  readonly members: MembershipHandlerDeps["members"];
  readonly mailbox: Mailbox;
}

/** The handlers of all routes. */
export const createHandlers = (deps: HandlerDeps, config: { org: string }): Handlers => ({
  health: () => ({ status: "ok", org: config.org, bundleVersion: deps.shelf.version() }),
  ready: () => requireReady(deps),
  ...membershipHandlers(deps),
  ...signInHandlers(deps),
  ...revocationHandlers(deps),
  ...auditHandlers(deps, config),
  ...mailHandlers(deps),
  ...controllerHandlers(deps),
});

/**
 * The daemon's local API: JSON-RPC 2.0, one message a line (UTF-8, `\n`), over a Unix socket or named pipe that only the user can open.
 * This table is the contract of extensions, CLI and daemon; its methods lie by concern in daemon-api/. The first call on a connection is `hello`.
 */
import type { z } from "zod";
import type { auditEvent } from "./audit.ts";
import { AUDIT_METHODS } from "./daemon-api/audit-methods.ts";
import { OWN_METHODS } from "./daemon-api/own-methods.ts";
import { DIRECTORY_METHODS } from "./daemon-api/directory-methods.ts";
import { GUARD_METHODS } from "./daemon-api/guard-methods.ts";
import { INBOX_METHODS } from "./daemon-api/inbox-methods.ts";
import { OUTBOX_METHODS } from "./daemon-api/outbox-methods.ts";
import { POLICY_METHODS } from "./daemon-api/policy-methods.ts";
import { SESSION_METHODS } from "./daemon-api/session-methods.ts";
import { TASK_METHODS } from "./daemon-api/task-methods.ts";

export { DAEMON_API_VERSION } from "./api-version.ts";
export type { Entity, ProcessPolicy } from "./daemon-api/guard-methods.ts";
export { type Fanout, type Target, target } from "./daemon-api/target.ts";
export type { AgentView, ApprovalView, InboxItem, OutboxItem, TaskView } from "./daemon-api/views.ts";

/** Every method of the daemon: the schema of its parameters and of its result. */
export const DAEMON_METHODS = {
  ...OWN_METHODS,
  ...TASK_METHODS,
  ...SESSION_METHODS,
  ...INBOX_METHODS,
  ...OUTBOX_METHODS,
  ...DIRECTORY_METHODS,
  ...POLICY_METHODS,
  ...GUARD_METHODS,
  ...AUDIT_METHODS,
} as const;

/** Name of a daemon method. */
export type DaemonMethod = keyof typeof DAEMON_METHODS;
/** Parameters of a method as a caller gives them (defaults may be left out). */
export type DaemonParams<M extends DaemonMethod> = z.input<(typeof DAEMON_METHODS)[M]["params"]>;
/** Parameters of a method as the daemon gets them. */
export type DaemonRequest<M extends DaemonMethod> = z.output<(typeof DAEMON_METHODS)[M]["params"]>;
/** Result of a method. */
export type DaemonResult<M extends DaemonMethod> = z.output<(typeof DAEMON_METHODS)[M]["result"]>;

/** One handler per method; `connection` is what `events.subscribe` writes to. */
export type DaemonHandlers = {
  readonly [M in DaemonMethod]: (params: DaemonRequest<M>, connection: DaemonConnection) => Promise<DaemonResult<M>> | DaemonResult<M>;
};

/** The caller's connection, for methods that go on speaking after their answer. */
export interface DaemonConnection {
  notify(name: "audit.event", params: z.infer<typeof auditEvent>): void;
  onClose(fn: () => void): void;
}

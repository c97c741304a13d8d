/** The Cedar schema of an organisation, and how it names what a question is about. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { PolicyAction } from "../../mesh/contract/bundle.ts";
import { installFolder } from "../../mesh/client/install-folder.ts";

/** Text of `profiles/policies/gaggle.cedarschema` of this installation; only signing needs it. */
export const readPolicySchema = (): string =>
  readFileSync(join(installFolder(import.meta.url), "profiles", "policies", "gaggle.cedarschema"), "utf8");

/** Entity type of what an action acts on, as the schema has it. */
export const RESOURCE_TYPE: Readonly<Record<PolicyAction, string>> = {
  "task.send": "Task",
  "task.receive": "Task",
  "task.run": "Task",
  "approval.request": "Approval",
  "approval.decide": "Approval",
  "notify.send": "Notification",
  "session.join": "Session",
  "session.handoff": "Session",
  "session.share": "ShardClass",
  "tool.call": "Tool",
  "guard.restore": "Text",
  "audit.export": "AuditLog",
  "data.release": "DataClass",
  "model.call": "Model",
  "api.call": "Route",
};

/** Groups of actions that a policy can name, as the schema has them. */
export const ACTION_GROUPS: Readonly<Record<string, readonly PolicyAction[]>> = {
  task: ["task.send", "task.receive", "task.run"],
  approval: ["approval.request", "approval.decide"],
  session: ["session.join", "session.handoff"],
};

/** Id of what is not known. No slug, subject, agent or skill can have it. */
export const UNKNOWN = "?";

/** Goose's tools that start agents, run code that calls tools, or change what a session can do: no hook sees what happens in them. */

/** Names of Goose 1.52. */
const WIDENS =
  /^(?:delegate|execute_\w+|(?:summon|subagent|code_execution|extensionmanager|orchestrator|scheduler)__\w+|platform__manage_\w+)$/;

/** Whether a tool widens a session; a policy that permits it has to name it in `@widens`. */
export const widensSession = (tool: string): boolean => WIDENS.test(tool);

/**
 * A process that a test kills. `node post-close-process.ts propose <books>` proposes two closes in turn for ever;
 * `node post-close-process.ts post <books> <books> …` posts one after the other. It says `ready` before the first.
 */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { approvalPayloadOf } from "../../extensions/ledger/propose-close.ts";
import { APPROVAL_ID, approvalView, departmentTasks, openTools, PERIOD, PROPOSE, TASK_IDS } from "./sample-books.ts";

const [what, ...folders] = process.argv.slice(2);
const tasks = await departmentTasks();
process.stdout.write("ready\n");
if (what === "propose") {
  const tools = openTools(folders[0], { tasks });
  for (;;) {
    await tools.ok("propose_entries", PROPOSE);
    await tools.ok("propose_entries", { ...PROPOSE, accrualTaskIds: [TASK_IDS.marketing] });
  }
}
for (const folder of folders) {
  const proposal = JSON.parse(await readFile(join(folder, "close", PERIOD, "proposal.json"), "utf8")) as Parameters<
    typeof approvalPayloadOf
  >[0];
  await openTools(folder, { approval: () => approvalView(approvalPayloadOf(proposal)) }).ok("post_close", {
    period: PERIOD,
    approvalId: APPROVAL_ID,
  });
}

/** `gaggle policy suggest`: a draft of policies for what was denied lately. It is printed or written to a file; nothing applies it. */
import { writeFile } from "node:fs/promises";
import { compilePolicies } from "../../../guard/policy/compile-policies.ts";
import { suggestPolicies } from "../../../guard/policy/suggest.ts";
import type { DaemonClient } from "../../client/connect-daemon.ts";
import { GaggleError, systemCode } from "../../contract/errors.ts";
import type { PolicyQuestion } from "../../contract/ports.ts";
import type { Output } from "../output.ts";

const HEAD = `// A draft by gaggle policy suggest, from what was denied here. Nothing of it is in force. Somebody wanted each of these, which is no reason to allow it:
// read each, narrow it or take it out, give it an id and a comment of your own, add a test to policies/tests, then: gaggle policy test, gaggle org sign`;

/** Prints the draft, or writes it to a new file. @throws GaggleError CONFLICT where the file is there already */
export async function suggest(out: Output, daemon: Pick<DaemonClient, "call">, file: string | undefined): Promise<void> {
  const { denials } = await daemon.call("policy.denials", {});
  const { text, permits, forbidden, odd } = suggestPolicies(
    denials.map(({ question, ...rest }) => {
      const { agentId = "principal", ...who } = question.principal;
      return { ...rest, question: { ...question, principal: { ...who, agentId } } as PolicyQuestion };
    }),
  );
  if (permits > 0) compilePolicies({ "policies/draft.cedar": text });
  const draft = permits === 0 ? "" : `${HEAD}\n\n${text}\n`;
  out.result({ permits, forbidden, odd, draft });
  if (file !== undefined && permits > 0) await writeNew(file, draft);
  else if (permits > 0) out.line(draft);
  out.line(
    permits === 0
      ? "Nothing was denied lately that a policy could allow."
      : `${permits} permits drafted${file === undefined ? "" : ` into ${file}`}; none is in force.`,
  );
  if (forbidden > 0) out.line(`${forbidden} questions are left out, since a policy forbids them.`);
  if (odd > 0)
    out.line(`${odd} questions are left out, since they hold names that no draft should repeat; gaggle policy explain shows them.`);
}

async function writeNew(file: string, text: string): Promise<void> {
  try {
    await writeFile(file, text, { flag: "wx", mode: 0o600 });
  } catch (error) {
    if (systemCode(error) === "EEXIST") throw new GaggleError("CONFLICT", "That file is there already; name a new one.");
    throw error;
  }
}

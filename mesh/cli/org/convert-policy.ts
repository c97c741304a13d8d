/** `gaggle org convert-policy`: an organisation's `policy.yaml` of before as Cedar. */
import { mkdir, rename } from "node:fs/promises";
import { join } from "node:path";
import { isMap, isSeq, parseDocument } from "yaml";
import { allowList, fromAllowList } from "../../../guard/policy/from-allow-list.ts";
import { compilePolicies } from "../../../guard/policy/compile-policies.ts";
import { GaggleError } from "../../contract/errors.ts";
import { parseAs } from "../../contract/json.ts";
import { readPrivateText, writePrivateFile } from "../../store/private-file.ts";
import type { Output } from "../output.ts";
import { orgPaths, readOrg } from "./org-folder.ts";

/**
 * Writes `policies/converted.cedar`, which answers every question as `policy.yaml` does, and renames that to `policy.yaml.old`.
 * @throws GaggleError NOT_FOUND where there is nothing to convert, INVALID_INPUT where it is no allow-list, CONFLICT where it was converted before
 */
export async function convertPolicy(dir: string, out: Output): Promise<void> {
  await readOrg(dir);
  const { profiles } = orgPaths(dir);
  const from = join(profiles, "policy.yaml");
  const to = join(profiles, "policies", "converted.cedar");
  const text = await readPrivateText(from);
  if (text === undefined) throw new GaggleError("NOT_FOUND", `There is no ${from}, so there is nothing to convert.`);
  if ((await readPrivateText(to)) !== undefined) throw new GaggleError("CONFLICT", `${to} is there already; remove it, or remove ${from}.`);
  const document = parseDocument(text);
  if (document.errors.length > 0) throw new GaggleError("INVALID_INPUT", `${from} is not valid YAML.`);
  const cedar = fromAllowList(parseAs(allowList, document.toJS({ maxAliasCount: 0 }), from), commentsOf(document));
  const { policies } = compilePolicies({ "policies/converted.cedar": cedar });
  await mkdir(join(profiles, "policies"), { recursive: true });
  await writePrivateFile(to, cedar);
  await rename(from, `${from}.old`);
  out.result({ file: to, policies: policies.length });
  out.line(`Wrote ${policies.length} policies to ${to}; they answer as before. ${from} is now policy.yaml.old.`);
  out.line("New actions need permits too: compare with profiles/empty/policies/baseline.cedar of the installation. Then: gaggle org sign");
}

/** What stands above each rule, by its id. */
function commentsOf(document: ReturnType<typeof parseDocument>): ReadonlyMap<string, string> {
  const comments = new Map<string, string>();
  for (const list of ["allow", "deny"]) {
    const rules: unknown = document.get(list);
    if (!isSeq(rules)) continue;
    for (const [i, rule] of rules.items.entries()) {
      const id: unknown = isMap(rule) ? rule.get("id") : undefined;
      // What stands above the first one, the parser gives to the list.
      const above = (isMap(rule) ? rule.commentBefore : undefined) ?? (i === 0 ? rules.commentBefore : undefined);
      if (typeof id === "string" && typeof above === "string") comments.set(id, above);
    }
  }
  return comments;
}

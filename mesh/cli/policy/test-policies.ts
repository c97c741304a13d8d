/** `gaggle policy test`: compiles an organisation folder's policies and runs their unit tests, as signing does. Nothing is signed. */
import { createCedarEngine } from "../../../guard/policy/cedar-engine.ts";
import { runPolicyTests } from "../../../guard/policy/policy-tests.ts";
import { compiledPolicies } from "../../../profiles/bundle/checked-policies.ts";
import { readSources } from "../../../profiles/bundle/read-sources.ts";
import { canonicalHash } from "../../contract/json.ts";
import { orgPaths } from "../org/org-folder.ts";
import { asSeen, type Output, paint } from "../output.ts";

/** Runs the tests. @returns whether all passed @throws GaggleError INVALID_INPUT naming file and line of a policy that is not valid */
export async function testPolicies(out: Output, dir: string): Promise<boolean> {
  const { profiles, recipes } = orgPaths(dir);
  const sources = await readSources(profiles, recipes);
  const set = compiledPolicies(sources);
  const engine = createCedarEngine({ set, orgChart: sources.orgChart, policyHash: canonicalHash(set) });
  try {
    const files = Object.entries(sources.policyTests).map(([file, tests]) => ({
      file,
      tests: tests.length,
      failures: runPolicyTests(engine, tests, sources.orgChart),
    }));
    const failed = files.reduce((sum, { failures }) => sum + failures.length, 0);
    const ran = files.reduce((sum, { tests }) => sum + tests, 0);
    out.result({ ok: failed === 0, policies: set.policies.length, tests: ran, failed, files });
    for (const { file, failures } of files)
      for (const { name, problem } of failures) out.line(`${paint.bad("failed")}  ${asSeen(file)}, "${asSeen(name)}": ${asSeen(problem)}`);
    const verdict = failed === 0 ? paint.good(`${ran} tests pass`) : paint.bad(`${failed} of ${ran} tests fail`);
    out.line(`${set.policies.length} policies are valid; ${verdict}.`);
    return failed === 0;
  } finally {
    engine.close();
  }
}

/** Reads a set of policies from a folder: an organisation folder, its profiles, or the `.cedar` files themselves. */
import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { compilePolicies } from "../../../guard/policy/compile-policies.ts";
import { GaggleError } from "../../contract/errors.ts";
import type { PolicySet } from "../../contract/policy-set.ts";

/** Where policies may lie in a folder, the first that has some counts. */
const PLACES = ["profiles/policies", "policies", "."];
/** Largest policy file, in bytes. */
const MAX_BYTES = 524_288;

const cedarFiles = async (dir: string): Promise<string[]> => {
  try {
    return (await readdir(dir, { withFileTypes: true }))
      .filter((one) => one.isFile() && one.name.endsWith(".cedar"))
      .map(({ name }) => name);
  } catch {
    return [];
  }
};

/** The policies of a folder, checked. @throws GaggleError NOT_FOUND, TOO_LARGE, INVALID_INPUT naming file and line */
export async function readPolicySet(dir: string): Promise<PolicySet> {
  for (const place of PLACES) {
    const folder = join(dir, place);
    const names = await cedarFiles(folder);
    if (names.length === 0) continue;
    const texts: Record<string, string> = {};
    for (const name of names.sort()) {
      if ((await stat(join(folder, name))).size > MAX_BYTES)
        throw new GaggleError("TOO_LARGE", `${name} is larger than ${MAX_BYTES} bytes; split it.`);
      texts[`policies/${name}`] = await readFile(join(folder, name), "utf8");
    }
    return compilePolicies(texts);
  }
  throw new GaggleError("NOT_FOUND", `There is no .cedar file in ${dir}; name an organisation folder, or one with policies/*.cedar.`);
}

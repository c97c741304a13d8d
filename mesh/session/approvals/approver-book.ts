/** Who may be asked for approvals, as the rest of the daemon knows it. */
import type { Target } from "../../contract/daemon-api.ts";
import type { Principal } from "../../contract/identity.ts";

/** The people who can sign, by the signed org chart, the roster and the directory. */
export interface ApproverBook {
  /** Everybody whom a target means, whom policy lets be asked and whose key is on the roster: best first, one agent a person. @throws GaggleError NO_ROUTE */
  candidates(target: Target): readonly Principal[];
  /** Whom a person reports to, nearest first, by the signed org chart. */
  above(subject: string): readonly string[];
  /** The best known agent of a person whose key is on the roster; undefined where there is none, as for who has left. */
  agentOf(subject: string): Principal | undefined;
}

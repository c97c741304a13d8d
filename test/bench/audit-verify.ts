/** How fast an audit export is verified. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { verifyExport } from "../../mesh/audit/verify.ts";
import type { BenchOrganisation } from "./bench-organisation.ts";

/** Events in the export, and how many of them are checked in a second: the best of three, since each reads the whole file anew. */
export interface AuditVerify {
  readonly events: number;
  readonly eventsPerSecond: number;
}

/** Lets the daemons ship, exports and verifies. @throws Error where the export does not verify */
export async function measureAuditVerify(organisation: BenchOrganisation, folder: string): Promise<AuditVerify> {
  const file = join(folder, "audit.ndjson");
  await organisation.exportAudit(file);
  const bytes = await readFile(file);
  const verifyOnce = async (): Promise<AuditVerify> => {
    const startedAt = performance.now();
    const { ok, events } = await verifyExport([bytes]);
    if (!ok) throw new Error("The audit export does not verify; run `gaggle audit verify` on one to see where.");
    return { events, eventsPerSecond: events / ((performance.now() - startedAt) / 1_000) };
  };
  const [first, ...rest] = [await verifyOnce(), await verifyOnce(), await verifyOnce()];
  return rest.reduce((best, one) => (one.eventsPerSecond > best.eventsPerSecond ? one : best), first);
}

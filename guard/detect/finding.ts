/** What a detector returns. */
import type { Entity } from "../../mesh/contract/daemon-api.ts";
import type { DataClass } from "../../mesh/contract/data-class.ts";

/** A span that was found, with the value that it stands for (JSON escapes decoded). */
export interface Finding extends Entity {
  readonly label: DataClass;
  readonly value: string;
}

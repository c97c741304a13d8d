/**
 * What a shard is called where its id may not be read: its owner chose the id, and a name can stand in it. Agents of the owner's department know both, so
 * that a task of theirs names it to everybody as they know it. Pure. docs/decisions/0140-names-of-shards.md
 */
import { newUuid } from "../../contract/ids.ts";
import type { Principal } from "../../contract/identity.ts";
import type { Random } from "../../contract/ports.ts";
import type { HeldShard } from "./session-record.ts";

/** A new alias: drawn, so that nothing can be guessed from it. */
export const newAlias = (nowMs: number, random: Random): string => `shard-${newUuid(nowMs, random)}`;

/** The id of a shard as another agent knows it. */
export const idFor = ({ id, alias }: Pick<HeldShard, "id" | "alias">, self: Principal, to: Principal): string =>
  self.department === to.department ? id : (alias ?? id);

/** Whether an id means a shard, by whichever of its names. */
export const isCalled = (one: Pick<HeldShard, "id" | "alias">, id: string): boolean => one.id === id || one.alias === id;
